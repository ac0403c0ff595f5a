/* What becomes of what a fenced compute brick had.
 *
 *   cut off, confirmed       windows are gone; reservations are given up and end 'released', a
 * group only loses its member; what was quarantined for its sake is scrubbed nobody confirms it
 * what may be mapped there goes to quarantine, its reservation has failed; what was never mapped is
 * given up
 *
 * Thread rule: as the transaction; its reservations are locked here, before anything else is
 * written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/settle/settle.h"
#include "sdm-controller/store/fence.h"
#include "sdm-controller/store/tx.h"

/* How many reservations each ending took. */
struct sdm_fence_count {
    size_t n_released;
    size_t n_failed;
    /* Groups that go on without the brick, and reservations on their way out already. */
    size_t n_left;
};

/* Locks the reservations that the brick has; first of all. */
bool sdm_settle_fence_lock(struct sdm_tx *tx, int32_t device_no, struct sdm_arena *arena,
                           char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error);

/* Moves them on. */
bool sdm_settle_fence(const struct sdm_settler *settler, struct sdm_tx *tx,
                      const struct sdm_fence *fence, bool confirmed,
                      char (*reservations)[SDM_UUID_SIZE], size_t n, struct sdm_arena *arena,
                      struct sdm_fence_count *count, GError **error);
