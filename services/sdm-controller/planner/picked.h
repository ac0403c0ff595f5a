/* A plan out of what an attempt has picked.
 *
 * Only for the planner.  Thread rule: that of the planner. */
#pragma once

#include "sdm-controller/planner/attempt.h"

/* A new plan of the planner's picks and segments, sorted as plans are. */
struct sdm_plan *sdm_picked_plan(const struct sdm_planner *planner,
                                 const struct sdm_plan_request *request);
