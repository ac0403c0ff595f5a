/* s10.release and s10.renew, accelerators included, and what happens when a lease ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Refuses NOT_FOUND, LEASE_EXPIRED when it ended by its lease, and WRONG_STATE when it has been
 * released already. */
bool sdm_reservation_release(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const struct sdm_caller *caller, const struct sdm_s10_release *request,
                             struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* The same for one operation of a batch. */
bool sdm_reservation_release_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const struct sdm_caller *caller, const char *reservation,
                                 enum sdm_wait_level wait, struct sdm_arena *arena,
                                 struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND, WRONG_STATE when it has been released, LEASE_EXPIRED when its lease has ended.
 */
bool sdm_reservation_renew(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s10_renew *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Releases held reservations whose lease has ended, at most 'n_max'; '*n' says how many. */
bool sdm_reservation_expire(struct sdm_reservation_engine *engine, struct sdm_tx *tx, size_t n_max,
                            struct sdm_arena *arena, size_t *n, GError **error);
