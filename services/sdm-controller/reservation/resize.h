/* s10.resize: grows a reservation by new segments, or shrinks it by whole ones, newest first. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Growth refuses as sdm_planner_plan_growth() and, in a guest, NO_SLOT.  Shrinking refuses
 * UNREACHABLE_SIZE with the nearest sizes that whole segments make.  Both refuse NOT_FOUND,
 * WRONG_KIND (group, accelerator), LEASE_EXPIRED, WRONG_STATE (neither held nor attached),
 * NOT_ALIGNED, QUOTA_EXCEEDED. */
bool sdm_reservation_resize(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_resize *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
