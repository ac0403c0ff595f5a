#include "sdm-controller/model/progress.h"

#include <string.h>

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

/* Of a segment in quarantine: it says by whom the bytes may be mapped, also after an agent has said
 * that it has them no more, until somebody decides. */
static bool is_in_doubt(const struct sdm_snapshot *snapshot, size_t segment)
{
    return snapshot->state == SDM_RESERVATION_STATE_FAILED &&
           snapshot->segments[segment].state == SDM_SEGMENT_STATE_QUARANTINED &&
           !snapshot->segments[segment].want_free;
}

static void step_windows(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];
        enum sdm_window_level want = window_want(snapshot, progress, i);

        progress->windows[i].drop = want == SDM_WINDOW_LEVEL_ABSENT &&
                                    window->have == SDM_WINDOW_LEVEL_ABSENT && !window->offered &&
                                    !is_in_doubt(snapshot, window->segment);
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
        enum sdm_window_level want = window_want(snapshot, progress, i);

        if (window->attachment != attachment || progress->windows[i].drop) {
            continue;
        }
        any_left = true;
        any_wanted |= want != SDM_WINDOW_LEVEL_ABSENT;
        reached &= window->have == want;
        step->have = MIN(step->have, window->have);
    }
    step->want = any_wanted ? snapshot->attachments[attachment].want : SDM_WINDOW_LEVEL_ABSENT;
    step->drop = !any_left;
    if (!any_left) {
        step->have = SDM_WINDOW_LEVEL_ABSENT;
    }
    for (size_t i = 0; reached && i < snapshot->n_windows; i++) {
        progress->windows[i].settle |=
            snapshot->windows[i].attachment == attachment && !snapshot->windows[i].settled &&
            window_want(snapshot, progress, i) != SDM_WINDOW_LEVEL_ABSENT;
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

/* Given up by its reservation, or decided on: only one that has failed has segments in quarantine,
 * and only an administrator gives those up. */
static bool may_be_scrubbed(const struct sdm_snapshot *snapshot, size_t segment)
{
    return snapshot->segments[segment].state == SDM_SEGMENT_STATE_LIVE ||
           (snapshot->segments[segment].state == SDM_SEGMENT_STATE_QUARANTINED &&
            snapshot->state == SDM_RESERVATION_STATE_FAILED);
}

static void step_segments(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        const struct sdm_snapshot_segment *segment = &snapshot->segments[i];
        struct sdm_progress_segment *step = &progress->segments[i];

        step->want_free |= segment->want_free;
        step->scrub = may_be_scrubbed(snapshot, i) && step->want_free &&
                      !segment_has_windows(snapshot, progress, i) &&
                      segment_is_cut(snapshot, progress, i);
    }
}

static bool compute_is_used(const struct sdm_snapshot *snapshot,
                            const struct sdm_progress *progress, int32_t compute_no)
{
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        if (snapshot->attachments[i].compute_no == compute_no && !progress->attachments[i].drop) {
            return true;
        }
    }
    return false;
}

/* A route goes with its segment, and in a group with its member. */
static void step_routes(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_routes; i++) {
        const struct sdm_snapshot_route *route = &snapshot->routes[i];
        const struct sdm_snapshot_circuit *circuit = &snapshot->circuits[route->circuit];
        /* Cut, or up for the sake of others. */
        bool left = snapshot->group != NULL &&
                    circuit->have_up == progress->circuits[route->circuit].want_up &&
                    !compute_is_used(snapshot, progress, circuit->compute_no);

        progress->routes[i].drop = left || progress->segments[route->segment].scrub;
    }
}

static bool circuit_has_routes(const struct sdm_snapshot *snapshot,
                               const struct sdm_progress *progress, size_t circuit)
{
    for (size_t i = 0; i < snapshot->n_routes; i++) {
        if (snapshot->routes[i].circuit == circuit && !progress->routes[i].drop) {
            return true;
        }
    }
    return snapshot->circuits[circuit].n_other_segments > 0;
}

