#include "sdm-controller/compile/agent.h"

#include <criterion/criterion.h>

Test(agent, is_told_of_every_window)
{
    struct sdm_wanted_row rows[] = {
        {.window = "w1",
         .segment = "s1",
         .entry = 7,
         .port = 3,
         .module = 0xffffff,
         .start_bytes = INT64_C(1) << 30,
         .size_bytes = INT64_C(1) << 27,
         .brick_offset_bytes = INT64_C(5) << 27,
         .mode = SDM_MODE_VM,
         .want = SDM_WINDOW_LEVEL_ATTACHED,
         .vm = "11111111-2222-3333-4444-555555555555",
         .latency_class = SDM_LATENCY_CLASS_RACK},
        {.window = "w2",
         .segment = "s2",
         .mode = SDM_MODE_DEVICE,
         .shared = true,
         .want = SDM_WINDOW_LEVEL_MAPPED},
    };
    const struct sdm_wanted_brick brick = {.compute_brick = "c1",
                                           .generation = 42,
                                           .segment_unit_bytes = INT64_C(1) << 27,
                                           .rows = rows,
                                           .n_rows = G_N_ELEMENTS(rows)};
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_wire_wanted_window *window;
    struct sdm_s7_want want;

    sdm_compile_agent(&brick, 9, arena, &want);
    cr_assert_str_eq(want.brick, "c1");
    cr_assert_eq(want.epoch, 9);
    cr_assert_eq(want.generation, 42);
    cr_assert_eq(want.segment_unit_bytes, UINT64_C(1) << 27);
    cr_assert_eq(want.n_windows, 2);
    window = &want.windows[0];
    cr_assert_str_eq(window->window, "w1");
    cr_assert_str_eq(window->segment, "s1");
    cr_assert_eq(window->entry, 7);
    cr_assert_eq(window->port, 3);
    cr_assert_eq(window->module, 0xffffff);
    cr_assert_eq(window->start_bytes, UINT64_C(1) << 30);
    cr_assert_eq(window->size_bytes, UINT64_C(1) << 27);
    cr_assert_eq(window->brick_offset_bytes, UINT64_C(5) << 27);
    cr_assert_eq(window->mode, SDM_MODE_VM);
    cr_assert_eq(window->want, SDM_WINDOW_LEVEL_ATTACHED);
    cr_assert_not(window->shared);
    cr_assert(window->has_vm);
    cr_assert_str_eq(window->vm, rows[0].vm);
    window = &want.windows[1];
    cr_assert_not(window->has_vm);
    cr_assert_str_empty(window->vm);
    cr_assert(window->shared);
    cr_assert_eq(window->mode, SDM_MODE_DEVICE);
}

Test(agent, the_distance_grows_with_the_class)
{
    static const struct {
        enum sdm_latency_class latency_class;
        uint64_t distance;
    } cases[] = {
        {SDM_LATENCY_CLASS_TRAY, 20},
        {SDM_LATENCY_CLASS_RACK, 40},
        {SDM_LATENCY_CLASS_INTER_RACK, 80},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_wanted_row row = {.latency_class = cases[i].latency_class};
        const struct sdm_wanted_brick brick = {.compute_brick = "c1", .rows = &row, .n_rows = 1};
        struct sdm_s7_want want;

        sdm_compile_agent(&brick, 1, arena, &want);
        cr_assert_eq(want.windows[0].distance, cases[i].distance);
    }
}

Test(agent, nothing_wanted_is_an_empty_list)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_wanted_brick brick = {.compute_brick = "c1", .generation = 1};
    struct sdm_s7_want want;

    sdm_compile_agent(&brick, 1, arena, &want);
    cr_assert_eq(want.n_windows, 0);
}
