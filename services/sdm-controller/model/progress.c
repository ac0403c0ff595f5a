#include "sdm-controller/model/progress.h"

static bool attachment_refused(const struct sdm_snapshot *snapshot, size_t attachment)
{
    return snapshot->attachments[attachment].error_code != NULL;
}

/* A refused request is undone as a whole: each window that it made and that has not been settled
 * since an earlier request. */
static bool undo_refused(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    bool any = false;

    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if (!window->settled && window->want != SDM_WINDOW_LEVEL_ABSENT &&
            attachment_refused(snapshot, window->attachment)) {
            progress->windows[i].undo = true;
            any = true;
        }
    }
    return any;
}

static enum sdm_window_level window_want(const struct sdm_snapshot *snapshot,
                                         const struct sdm_progress *progress, size_t i)
{
    return progress->windows[i].undo ? SDM_WINDOW_LEVEL_ABSENT : snapshot->windows[i].want;
}

static void step_windows(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];
        enum sdm_window_level want = window_want(snapshot, progress, i);

        progress->windows[i].drop =
            want == SDM_WINDOW_LEVEL_ABSENT && window->have == SDM_WINDOW_LEVEL_ABSENT;
    }
}

/* An attachment is where its slowest window is; it goes with its last one. */
static void step_attachment(const struct sdm_snapshot *snapshot, struct sdm_progress *progress,
                            size_t attachment)
{
    struct sdm_progress_attachment *step = &progress->attachments[attachment];
    bool any_wanted = false;
    bool any_left = false;
    bool reached = true;

    step->have = SDM_WINDOW_LEVEL_ATTACHED;
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if (window->attachment != attachment || progress->windows[i].drop) {
            continue;
        }
        any_left = true;
        any_wanted |= window_want(snapshot, progress, i) != SDM_WINDOW_LEVEL_ABSENT;
        reached &= window->have == window->want;
        step->have = MIN(step->have, window->have);
    }
    step->want = any_wanted ? snapshot->attachments[attachment].want : SDM_WINDOW_LEVEL_ABSENT;
    step->drop = !any_left;
    if (!any_left) {
        step->have = SDM_WINDOW_LEVEL_ABSENT;
    }
    for (size_t i = 0; reached && i < snapshot->n_windows; i++) {
        progress->windows[i].settle |= snapshot->windows[i].attachment == attachment &&
                                       !snapshot->windows[i].settled && !progress->windows[i].drop;
    }
}

/* What a refused resize had added to an attachment goes back; what a refused attach was to wire
 * stays reserved. */
static void give_up_refused_growth(const struct sdm_snapshot *snapshot,
                                   struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        for (size_t j = 0; progress->windows[i].undo && j < snapshot->n_windows; j++) {
            if (snapshot->windows[j].settled &&
                snapshot->windows[j].attachment == window->attachment) {
                progress->segments[window->segment].want_free = true;
            }
        }
    }
}

static bool holds_accelerator(const struct sdm_snapshot *snapshot)
{
    return snapshot->accelerator != NULL && snapshot->state != SDM_RESERVATION_STATE_RELEASING &&
           snapshot->state != SDM_RESERVATION_STATE_RELEASED;
}

static bool is_accelerator_circuit(const struct sdm_snapshot *snapshot, size_t circuit)
{
    return snapshot->accelerator != NULL &&
           snapshot->circuits[circuit].brick_no == snapshot->accelerator_no;
}

static bool circuit_has_windows(const struct sdm_snapshot *snapshot,
                                const struct sdm_progress *progress, size_t circuit)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        if (snapshot->windows[i].circuit == circuit && !progress->windows[i].drop) {
            return true;
        }
    }
    return snapshot->circuits[circuit].n_other_windows > 0;
}

static bool segment_has_windows(const struct sdm_snapshot *snapshot,
                                const struct sdm_progress *progress, size_t segment)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        if (snapshot->windows[i].segment == segment && !progress->windows[i].drop) {
            return true;
        }
    }
    return false;
}

