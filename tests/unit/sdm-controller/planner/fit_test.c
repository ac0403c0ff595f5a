#include "sdm-controller/planner/fit.h"

#include <criterion/criterion.h>
#include <glib.h>

Test(fit, few_extents_and_segments_are_taken)
{
    /* Free: 10 at 0, 4 at 20, 6 at 40, 4 at 60. */
    static const uint64_t used[][2] = {{10, 10}, {24, 16}, {46, 14}};
    static const struct {
        const char *label;
        struct sdm_fit_rule rule;
        struct sdm_fit fit;
        struct sdm_free_extent segments[4];
    } cases[] = {
        {"smallest that suffices", {4, 100, 8, false, false}, {4, 1}, {{20, 4}}},
        {"lowest that suffices", {4, 100, 8, false, true}, {4, 1}, {{0, 4}}},
        {"part of one", {5, 100, 8, false, false}, {5, 1}, {{40, 5}}},
        {"largest, then the smallest for the rest",
         {14, 100, 8, false, false},
         {14, 2},
         {{0, 10}, {20, 4}}},
        {"largest first", {19, 100, 8, false, false}, {19, 3}, {{0, 10}, {40, 6}, {20, 3}}},
        {"all", {24, 100, 8, false, false}, {24, 4}, {{0, 10}, {40, 6}, {20, 4}, {60, 4}}},
        {"more than all",
         {30, 100, 8, false, false},
         {24, 4},
         {{0, 10}, {40, 6}, {20, 4}, {60, 4}}},
        {"few segments", {24, 100, 2, false, false}, {16, 2}, {{0, 10}, {40, 6}}},
        {"cut to size", {10, 4, 8, false, false}, {10, 3}, {{0, 4}, {4, 4}, {8, 2}}},
        {"cut, too few", {10, 4, 2, false, false}, {8, 2}, {{0, 4}, {4, 4}}},
        {"contiguous", {10, 100, 1, true, false}, {10, 1}, {{0, 10}}},
        {"contiguous, too large", {11, 100, 1, true, false}, {0, 0}, {{0, 0}}},
        {"no segments left", {4, 100, 0, false, false}, {0, 0}, {{0, 0}}},
    };
    struct sdm_extents extents;

    sdm_extents_init(&extents, 64);
    for (size_t i = 0; i < G_N_ELEMENTS(used); i++) {
        cr_assert(sdm_extents_take(&extents, used[i][0], used[i][1]));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_free_extent segments[8];
        struct sdm_fit counted = sdm_fit_extents(&extents, &cases[i].rule, NULL);
        struct sdm_fit fit = sdm_fit_extents(&extents, &cases[i].rule, segments);

        cr_assert_eq(fit.bytes, cases[i].fit.bytes, "%s", cases[i].label);
        cr_assert_eq(fit.n_segments, cases[i].fit.n_segments, "%s", cases[i].label);
        cr_assert_eq(counted.bytes, fit.bytes, "%s", cases[i].label);
        cr_assert_eq(counted.n_segments, fit.n_segments, "%s", cases[i].label);
        for (uint32_t k = 0; k < fit.n_segments; k++) {
            cr_assert_eq(segments[k].offset_bytes, cases[i].segments[k].offset_bytes, "%s: %u",
                         cases[i].label, k);
            cr_assert_eq(segments[k].size_bytes, cases[i].segments[k].size_bytes, "%s: %u",
                         cases[i].label, k);
        }
    }
    sdm_extents_done(&extents);
}

Test(fit, nothing_comes_from_a_full_brick)
{
    struct sdm_extents extents;
    struct sdm_fit_rule rule = {4, 100, 8, false, false};

    sdm_extents_init(&extents, 8);
    cr_assert(sdm_extents_take(&extents, 0, 8));
    cr_assert_eq(sdm_fit_extents(&extents, &rule, NULL).bytes, 0);
    sdm_extents_done(&extents);
}
