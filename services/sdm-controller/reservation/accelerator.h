/* s10.accelerator.reserve and s10.accelerator.release. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Reserves an accelerator brick of a kind and has it wired.  Refuses as
 * sdm_planner_plan_accelerator() does, and FORBIDDEN, QUOTA_EXCEEDED. */
bool sdm_reservation_accelerator_reserve(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                         const struct sdm_caller *caller,
                                         const struct sdm_s10_accelerator_reserve *request,
                                         struct sdm_arena *arena, struct sdm_outcome *outcome,
                                         GError **error);

/* Refuses NOT_FOUND, WRONG_KIND when it holds memory, LEASE_EXPIRED, and WRONG_STATE when it has
 * been released. */
bool sdm_reservation_accelerator_release(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                         const struct sdm_caller *caller,
                                         const struct sdm_s10_accelerator_release *request,
                                         struct sdm_arena *arena, struct sdm_outcome *outcome,
                                         GError **error);

/* The same for operations of a batch. */
bool sdm_reservation_accelerator_reserve_one(
    struct sdm_reservation_engine *engine, struct sdm_tx *tx, const char *project,
    const struct sdm_wire_accelerator_reserve_request *request, enum sdm_wait_level wait,
    struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
bool sdm_reservation_accelerator_release_one(struct sdm_reservation_engine *engine,
                                             struct sdm_tx *tx, const struct sdm_caller *caller,
                                             const char *reservation, enum sdm_wait_level wait,
                                             struct sdm_arena *arena, struct sdm_outcome *outcome,
                                             GError **error);