static void step_circuits(const struct sdm_snapshot *snapshot, struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        bool accelerates = is_accelerator_circuit(snapshot, i) && holds_accelerator(snapshot);

        progress->circuits[i].want_up = !snapshot->circuits[i].fenced &&
                                        (accelerates || circuit_has_windows(snapshot, progress, i));
    }
    step_routes(snapshot, progress);
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        progress->circuits[i].idle = !progress->circuits[i].want_up &&
                                     !snapshot->circuits[i].have_up &&
                                     !circuit_has_routes(snapshot, progress, i);
    }
}

static bool nothing_left(const struct sdm_snapshot *snapshot, const struct sdm_progress *progress)
{
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        if (is_accelerator_circuit(snapshot, i) && snapshot->circuits[i].have_up) {
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
        down |= want == SDM_WINDOW_LEVEL_ABSENT && !progress->windows[i].drop;
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
        .routes = SDM_ARENA_NEW(arena, struct sdm_progress_route, snapshot->n_routes),
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

bool sdm_request_direction(const char *type, enum sdm_request_direction *direction)
{
    static const struct {
        const char *type;
        enum sdm_request_direction direction;
    } types[] = {
        {"s10.attach/1", SDM_REQUEST_IN},
        {"s10.group.join/1", SDM_REQUEST_IN},
        {"s10.accelerator.reserve/1", SDM_REQUEST_IN},
        {"s10.detach/1", SDM_REQUEST_OUT},
        {"s10.group.leave/1", SDM_REQUEST_OUT},
        {"s10.resize/1", SDM_REQUEST_RESIZE},
        {"s10.release/1", SDM_REQUEST_RELEASE},
        {"s10.accelerator.release/1", SDM_REQUEST_RELEASE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i].type, type) == 0) {
            *direction = types[i].direction;
            return true;
        }
    }
    return false;
}

static bool gives_back(const struct sdm_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        if (snapshot->segments[i].want_free) {
            return true;
        }
    }
    return any_window(snapshot, false, SDM_WINDOW_LEVEL_ABSENT);
}

static struct sdm_reached judge_in(const struct sdm_snapshot *snapshot, enum sdm_wait_level wait)
{
    enum sdm_wait_level level = reached_in(snapshot);

    return (struct sdm_reached){level, level >= wait, level == SDM_WAIT_LEVEL_GUEST};
}

static struct sdm_reached judge_out(const struct sdm_snapshot *snapshot, bool release,
                                    enum sdm_wait_level wait)
{
    static const int order[] = {
        [SDM_WAIT_LEVEL_COMMITTED] = 0,
        [SDM_WAIT_LEVEL_GUEST] = 1,
        [SDM_WAIT_LEVEL_FABRIC] = 2,
    };
    enum sdm_wait_level level = reached_out(snapshot);

    if (release && level == SDM_WAIT_LEVEL_FABRIC &&
        snapshot->state != SDM_RESERVATION_STATE_RELEASED) {
        level = SDM_WAIT_LEVEL_GUEST;
    }
    return (struct sdm_reached){level, order[level] >= order[wait], level == SDM_WAIT_LEVEL_FABRIC};
}

struct sdm_reached sdm_progress_reached(const struct sdm_snapshot *snapshot,
                                        enum sdm_request_direction direction,
                                        enum sdm_wait_level wait)
{
    bool out = direction == SDM_REQUEST_OUT || direction == SDM_REQUEST_RELEASE ||
               (direction == SDM_REQUEST_RESIZE && gives_back(snapshot));

    return out ? judge_out(snapshot, direction == SDM_REQUEST_RELEASE, wait)
               : judge_in(snapshot, wait);
}

bool sdm_progress_undone(const struct sdm_snapshot *snapshot)
{
    /* What is left of one that has failed is an administrator's. */
    return snapshot->state == SDM_RESERVATION_STATE_FAILED ||
           (snapshot->state != SDM_RESERVATION_STATE_ATTACHING &&
            !any_window(snapshot, false, SDM_WINDOW_LEVEL_ABSENT));
}
