/* Windows: ranges of a compute brick's physical addresses, one NetPort entry each.
 *
 * Pure.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "wire/words.h"

#define SDM_WINDOW_N_ENTRIES 4096
/* Addresses below never reach the RMC. */
#define SDM_WINDOW_FLOOR_BYTES (UINT64_C(1) << 30)
/* NetPort fields name pages up to here; a window ends at or below. */
#define SDM_WINDOW_CEILING_BYTES ((UINT64_C(1) << 44) - 4096)
/* The register file of the RMC itself: no window covers it. */
#define SDM_WINDOW_HOLE_START_BYTES UINT64_C(0xff080000)
#define SDM_WINDOW_HOLE_END_BYTES   UINT64_C(0xff090000)

struct sdm_window {
    int32_t compute_no;
    int32_t entry;
    uint64_t start_bytes;
    uint64_t size_bytes;
};

/* Checks entry, floor, ceiling, hole and alignment to 'unit_bytes'.  Refuses OUT_OF_RANGE or
 * NOT_ALIGNED. */
bool sdm_window_validate(const struct sdm_window *window, uint64_t unit_bytes, GError **error);

/* How far a window is wired, wanted ('want') and found ('have'):
 *
 *     absent <--> mapped <--> attached
 *
 * One step at a time in both directions; a step out of 'attached' needs the memory given up. */
bool sdm_window_level_may_step(enum sdm_window_level from, enum sdm_window_level to);

/* The next level on the way; 'have' itself when it is reached. */
enum sdm_window_level sdm_window_level_next(enum sdm_window_level have, enum sdm_window_level want);
