/* Snapshots of small reservations, for tests of what moves them on. */
#pragma once

#include <glib.h>

#include "sdm-controller/model/progress.h"

#define ABSENT   SDM_WINDOW_LEVEL_ABSENT
#define MAPPED   SDM_WINDOW_LEVEL_MAPPED
#define ATTACHED SDM_WINDOW_LEVEL_ATTACHED

enum { FIXTURE_MAX = 4, FIXTURE_SEGMENT_BYTES = 1 << 20 };

/* Segment i lies on brick 10 + i and is reached from compute brick 1 over circuit i. */
struct fixture {
    struct sdm_snapshot_segment segments[FIXTURE_MAX];
    struct sdm_snapshot_attachment attachments[FIXTURE_MAX];
    struct sdm_snapshot_window windows[FIXTURE_MAX];
    struct sdm_snapshot_circuit circuits[FIXTURE_MAX];
    struct sdm_snapshot_route routes[FIXTURE_MAX];
    struct sdm_snapshot s;
};

static inline void fixture_init(struct fixture *f, enum sdm_reservation_state state,
                                size_t n_segments)
{
    *f = (struct fixture){.s = {.state = state,
                                .mode = SDM_MODE_VM,
                                .compute_no = 1,
                                .segments = f->segments,
                                .n_segments = n_segments,
                                .attachments = f->attachments,
                                .windows = f->windows,
                                .circuits = f->circuits,
                                .n_circuits = n_segments,
                                .routes = f->routes,
                                .n_routes = n_segments}};
    for (size_t i = 0; i < n_segments; i++) {
        f->segments[i] = (struct sdm_snapshot_segment){.brick_no = (int32_t)(10 + i),
                                                       .size_bytes = FIXTURE_SEGMENT_BYTES};
        f->circuits[i] =
            (struct sdm_snapshot_circuit){.compute_no = 1, .brick_no = (int32_t)(10 + i)};
        f->routes[i] = (struct sdm_snapshot_route){i, i};
    }
}

/* Adds window i, of attachment 0 and segment i; the circuit behind it is as it has to be. */
static inline struct sdm_snapshot_window *
fixture_window(struct fixture *f, enum sdm_window_level want, enum sdm_window_level have)
{
    size_t i = f->s.n_windows++;

    if (f->s.n_attachments == 0) {
        f->s.n_attachments = 1;
        f->attachments[0] =
            (struct sdm_snapshot_attachment){.compute_no = 1, .want = ATTACHED, .have = ABSENT};
    }
    f->windows[i] = (struct sdm_snapshot_window){
        .segment = i, .circuit = i, .want = want, .have = have, .offered = have != ABSENT};
    f->circuits[i].want_up = true;
    f->circuits[i].have_up = have != ABSENT;
    return &f->windows[i];
}
