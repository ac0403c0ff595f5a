#include "sdm-controller/compile/agent.h"

#include <glib.h>

static uint64_t distance_of(enum sdm_latency_class latency_class)
{
    static const uint64_t distances[] = {
        [SDM_LATENCY_CLASS_TRAY] = SDM_DISTANCE_TRAY,
        [SDM_LATENCY_CLASS_RACK] = SDM_DISTANCE_RACK,
        [SDM_LATENCY_CLASS_INTER_RACK] = SDM_DISTANCE_INTER_RACK,
    };

    return distances[latency_class];
}

static void compile_window(const struct sdm_wanted_row *row, struct sdm_wire_wanted_window *window)
{
    *window = (struct sdm_wire_wanted_window){
        .entry = (uint64_t)row->entry,
        .port = (uint64_t)row->port,
        .module = (uint64_t)row->module,
        .start_bytes = (uint64_t)row->start_bytes,
        .size_bytes = (uint64_t)row->size_bytes,
        .brick_offset_bytes = (uint64_t)row->brick_offset_bytes,
        .mode = row->mode,
        .shared = row->shared,
        .want = row->want,
        .has_vm = row->vm != NULL,
        .distance = distance_of(row->latency_class),
    };
    g_strlcpy(window->window, row->window, sizeof window->window);
    g_strlcpy(window->segment, row->segment, sizeof window->segment);
    g_strlcpy(window->vm, row->vm != NULL ? row->vm : "", sizeof window->vm);
}

void sdm_compile_agent(const struct sdm_wanted_brick *brick, int64_t epoch, struct sdm_arena *arena,
                       struct sdm_s7_want *want)
{
    *want = (struct sdm_s7_want){
        .epoch = (uint64_t)epoch,
        .generation = (uint64_t)brick->generation,
        .segment_unit_bytes = (uint64_t)brick->segment_unit_bytes,
        .windows = SDM_ARENA_NEW(arena, struct sdm_wire_wanted_window, brick->n_rows),
        .has_keep_unknown = brick->keep_unknown,
        .keep_unknown = brick->keep_unknown,
        .n_windows = brick->n_rows,
    };
    g_strlcpy(want->brick, brick->compute_brick, sizeof want->brick);
    for (size_t i = 0; i < brick->n_rows; i++) {
        compile_window(&brick->rows[i], &want->windows[i]);
    }
}
