/* Live NetPort entries that lost their path to a disconnect: the last of them, so that who counts
 * them can also say whose they were.  Not kept over restarts; the counter is.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "emurack/emu.h"

#define SDM_EMU_CUTS_MAX 64

struct sdm_emu_cut {
    uint64_t number; /* counters.cut_under_live with this one */
    int64_t wall_us;
    const struct sdm_emu_device *at; /* the switch, and its ports that were disconnected */
    unsigned a;
    unsigned b;
    const struct sdm_emu_device *compute;
    unsigned entry;
    unsigned port;
    const struct sdm_emu_device *memory;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

/* Counts and notes those of 'uses' (sdm_emu_rmc_reachable(), from before the disconnect of 'a' and
 * 'b' at the switch 'at') that do not reach their bytes any more. */
void sdm_emu_cuts_note(struct sdm_emu *emu, const GArray *uses, const struct sdm_emu_device *at,
                       unsigned a, unsigned b);
