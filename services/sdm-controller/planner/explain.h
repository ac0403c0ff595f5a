/* Why an attempt failed, counted stage by stage, and the nearest request that would succeed.
 *
 * Only for the planner. */
#pragma once

#include "sdm-controller/planner/attempt.h"
#include "sdm-controller/planner/refusal.h"

/* Fills the stages for one compute brick as far as planning got, and sets 'error': NO_CAPACITY,
 * NO_PATH or NO_WINDOW.  Cost: O(memory bricks); when paths are what is missing, O(fabric). */
void sdm_explain_stages(struct sdm_planner *planner, struct sdm_ledger *ledger,
                        const struct sdm_wanted *wanted, int32_t compute_no,
                        struct sdm_refusal *refusal, GError **error);

/* True when enough bytes are free within the class, ways not considered: only then is it worth
 * while to look at every way there is.  Cost: O(memory bricks of the class). */
bool sdm_explain_has_bytes(struct sdm_planner *planner, struct sdm_ledger *ledger,
                           const struct sdm_wanted *wanted, int32_t compute_no);

/* Fills the nearest request that would succeed. */
void sdm_explain_nearest(struct sdm_planner *planner, struct sdm_ledger *ledger,
                         const struct sdm_wanted *wanted, struct sdm_nearest *nearest);
