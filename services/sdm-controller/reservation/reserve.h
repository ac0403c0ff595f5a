/* s10.reserve: a project's hold on bytes, by a plan or by what a plan is made of. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Reserves; the outcome gets "s10.reply/1", complete at 'committed'.
 *
 * Refuses as sdm_planner_plan() does, and
 *   MISSING_MEMBER   neither plan nor request given;
 *   INVALID_VALUE    both given;
 *   PLAN_EXPIRED     the plan is unknown, too old, or another project's;
 *   PLAN_STALE       what the plan uses is no longer free;
 *   QUOTA_EXCEEDED, FORBIDDEN. */
bool sdm_reservation_reserve(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const struct sdm_caller *caller, const struct sdm_s10_reserve *request,
                             struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* The same for one operation of a batch. */
bool sdm_reservation_reserve_for(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const char *project,
                                 const struct sdm_wire_reserve_request *request,
                                 struct sdm_arena *arena, struct sdm_outcome *outcome,
                                 GError **error);
