/* The plain values of the model: devices, extents, plans, windows. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "lib/base/error.h"
#include "sdm-controller/model/device.h"
#include "sdm-controller/model/extent.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/window.h"

Test(device, kinds_have_words)
{
    for (int kind = 0; kind < SDM_N_DEVICE_KIND; kind++) {
        enum sdm_device_kind found;

        cr_assert(sdm_device_kind_from_name(sdm_device_kind_name(kind), &found));
        cr_assert_eq((int)found, kind);
    }
    enum sdm_device_kind untouched = SDM_DEVICE_KIND_OPTICAL;
    cr_assert_not(sdm_device_kind_from_name("toaster", &untouched));
    cr_assert_eq(untouched, SDM_DEVICE_KIND_OPTICAL);
    cr_assert_not(sdm_device_kind_is_switch(SDM_DEVICE_KIND_ACCELERATOR));
    cr_assert(sdm_device_kind_is_switch(SDM_DEVICE_KIND_ELECTRICAL));
}

Test(device, distance_is_by_tray_then_rack)
{
    struct sdm_device a = {.tray_no = 1, .rack_no = 1};
    struct sdm_device b = {.tray_no = 1, .rack_no = 1};
    struct sdm_device c = {.tray_no = 2, .rack_no = 1};
    struct sdm_device d = {.tray_no = 3, .rack_no = 2};

    cr_assert_eq(sdm_device_distance(&a, &b), SDM_LATENCY_CLASS_TRAY);
    cr_assert_eq(sdm_device_distance(&a, &c), SDM_LATENCY_CLASS_RACK);
    cr_assert_eq(sdm_device_distance(&a, &d), SDM_LATENCY_CLASS_INTER_RACK);
}

Test(extent, sorts_by_brick_and_offset)
{
    struct sdm_extent extents[] = {{2, 0, 1}, {1, 8, 4}, {1, 0, 8}, {1, 8, 4}};

    qsort(extents, G_N_ELEMENTS(extents), sizeof extents[0], sdm_extent_compare);
    cr_assert_eq(extents[0].offset_bytes, 0);
    cr_assert_eq(extents[1].offset_bytes, 8);
    cr_assert_eq(extents[2].offset_bytes, 8);
    cr_assert_eq(extents[3].brick_no, 2);
}

Test(extent, overlap_is_a_shared_byte)
{
    static const struct {
        const char *label;
        struct sdm_extent a;
        struct sdm_extent b;
        bool overlaps;
    } cases[] = {
        {"same", {1, 4, 4}, {1, 4, 4}, true},         {"touch", {1, 0, 4}, {1, 4, 4}, false},
        {"inside", {1, 0, 8}, {1, 2, 2}, true},       {"last byte", {1, 0, 5}, {1, 4, 4}, true},
        {"other brick", {1, 0, 8}, {2, 0, 8}, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_assert_eq(sdm_extent_overlaps(&cases[i].a, &cases[i].b), cases[i].overlaps, "%s",
                     cases[i].label);
        cr_assert_eq(sdm_extent_overlaps(&cases[i].b, &cases[i].a), cases[i].overlaps, "%s",
                     cases[i].label);
    }
}

Test(plan, copy_stands_alone)
{
    g_autoptr(sdm_plan) plan = sdm_plan_new(2, 1, 1);
    g_autoptr(sdm_plan) copy = NULL;

    plan->compute_no = 7;
    plan->segments[1].extent.offset_bytes = 4096;
    plan->paths[0].n_hops = 3;
    plan->wakes[0].wake_ms = 9;
    copy = sdm_plan_dup(plan);
    plan->segments[1].extent.offset_bytes = 0;
    plan->paths[0].n_hops = 0;
    plan->wakes[0].wake_ms = 0;
    cr_assert_eq(copy->compute_no, 7);
    cr_assert_eq(copy->n_segments, 2);
    cr_assert_eq(copy->segments[1].extent.offset_bytes, 4096);
    cr_assert_eq(copy->paths[0].n_hops, 3);
    cr_assert_eq(copy->wakes[0].wake_ms, 9);
}

Test(window, what_no_window_may_be)
{
    static const uint64_t unit = UINT64_C(1) << 27;
    static const struct {
        const char *label;
        struct sdm_window window;
        int code;
    } cases[] = {
        {"entry below", {1, -1, 8 * unit, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"entry above", {1, 4096, 8 * unit, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"empty", {1, 0, 8 * unit, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"below the floor", {1, 0, 7 * unit, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"start above", {1, 0, UINT64_C(1) << 44, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"end above", {1, 0, (UINT64_C(1) << 44) - unit, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"size wraps", {1, 0, 8 * unit, UINT64_MAX - unit}, SDM_ERROR_OUT_OF_RANGE},
        {"register file", {1, 0, 31 * unit, unit}, SDM_ERROR_OUT_OF_RANGE},
        {"start off", {1, 0, 8 * unit + 4096, unit}, SDM_ERROR_NOT_ALIGNED},
        {"size off", {1, 0, 8 * unit, unit + 4096}, SDM_ERROR_NOT_ALIGNED},
        {"good", {1, 4095, 8 * unit, 23 * unit}, -1},
        {"behind the register file", {1, 0, 32 * unit, unit}, -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        bool good = sdm_window_validate(&cases[i].window, unit, &error);

        cr_assert_eq(good, cases[i].code < 0, "%s", cases[i].label);
        cr_assert(good || error->code == cases[i].code, "%s: %s", cases[i].label,
                  error ? error->message : "");
    }
}

Test(window, levels_go_step_by_step)
{
    for (int from = 0; from < SDM_N_WINDOW_LEVEL; from++) {
        for (int to = 0; to < SDM_N_WINDOW_LEVEL; to++) {
            int have = from;
            int n = 0;

            cr_assert_eq(sdm_window_level_may_step(from, to), abs(from - to) == 1);
            while (have != to) {
                int next = (int)sdm_window_level_next(have, to);

                cr_assert(sdm_window_level_may_step(have, next));
                have = next;
                cr_assert_lt(n++, SDM_N_WINDOW_LEVEL);
            }
            cr_assert_eq((int)sdm_window_level_next(have, to), to);
        }
    }
}