/* The way to a segment is cut, or still there for somebody else's sake. */
static bool segment_is_cut(const struct sdm_snapshot *snapshot, const struct sdm_progress *progress,
                           size_t segment)
{
    for (size_t i = 0; i < snapshot->n_routes; i++) {
        const struct sdm_snapshot_route *route = &snapshot->routes[i];

        if (route->segment == segment && snapshot->circuits[route->circuit].have_up &&
            !circuit_has_windows(snapshot, progress, route->circuit)) {
            return false;
        }
    }
    return true;
}

static void step_segments(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        const struct sdm_snapshot_segment *segment = &snapshot->segments[i];
        struct sdm_progress_segment *step = &progress->segments[i];

        step->want_free |= segment->want_free;
        step->scrub = segment->state == SDM_SEGMENT_STATE_LIVE && step->want_free &&
                      !segment_has_windows(snapshot, progress, i) &&
                      segment_is_cut(snapshot, progress, i);
    }
}

static bool circuit_has_segments(const struct sdm_snapshot *snapshot,
                                 const struct sdm_progress *progress, size_t circuit)
{
    for (size_t i = 0; i < snapshot->n_routes; i++) {
        const struct sdm_snapshot_route *route = &snapshot->routes[i];

        if (route->circuit == circuit && !progress->segments[route->segment].scrub &&
            snapshot->segments[route->segment].state == SDM_SEGMENT_STATE_LIVE) {
            return true;
        }
    }
    return snapshot->circuits[circuit].n_other_segments > 0;
}

static void step_circuits(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        const struct sdm_snapshot_circuit *circuit = &snapshot->circuits[i];
        struct sdm_progress_circuit *step = &progress->circuits[i];
        bool accelerates = is_accelerator_circuit(snapshot, i) && holds_accelerator(snapshot);

        step->want_up = accelerates || circuit_has_windows(snapshot, progress, i);
        step->drop = !step->want_up && !circuit->have_up && !circuit->want_up &&
                     !circuit_has_segments(snapshot, progress, i);
    }
}

static bool nothing_left(const struct sdm_snapshot *snapshot, const struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        if (is_accelerator_circuit(snapshot, i) && !progress->circuits[i].drop) {
            return false;
        }
    }
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        if (!progress->windows[i].drop) {
            return false;
        }
    }
    return snapshot->n_segments == 0;
}

static bool accelerator_is_up(const struct sdm_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        if (is_accelerator_circuit(snapshot, i)) {
            return snapshot->circuits[i].have_up;
        }
    }
    return false;
}

static enum sdm_reservation_state next_state(const struct sdm_snapshot *snapshot,
                                             const struct sdm_progress *progress)
{
    bool up = false;
    bool down = false;
    bool used = false;

    if (snapshot->state == SDM_RESERVATION_STATE_RELEASED ||
        snapshot->state == SDM_RESERVATION_STATE_FAILED) {
        return snapshot->state;
    }
    if (snapshot->state == SDM_RESERVATION_STATE_RELEASING) {
        return nothing_left(snapshot, progress) ? SDM_RESERVATION_STATE_RELEASED : snapshot->state;
    }
    if (snapshot->accelerator != NULL) {
        return accelerator_is_up(snapshot) ? SDM_RESERVATION_STATE_ATTACHED
                                           : SDM_RESERVATION_STATE_ATTACHING;
    }
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        enum sdm_window_level want = window_want(snapshot, progress, i);

        used |= !progress->windows[i].drop;
        up |= want > snapshot->windows[i].have;
        down |= want < snapshot->windows[i].have;
    }
    if (up || down) {
        return up ? SDM_RESERVATION_STATE_ATTACHING : SDM_RESERVATION_STATE_DETACHING;
    }
    return used ? SDM_RESERVATION_STATE_ATTACHED : SDM_RESERVATION_STATE_HELD;
}

void sdm_progress_next(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                       struct sdm_progress *progress)
{
    *progress = (struct sdm_progress){
        .windows = SDM_ARENA_NEW(arena, struct sdm_progress_window, snapshot->n_windows),
        .segments = SDM_ARENA_NEW(arena, struct sdm_progress_segment, snapshot->n_segments),
        .attachments =
            SDM_ARENA_NEW(arena, struct sdm_progress_attachment, snapshot->n_attachments),
        .circuits = SDM_ARENA_NEW(arena, struct sdm_progress_circuit, snapshot->n_circuits),
    };
    progress->refused = undo_refused(snapshot, progress);
    step_windows(snapshot, progress);
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        step_attachment(snapshot, progress, i);
    }
    give_up_refused_growth(snapshot, progress);
    step_segments(snapshot, progress);
    step_circuits(snapshot, progress);
    progress->state = next_state(snapshot, progress);
}

