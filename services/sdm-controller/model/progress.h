/* What a reservation does next, from what is wanted of it and what has been found.
 *
 * The same question answers an attach, a detach, a refusal half-way, a restart and a duplicated
 * report: compare, and say what to change.
 *
 * Pure.
 *
 *      reserve                attach                    every window found
 *   ──────────▶ held ───────────────────▶ attaching ──────────────────────▶ attached
 *                ▲  ▲                       │    ▲                           │    │
 *                │  └── a step refused: ────┘    └──────── resize up ────────┘    │
 *                │      windows undone                                            │
 *                └────────────────────────────── detaching ◀── detach, resize down┘
 *
 *   held, attaching, attached, detaching ── release, lease end, guest gone ──▶ releasing
 *   releasing ── windows gone, circuits cut, every byte scrubbed ──▶ released
 *
 * A window goes absent → mapped → attached and back by the same steps, 'want' ahead of 'have'.
 *   each of these ── its bytes are in quarantine ──▶ failed
 *
 * A segment goes live → scrubbing → (row deleted, free); quarantined until an admin decides, and
 * then given up like any other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"

struct sdm_progress_window {
    /* Not wanted any more because its request was refused. */
    bool undo;
    /* Reached what is wanted: its request has succeeded as far as this window goes. */
    bool settle;
    /* Neither wanted nor there: its row goes. */
    bool drop;
};

struct sdm_progress_segment {
    /* Given up because the resize that took it was refused. */
    bool want_free;
    /* Nothing maps it and its circuit is cut: scrub it. */
    bool scrub;
};

struct sdm_progress_attachment {
    enum sdm_window_level want;
    enum sdm_window_level have;
    bool drop;
};

struct sdm_progress_circuit {
    bool want_up;
    /* Nothing uses it any more, and it is cut: its row and its ports can go. */
    bool idle;
};

struct sdm_progress_route {
    /* The segment, or the compute brick, does not use the circuit any more. */
    bool drop;
};

/* One entry for each in the snapshot, and the reservation's next state. */
struct sdm_progress {
    enum sdm_reservation_state state;
    /* A request that was refused is being undone, or has been. */
    bool refused;
    struct sdm_progress_window *windows;
    struct sdm_progress_segment *segments;
    struct sdm_progress_attachment *attachments;
    struct sdm_progress_circuit *circuits;
    struct sdm_progress_route *routes;
};

/* The next step of 'snapshot'; applied and asked again until nothing changes. */
void sdm_progress_next(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                       struct sdm_progress *progress);

/* What a request that waits is after. */
enum sdm_request_direction {
    SDM_REQUEST_IN,      /* attach, group.join, accelerator.reserve */
    SDM_REQUEST_OUT,     /* detach, group.leave */
    SDM_REQUEST_RESIZE,  /* either of them */
    SDM_REQUEST_RELEASE, /* release, accelerator.release */
};

/* The direction of a message type ("s10.attach/1"); false for one that never waits. */
bool sdm_request_direction(const char *type, enum sdm_request_direction *direction);

/* How far a request has come.  For what gives memory back, 'guest' comes before 'fabric'. */
struct sdm_reached {
    enum sdm_wait_level level;
    /* As far as was waited for. */
    bool satisfied;
    /* Nothing of the request is left to do. */
    bool done;
};

struct sdm_reached sdm_progress_reached(const struct sdm_snapshot *snapshot,
                                        enum sdm_request_direction direction,
                                        enum sdm_wait_level wait);

/* True when a refused request is undone: nothing that it began is left. */
bool sdm_progress_undone(const struct sdm_snapshot *snapshot);
