#include "sdm-controller/planner/policy.h"

/* The first criterion that tells two candidates apart decides. */
#define PREFER_LESS(a, b, member)                                                                  \
    if ((a)->member != (b)->member) {                                                              \
        return (a)->member < (b)->member ? -1 : 1;                                                 \
    }
#define PREFER_MORE(a, b, member) PREFER_LESS(b, a, member)

static int by_position(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    return (a->position > b->position) - (a->position < b->position);
}

static int compare_near(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_LESS(a, b, latency_class)
    PREFER_MORE(a, b, shared)
    PREFER_LESS(a, b, n_segments)
    PREFER_LESS(a, b, free_bytes)
    PREFER_LESS(a, b, n_hops)
    return by_position(a, b);
}

static int compare_pack(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_MORE(a, b, shared)
    PREFER_LESS(a, b, free_bytes)
    PREFER_LESS(a, b, latency_class)
    PREFER_LESS(a, b, n_segments)
    return by_position(a, b);
}

static int compare_spread(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_MORE(a, b, is_new_tray)
    PREFER_MORE(a, b, free_bytes)
    PREFER_LESS(a, b, latency_class)
    return by_position(a, b);
}

static int compare_first_fit(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_MORE(a, b, shared)
    return by_position(a, b);
}

static int compare_best_fit(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_MORE(a, b, shared)
    PREFER_LESS(a, b, n_segments)
    PREFER_LESS(a, b, largest_bytes)
    return by_position(a, b);
}

static int compare_locality(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_LESS(a, b, latency_class)
    PREFER_LESS(a, b, n_hops)
    PREFER_MORE(a, b, shared)
    PREFER_LESS(a, b, n_segments)
    PREFER_LESS(a, b, largest_bytes)
    return by_position(a, b);
}

int sdm_policy_compare_parts(const struct sdm_candidate *a, const struct sdm_candidate *b)
{
    PREFER_MORE(a, b, fit_bytes)
    PREFER_MORE(a, b, shared)
    PREFER_LESS(a, b, latency_class)
    PREFER_LESS(a, b, n_segments)
    return by_position(a, b);
}

static const struct sdm_policy_rule rules[] = {
    [SDM_POLICY_NEAR] = {.by_class = true,
                         .shared_first = true,
                         .order = SDM_WALK_LEAST,
                         .family = SDM_INDEX_BY_FREE,
                         .pool = 2,
                         .compare = compare_near},
    [SDM_POLICY_PACK] = {.shared_first = true,
                         .order = SDM_WALK_LEAST,
                         .family = SDM_INDEX_BY_FREE,
                         .pool = 1,
                         .compare = compare_pack},
    [SDM_POLICY_SPREAD] = {.shares = true,
                           .order = SDM_WALK_MOST,
                           .family = SDM_INDEX_BY_FREE,
                           .pool = 8,
                           .compare = compare_spread},
    [SDM_POLICY_FIRST_FIT] = {.shared_first = true,
                              .lowest_extent = true,
                              .order = SDM_WALK_POSITION,
                              .family = SDM_INDEX_BY_FREE,
                              .pool = 1,
                              .compare = compare_first_fit},
    [SDM_POLICY_BEST_FIT] = {.shared_first = true,
                             .order = SDM_WALK_LEAST,
                             .family = SDM_INDEX_BY_LARGEST,
                             .pool = 1,
                             .compare = compare_best_fit},
    [SDM_POLICY_LOCALITY] = {.by_class = true,
                             .order = SDM_WALK_LEAST,
                             .family = SDM_INDEX_BY_LARGEST,
                             .pool = 4,
                             .compare = compare_locality},
};

const struct sdm_policy_rule *sdm_policy_rule(enum sdm_policy policy)
{
    return &rules[policy];
}