static bool any_window(const struct sdm_snapshot *snapshot, bool wanted,
                       enum sdm_window_level at_least)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if ((window->want != SDM_WINDOW_LEVEL_ABSENT) == wanted && window->have >= at_least) {
            return true;
        }
    }
    return false;
}

static enum sdm_wait_level reached_in(const struct sdm_snapshot *snapshot)
{
    if (snapshot->state == SDM_RESERVATION_STATE_ATTACHED) {
        return SDM_WAIT_LEVEL_GUEST;
    }
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        if (snapshot->windows[i].want != SDM_WINDOW_LEVEL_ABSENT &&
            snapshot->windows[i].have == SDM_WINDOW_LEVEL_ABSENT) {
            return SDM_WAIT_LEVEL_COMMITTED;
        }
    }
    return snapshot->n_windows > 0 ? SDM_WAIT_LEVEL_FABRIC : SDM_WAIT_LEVEL_COMMITTED;
}

/* The bytes have left the guest, then the windows and circuits are gone and what was given up is
 * free: for requests that give memory back, 'fabric' comes after 'guest'. */
static enum sdm_wait_level reached_out(const struct sdm_snapshot *snapshot)
{
    if (any_window(snapshot, false, SDM_WINDOW_LEVEL_ATTACHED)) {
        return SDM_WAIT_LEVEL_COMMITTED;
    }
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        if (snapshot->segments[i].want_free) {
            return SDM_WAIT_LEVEL_GUEST;
        }
    }
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        if (snapshot->circuits[i].have_up && !snapshot->circuits[i].want_up) {
            return SDM_WAIT_LEVEL_GUEST;
        }
    }
    return any_window(snapshot, false, SDM_WINDOW_LEVEL_ABSENT) ? SDM_WAIT_LEVEL_GUEST
                                                                : SDM_WAIT_LEVEL_FABRIC;
}

enum sdm_wait_level sdm_progress_reached(const struct sdm_snapshot *snapshot,
                                         enum sdm_request_direction direction, bool *done)
{
    enum sdm_wait_level reached;

    if (direction == SDM_REQUEST_IN) {
        reached = reached_in(snapshot);
        *done = reached == SDM_WAIT_LEVEL_GUEST;
        return reached;
    }
    reached = reached_out(snapshot);
    if (direction == SDM_REQUEST_RELEASE && reached == SDM_WAIT_LEVEL_FABRIC &&
        snapshot->state != SDM_RESERVATION_STATE_RELEASED) {
        reached = SDM_WAIT_LEVEL_GUEST;
    }
    *done = reached == SDM_WAIT_LEVEL_FABRIC;
    return reached;
}

bool sdm_progress_undone(const struct sdm_snapshot *snapshot)
{
    return snapshot->state != SDM_RESERVATION_STATE_ATTACHING &&
           !any_window(snapshot, false, SDM_WINDOW_LEVEL_ABSENT);
}

bool sdm_reservation_may_move(enum sdm_reservation_state from, enum sdm_reservation_state to)
{
    switch (from) {
    case SDM_RESERVATION_STATE_HELD:
    case SDM_RESERVATION_STATE_ATTACHING:
    case SDM_RESERVATION_STATE_ATTACHED:
    case SDM_RESERVATION_STATE_DETACHING:
        return to != SDM_RESERVATION_STATE_RELEASED;
    case SDM_RESERVATION_STATE_RELEASING:
        return to == SDM_RESERVATION_STATE_RELEASED || to == SDM_RESERVATION_STATE_RELEASING;
    case SDM_RESERVATION_STATE_RELEASED:
    case SDM_RESERVATION_STATE_FAILED:
        return from == to;
    }
    g_return_val_if_reached(false);
}
