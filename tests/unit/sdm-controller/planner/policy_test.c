#include "sdm-controller/planner/policy.h"

#include <criterion/criterion.h>
#include <glib.h>

/* Differ from each other in everything that any policy looks at. */
static const struct sdm_candidate near_full = {.position = 9,
                                               .latency_class = SDM_LATENCY_CLASS_TRAY,
                                               .n_hops = 3,
                                               .free_bytes = 10,
                                               .largest_bytes = 9,
                                               .fit_bytes = 8,
                                               .n_segments = 1};
static const struct sdm_candidate far_empty = {.position = 2,
                                               .latency_class = SDM_LATENCY_CLASS_RACK,
                                               .n_hops = 1,
                                               .is_new_tray = true,
                                               .free_bytes = 90,
                                               .largest_bytes = 80,
                                               .fit_bytes = 8,
                                               .n_segments = 1};
static const struct sdm_candidate far_shared = {.position = 5,
                                                .latency_class = SDM_LATENCY_CLASS_RACK,
                                                .n_hops = 5,
                                                .shared = true,
                                                .free_bytes = 50,
                                                .largest_bytes = 8,
                                                .fit_bytes = 8,
                                                .n_segments = 2};

Test(policy, each_prefers_what_it_says)
{
    static const struct {
        const char *label;
        enum sdm_policy policy;
        const struct sdm_candidate *order[3];
    } cases[] = {
        {"near", SDM_POLICY_NEAR, {&near_full, &far_shared, &far_empty}},
        {"pack", SDM_POLICY_PACK, {&far_shared, &near_full, &far_empty}},
        {"spread", SDM_POLICY_SPREAD, {&far_empty, &far_shared, &near_full}},
        {"first-fit", SDM_POLICY_FIRST_FIT, {&far_shared, &far_empty, &near_full}},
        {"best-fit", SDM_POLICY_BEST_FIT, {&far_shared, &near_full, &far_empty}},
        {"locality", SDM_POLICY_LOCALITY, {&near_full, &far_empty, &far_shared}},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct sdm_policy_rule *rule = sdm_policy_rule(cases[i].policy);

        cr_assert_gt(rule->pool, 0);
        for (int a = 0; a < 3; a++) {
            for (int b = 0; b < 3; b++) {
                int order = rule->compare(cases[i].order[a], cases[i].order[b]);

                cr_assert_eq((order > 0) - (order < 0), (a > b) - (a < b), "%s: %d, %d",
                             cases[i].label, a, b);
            }
        }
    }
}

Test(policy, parts_come_from_where_there_is_most)
{
    struct sdm_candidate more = near_full;
    struct sdm_candidate twin = far_shared;

    more.fit_bytes = 9;
    cr_assert_lt(sdm_policy_compare_parts(&more, &far_shared), 0);
    cr_assert_lt(sdm_policy_compare_parts(&far_shared, &far_empty), 0, "a circuit is there");
    cr_assert_lt(sdm_policy_compare_parts(&near_full, &far_empty), 0, "nearer");
    twin.position++;
    cr_assert_lt(sdm_policy_compare_parts(&far_shared, &twin), 0);
    cr_assert_eq(sdm_policy_compare_parts(&twin, &twin), 0);
}
