/* What is wrong with a request whatever is free.
 *
 * Only for the planner.  Thread rule: that of the planner. */
#pragma once

#include "sdm-controller/planner/attempt.h"

/* Refuses NOT_FOUND and WRONG_KIND. */
bool sdm_check_compute(const struct sdm_ledger *ledger, int32_t compute_no, GError **error);
/* Refuses WRONG_STATE. */
bool sdm_check_active(const struct sdm_ledger *ledger, int32_t compute_no, GError **error);
/* All compute bricks, of which one has to be active, and the size.  Refuses as above, and
 * NOT_ALIGNED. */
bool sdm_check_request(const struct sdm_ledger *ledger, const struct sdm_plan_request *request,
                       GError **error);
/* Refuses TOO_LARGE. */
bool sdm_check_size(const struct sdm_planner *planner, const struct sdm_ledger *ledger,
                    const struct sdm_plan_request *request, GError **error);
