#include "sdm-controller/settle/view.h"

#include <glib.h>

#include "lib/base/error.h"

#define COPY(to, from) g_strlcpy((to), (from), sizeof(to))

static void view_segments(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                          struct sdm_wire_reservation *view)
{
    view->n_segments = snapshot->n_segments;
    view->segments = SDM_ARENA_NEW(arena, struct sdm_wire_segment, snapshot->n_segments);
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        const struct sdm_snapshot_segment *from = &snapshot->segments[i];
        struct sdm_wire_segment *to = &view->segments[i];

        COPY(to->segment, from->segment);
        COPY(to->memory_brick, from->brick);
        to->offset_bytes = (uint64_t)from->offset_bytes;
        to->size_bytes = (uint64_t)from->size_bytes;
        to->state = from->state;
        to->latency_class = from->latency_class;
    }
}

static void view_windows(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                         struct sdm_wire_reservation *view)
{
    view->n_windows = snapshot->n_windows;
    view->windows = SDM_ARENA_NEW(arena, struct sdm_wire_window, snapshot->n_windows);
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *from = &snapshot->windows[i];
        struct sdm_wire_window *to = &view->windows[i];

        COPY(to->window, from->window);
        COPY(to->segment, snapshot->segments[from->segment].segment);
        COPY(to->compute_brick, snapshot->attachments[from->attachment].compute_brick);
        to->entry = (uint64_t)from->entry;
        to->start_bytes = (uint64_t)from->start_bytes;
        to->size_bytes = (uint64_t)from->size_bytes;
        to->want = from->want;
        to->have = from->have;
    }
}

static void view_attachments(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                             struct sdm_wire_reservation *view)
{
    view->n_attachments = snapshot->n_attachments;
    view->attachments = SDM_ARENA_NEW(arena, struct sdm_wire_attachment, snapshot->n_attachments);
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        const struct sdm_snapshot_attachment *from = &snapshot->attachments[i];
        struct sdm_wire_attachment *to = &view->attachments[i];

        COPY(to->compute_brick, from->compute_brick);
        to->want = from->want;
        to->have = from->have;
        to->has_vm = from->vm != NULL;
        COPY(to->vm, from->vm != NULL ? from->vm : "");
        to->has_guest_memory_bytes = from->guest_memory_bytes > 0;
        to->guest_memory_bytes = (uint64_t)from->guest_memory_bytes;
        to->has_error_code =
            from->error_code != NULL && sdm_error_code_from_name(from->error_code, &to->error_code);
        to->has_error_text = from->error_text != NULL;
        COPY(to->error_text, from->error_text != NULL ? from->error_text : "");
    }
}

static void view_paths(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                       struct sdm_wire_reservation *view)
{
    view->n_paths = snapshot->n_circuits;
    view->paths = SDM_ARENA_NEW(arena, struct sdm_wire_path, snapshot->n_circuits);
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        const struct sdm_snapshot_circuit *from = &snapshot->circuits[i];
        struct sdm_wire_path *to = &view->paths[i];

        COPY(to->brick, from->brick);
        to->shared = from->n_other_segments > 0;
        to->compute_port = (uint64_t)from->compute_port;
        to->brick_port = (uint64_t)from->brick_port;
        to->bandwidth_mbps = (uint64_t)from->narrowest_mbps;
        to->n_hops = from->n_hops;
        to->hops = SDM_ARENA_NEW(arena, struct sdm_wire_hop, from->n_hops);
        for (size_t j = 0; j < from->n_hops; j++) {
            COPY(to->hops[j].switch_, from->hops[j].switch_id);
            to->hops[j].in_port = (uint64_t)from->hops[j].in_port;
            to->hops[j].out_port = (uint64_t)from->hops[j].out_port;
        }
    }
}

void sdm_view_reservation(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                          struct sdm_wire_reservation *view)
{
    *view = (struct sdm_wire_reservation){
        .state = snapshot->state,
        .has_health = snapshot->degraded,
        .health = SDM_RESERVATION_HEALTH_DEGRADED,
        .mode = snapshot->mode,
        .latency_class = snapshot->latency_class,
        .size_bytes = (uint64_t)snapshot->size_bytes,
        .requested_bytes = (uint64_t)snapshot->requested_bytes,
        .has_group = snapshot->group != NULL,
        .has_accelerator = snapshot->accelerator != NULL,
    };
    COPY(view->reservation, snapshot->reservation);
    COPY(view->project, snapshot->project);
    COPY(view->compute_brick, snapshot->compute_brick);
    COPY(view->lease_end, snapshot->lease_end);
    COPY(view->created, snapshot->created);
    COPY(view->group, snapshot->group != NULL ? snapshot->group : "");
    COPY(view->accelerator, snapshot->accelerator != NULL ? snapshot->accelerator : "");
    view_segments(snapshot, arena, view);
    view_windows(snapshot, arena, view);
    view_attachments(snapshot, arena, view);
    view_paths(snapshot, arena, view);
}
