/* Windows for an attachment: what attach, a resize up and a group have in common. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"

/* A segment that gets a window. */
struct sdm_wiring_segment {
    const char *segment;
    uint64_t size_bytes;
};

/* Gives each segment a window of the compute brick, wanted at the level that 'mode' needs, and has
 * the agent told when their circuits are up already.  Refuses NO_WINDOW. */
bool sdm_wiring_make_windows(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const char *attachment, int32_t compute_no, enum sdm_mode mode,
                             const struct sdm_wiring_segment *segments, size_t n,
                             struct sdm_arena *arena, GError **error);

/* How far a window of this mode has to come to be usable. */
enum sdm_window_level sdm_wiring_level(enum sdm_mode mode);

/* Checks that a guest can take 'n_segments' DIMMs of 'size_bytes' together.  Refuses NO_SLOT;
 * NOT_FOUND for a guest that is another project's, WRONG_STATE for one that is gone, INVALID_VALUE
 * for one on another compute brick. */
bool sdm_wiring_check_guest(struct sdm_tx *tx, const struct sdm_caller *caller, const char *vm,
                            const struct sdm_snapshot *snapshot, size_t n_segments,
                            uint64_t size_bytes, GError **error);
