/* The rack's moving state as a file, so that a restart, however sudden, changes nothing: power,
 * epochs, cross-connections, NetPort entries, memory blocks, scrubs, counters.
 *
 * A text file of one line a fact, written whole to another name and renamed.  It survives the end
 * of the process, not that of the machine: then an emulated rack is empty anyway.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"

/* Writes state_dir/state, and notes in 'save_failure' when it cannot.  Cost: O(facts). */
bool sdm_emu_store_save(struct sdm_emu *emu, GError **error);

/* Reads it at start; without a file the rack stays as its description says.  Facts about devices
 * that the rack file no longer has are dropped with a warning.  Refuses with MALFORMED a file that
 * it cannot read. */
bool sdm_emu_store_load(struct sdm_emu *emu, GError **error);
