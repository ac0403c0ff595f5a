/* The whole emulated rack: its devices, its bytes, its armed faults, its counters, and where they
 * are kept.
 *
 * Thread rule: the main-loop thread and the FUSE thread share it; whoever calls a function that
 * takes a 'struct sdm_emu' holds its mutex, unless that function says otherwise. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emurack/extent.h"
#include "emurack/fault.h"
#include "emurack/rack.h"
#include "lib/base/clock.h"

/* What hardware would not refuse, but a correct control plane never does; kept over restarts. */
struct sdm_emu_counters {
    uint64_t overlaps;        /* live extents that were granted over live extents */
    uint64_t cut_under_live;  /* live NetPort entries that lost their path to a disconnect */
    uint64_t unmapped_online; /* memory blocks that were online when their entry went */
    uint64_t scrubs;
};

struct sdm_emu {
    pthread_mutex_t mutex; /* of pthreads, so that ThreadSanitizer sees it */
    struct sdm_emu_rack *rack;
    const struct sdm_clock *clock;
    struct sdm_emu_extents *extents;
    struct sdm_emu_faults *faults;
    struct sdm_emu_counters counters;
    GArray *cuts; /* of struct sdm_emu_cut (cuts.h), oldest first */
    char *state_dir;
    char *bytes_dir;
    char *save_failure;    /* why the state could not be written last; NULL when it was */
    GHashTable *registers; /* compute brick's id to its mapped register file */
};
typedef struct sdm_emu sdm_emu;

/* Takes 'rack'.  Opens both folders, reads the saved state, puts every brick back to where it was
 * and completes moves of bytes that were cut short.  'clock' outlives it. */
struct sdm_emu *sdm_emu_open(struct sdm_emu_rack *rack, const char *state_dir,
                             const char *bytes_dir, const struct sdm_clock *clock, GError **error);
/* Called without the mutex, when no other thread is left. */
void sdm_emu_close(struct sdm_emu *emu);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_emu, sdm_emu_close)

/* True when a device answers and does its work now: powered, and awake. */
bool sdm_emu_is_awake(const struct sdm_emu *emu, const struct sdm_emu_device *device);

/* "on", "off" or "waking". */
const char *sdm_emu_power_name(const struct sdm_emu *emu, const struct sdm_emu_device *device);
