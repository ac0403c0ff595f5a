/* s10.plan, and what every request that plans has in common with it. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Reads a request's members; names become numbers.  Ledger locked.  NOT_FOUND, WRONG_KIND;
 * WRONG_MODE for a guest's memory that has to be one segment larger than a DIMM may be is the
 * planner's. */
bool sdm_plan_read_request(const struct sdm_topology *topology,
                           const struct sdm_wire_plan_request *wire,
                           struct sdm_plan_request *request, GError **error);

/* Puts what a refusal found into the outcome, for the error reply. */
void sdm_plan_explain(const struct sdm_topology *topology, const struct sdm_refusal *refusal,
                      struct sdm_arena *arena, struct sdm_outcome *outcome);

/* The plan's paths as messages show them.  Ledger locked, or the topology held. */
void sdm_plan_view_paths(const struct sdm_topology *topology, const struct sdm_plan *plan,
                         struct sdm_arena *arena, struct sdm_wire_path **paths, size_t *n_paths);

/* Plans without holding anything; the outcome gets "s10.plan.reply/1".  Refuses as
 * sdm_planner_plan() does. */
bool sdm_reservation_plan(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_plan *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
