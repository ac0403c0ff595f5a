/* One attempt to plan memory for one compute brick under one rule, and what it has picked so far.
 *
 * An attempt applies the paths that it has picked to the ledger's ports, so that the next one sees
 * them, and takes them back at its end.
 *
 * Only for the planner.  Thread rule: that of the planner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/state.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/request.h"
#include "sdm-controller/planner/fit.h"
#include "sdm-controller/planner/path.h"
#include "sdm-controller/planner/planner.h"
#include "sdm-controller/planner/policy.h"
#include "sdm-controller/planner/walk.h"

#define SDM_PLANNER_MAX_SEGMENTS 1024

/* A brick that the plan uses. */
struct sdm_pick {
    struct sdm_candidate candidate;
    struct sdm_path path;
};

/* A request with what is known of the reservation already. */
struct sdm_wanted {
    struct sdm_plan_request request;
    /* Bricks whose circuits hold the bandwidth of this reservation already. */
    const int32_t *own_bricks;
    uint32_t n_own_bricks;
    /* Segments that it has. */
    uint32_t n_own_segments;
};

struct sdm_planner {
    struct sdm_planner_params params;
    struct sdm_ledger *ledger;
    struct sdm_path_search search;
    struct sdm_walk_place place;
    struct sdm_walk walk;

    /* The attempt. */
    const struct sdm_wanted *wanted;
    const struct sdm_policy_rule *rule;
    int32_t compute_no;
    enum sdm_latency_class latency_class;
    bool contiguous;
    /* Look at every way and every brick that one leads to, at the cost of all of them. */
    bool exhaustive;
    uint64_t max_segment_bytes;
    uint32_t max_segments;
    struct sdm_pick *picks;
    uint32_t n_picks;
    uint32_t n_applied;
    struct sdm_plan_segment *segments;
    struct sdm_free_extent *pieces;
    uint32_t n_segments;
    uint64_t placed_bytes;
    /* Found on the way. */
    struct sdm_path found_path;
};

struct sdm_attempt {
    int32_t compute_no;
    uint64_t size_bytes;
    enum sdm_latency_class latency_class;
    bool contiguous;
    bool exhaustive;
};

/* Picks bricks for 'size_bytes'; true when all of it is placed.  'planner->placed_bytes' says how
 * much was; picks and segments stand in the planner until the next attempt.  The ledger is as
 * before. */
bool sdm_attempt_run(struct sdm_planner *planner, struct sdm_ledger *ledger,
                     const struct sdm_wanted *wanted, const struct sdm_attempt *attempt);

/* Prepares search and place for one compute brick. */
void sdm_attempt_begin(struct sdm_planner *planner, struct sdm_ledger *ledger, int32_t compute_no,
                       int32_t bandwidth_mbps);

/* True when an existing circuit can carry this much more: every switch on it is active, every link
 * has the bandwidth. */
bool sdm_attempt_can_share(const struct sdm_ledger *ledger, const struct sdm_path *circuit,
                           int32_t bandwidth_mbps);

/* Bandwidth that a path of the request still has to claim on the way to a brick. */
int32_t sdm_attempt_bandwidth(const struct sdm_wanted *wanted, int32_t brick_no);
