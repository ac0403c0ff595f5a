#include "sdm-controller/settle/view.h"

#include <criterion/criterion.h>

static struct sdm_snapshot_hop hops[] = {{"sw1", 3, 5}, {"sw2", 0, 1}};
static struct sdm_snapshot_segment segments[] = {
    {.segment = "seg1", .brick = "m1", .offset_bytes = 0, .size_bytes = 4096},
    {.segment = "seg2",
     .brick = "m2",
     .offset_bytes = 8192,
     .size_bytes = 4096,
     .latency_class = SDM_LATENCY_CLASS_RACK,
     .state = SDM_SEGMENT_STATE_SCRUBBING},
};
static struct sdm_snapshot_attachment attachments[] = {
    {.compute_brick = "c1", .want = SDM_WINDOW_LEVEL_MAPPED},
    {.compute_brick = "c2",
     .vm = "vm",
     .want = SDM_WINDOW_LEVEL_ATTACHED,
     .have = SDM_WINDOW_LEVEL_MAPPED,
     .guest_memory_bytes = 1 << 20,
     .error_code = "NO_SLOT",
     .error_text = "none left"},
    {.compute_brick = "c3", .error_code = "NOT_A_CODE"},
};
static struct sdm_snapshot_window windows[] = {
    {.window = "win",
     .attachment = 1,
     .segment = 1,
     .entry = 17,
     .start_bytes = 1 << 30,
     .size_bytes = 4096,
     .want = SDM_WINDOW_LEVEL_ATTACHED,
     .have = SDM_WINDOW_LEVEL_MAPPED},
};
static struct sdm_snapshot_circuit circuits[] = {
    {.brick = "m1",
     .compute_port = 1,
     .brick_port = 2,
     .narrowest_mbps = 100,
     .hops = hops,
     .n_hops = 2},
    {.brick = "m2", .n_other_segments = 1},
};

static struct sdm_snapshot snapshot = {
    .reservation = "res",
    .project = "proj",
    .state = SDM_RESERVATION_STATE_ATTACHING,
    .mode = SDM_MODE_VM,
    .compute_brick = "c1",
    .latency_class = SDM_LATENCY_CLASS_RACK,
    .size_bytes = 8192,
    .requested_bytes = 8192,
    .lease_end = "2030-01-01T00:00:00Z",
    .created = "2029-01-01T00:00:00Z",
    .segments = segments,
    .n_segments = 2,
    .attachments = attachments,
    .n_attachments = 3,
    .windows = windows,
    .n_windows = 1,
    .circuits = circuits,
    .n_circuits = 2,
};

static struct sdm_arena *arena;
static struct sdm_wire_reservation view;

static void set_up(void)
{
    arena = sdm_arena_new();
    sdm_view_reservation(&snapshot, arena, &view);
}

static void tear_down(void)
{
    sdm_arena_free(arena);
}

TestSuite(view, .init = set_up, .fini = tear_down);

Test(view, of_the_reservation)
{
    cr_assert_str_eq(view.reservation, "res");
    cr_assert_str_eq(view.project, "proj");
    cr_assert_str_eq(view.compute_brick, "c1");
    cr_assert_str_eq(view.lease_end, "2030-01-01T00:00:00Z");
    cr_assert_str_eq(view.created, "2029-01-01T00:00:00Z");
    cr_assert_eq(view.state, SDM_RESERVATION_STATE_ATTACHING);
    cr_assert_eq(view.mode, SDM_MODE_VM);
    cr_assert_eq(view.latency_class, SDM_LATENCY_CLASS_RACK);
    cr_assert_eq(view.size_bytes, 8192);
    cr_assert_eq(view.requested_bytes, 8192);
    cr_assert_not(view.has_group);
    cr_assert_not(view.has_accelerator);
}

Test(view, of_group_and_accelerator)
{
    struct sdm_snapshot other = snapshot;

    other.group = "ring";
    other.accelerator = "a1";
    sdm_view_reservation(&other, arena, &view);
    cr_assert(view.has_group);
    cr_assert_str_eq(view.group, "ring");
    cr_assert(view.has_accelerator);
    cr_assert_str_eq(view.accelerator, "a1");
}

Test(view, of_segments_and_windows)
{
    cr_assert_eq(view.n_segments, 2);
    cr_assert_str_eq(view.segments[1].segment, "seg2");
    cr_assert_str_eq(view.segments[1].memory_brick, "m2");
    cr_assert_eq(view.segments[1].offset_bytes, 8192);
    cr_assert_eq(view.segments[1].size_bytes, 4096);
    cr_assert_eq(view.segments[1].state, SDM_SEGMENT_STATE_SCRUBBING);
    cr_assert_eq(view.segments[1].latency_class, SDM_LATENCY_CLASS_RACK);
    cr_assert_eq(view.n_windows, 1);
    cr_assert_str_eq(view.windows[0].window, "win");
    cr_assert_str_eq(view.windows[0].segment, "seg2");
    cr_assert_str_eq(view.windows[0].compute_brick, "c2");
    cr_assert_eq(view.windows[0].entry, 17);
    cr_assert_eq(view.windows[0].start_bytes, 1 << 30);
    cr_assert_eq(view.windows[0].size_bytes, 4096);
    cr_assert_eq(view.windows[0].want, SDM_WINDOW_LEVEL_ATTACHED);
    cr_assert_eq(view.windows[0].have, SDM_WINDOW_LEVEL_MAPPED);
}

Test(view, of_attachments)
{
    cr_assert_eq(view.n_attachments, 3);
    cr_assert_str_eq(view.attachments[0].compute_brick, "c1");
    cr_assert_not(view.attachments[0].has_vm);
    cr_assert_not(view.attachments[0].has_guest_memory_bytes);
    cr_assert_not(view.attachments[0].has_error_code || view.attachments[0].has_error_text);
    cr_assert(view.attachments[1].has_vm);
    cr_assert_str_eq(view.attachments[1].vm, "vm");
    cr_assert_eq(view.attachments[1].want, SDM_WINDOW_LEVEL_ATTACHED);
    cr_assert_eq(view.attachments[1].have, SDM_WINDOW_LEVEL_MAPPED);
    cr_assert(view.attachments[1].has_guest_memory_bytes);
    cr_assert_eq(view.attachments[1].guest_memory_bytes, 1 << 20);
    cr_assert(view.attachments[1].has_error_code);
    cr_assert_eq(view.attachments[1].error_code, SDM_ERROR_NO_SLOT);
    cr_assert_str_eq(view.attachments[1].error_text, "none left");
    cr_assert_not(view.attachments[2].has_error_code, "a code that no message can carry");
}

Test(view, of_paths)
{
    cr_assert_eq(view.n_paths, 2);
    cr_assert_str_eq(view.paths[0].brick, "m1");
    cr_assert_not(view.paths[0].shared);
    cr_assert_eq(view.paths[0].compute_port, 1);
    cr_assert_eq(view.paths[0].brick_port, 2);
    cr_assert_eq(view.paths[0].bandwidth_mbps, 100);
    cr_assert_eq(view.paths[0].n_hops, 2);
    cr_assert_str_eq(view.paths[0].hops[0].switch_, "sw1");
    cr_assert_eq(view.paths[0].hops[0].in_port, 3);
    cr_assert_eq(view.paths[0].hops[0].out_port, 5);
    cr_assert_str_eq(view.paths[0].hops[1].switch_, "sw2");
    cr_assert(view.paths[1].shared);
    cr_assert_eq(view.paths[1].n_hops, 0);
}
