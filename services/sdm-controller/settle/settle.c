#include "sdm-controller/settle/settle.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/model/progress.h"
#include "sdm-controller/settle/pending.h"
#include "sdm-controller/store/circuit.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/project.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/segment.h"
#include "sdm-controller/store/shared.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/window.h"

/* No reservation takes more steps than it has states; more is a bug, not a long way. */
enum { MAX_STEPS = 16 };

struct step {
    const struct sdm_settler *settler;
    struct sdm_tx *tx;
    struct sdm_arena *arena;
    const struct sdm_snapshot *snapshot;
    const struct sdm_progress *progress;
    const char *text;
    bool changed;
};

/* What goes back to the ledger when the transaction has committed. */
struct giving_back {
    struct sdm_ledger *ledger;
    int32_t compute_no;
    /* A window, or a circuit that segments leave. */
    int32_t entry;
    int32_t brick_no;
    int32_t n_users;
    int32_t bandwidth_mbps;
    /* An accelerator that is free again. */
    int32_t accelerator_no;
};

static void give_back(void *data, bool committed)
{
    struct giving_back *back = data;

    if (committed) {
        sdm_ledger_lock(back->ledger);
        if (back->entry >= 0) {
            sdm_ledger_free_window(back->ledger, back->compute_no, back->entry);
        }
        if (back->brick_no != 0) {
            sdm_ledger_leave_circuit(back->ledger, back->compute_no, back->brick_no, back->n_users,
                                     back->bandwidth_mbps);
        }
        if (back->accelerator_no != 0) {
            sdm_ledger_free_holder(back->ledger, back->accelerator_no);
        }
        sdm_ledger_unlock(back->ledger);
    }
    g_free(back);
}

static void on_commit_give_back(struct step *step, struct giving_back back)
{
    back.ledger = step->settler->ledger;
    sdm_tx_on_end(step->tx, give_back, g_memdup2(&back, sizeof back));
}

/* Uuids of the elements that 'wanted' picks, for one statement. */
static const char **pick(struct step *step, const void *elements, size_t n, size_t size,
                         bool (*wanted)(const struct step *step, size_t i), size_t *n_picked)
{
    const char **picked = SDM_ARENA_NEW(step->arena, const char *, n);

    *n_picked = 0;
    for (size_t i = 0; i < n; i++) {
        if (wanted(step, i)) {
            picked[(*n_picked)++] = (const char *)elements + i * size;
        }
    }
    step->changed |= *n_picked > 0;
    return picked;
}

#define PICK(step, list, n, wanted, n_picked) pick(step, list, n, sizeof *(list), wanted, n_picked)

static bool window_is_settled(const struct step *step, size_t i)
{
    return step->progress->windows[i].settle;
}

static bool window_is_dropped(const struct step *step, size_t i)
{
    return step->progress->windows[i].drop;
}

/* Takes back what a refused request wanted of one attachment, and remembers why for its answer. */
static bool undo_attachment(struct step *step, size_t attachment, GError **error)
{
    const struct sdm_snapshot_attachment *from = &step->snapshot->attachments[attachment];
    const char **windows = SDM_ARENA_NEW(step->arena, const char *, step->snapshot->n_windows);
    size_t n = 0;
    int64_t generation;

    for (size_t i = 0; i < step->snapshot->n_windows; i++) {
        if (step->snapshot->windows[i].attachment == attachment &&
            step->progress->windows[i].undo) {
            windows[n++] = step->snapshot->windows[i].window;
        }
    }
    if (n == 0) {
        return true;
    }
    if (!sdm_store_generation_next(step->tx, from->compute_no, &generation, error) ||
        !sdm_pending_refuse(step->tx, step->snapshot->reservation, from->error_code,
                            from->error_text, step->arena, error)) {
        return false;
    }
    sdm_store_windows_unwant(step->tx, windows, n, generation);
    sdm_post_device(step->tx, step->settler->sink, SDM_WORK_AGENT, from->compute_no);
    step->changed = true;
    return true;
}

static bool apply_windows(struct step *step, GError **error)
{
    const struct sdm_snapshot *snapshot = step->snapshot;
    const char **picked;
    size_t n;

    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        if (!undo_attachment(step, i, error)) {
            return false;
        }
    }
    picked = PICK(step, snapshot->windows, snapshot->n_windows, window_is_settled, &n);
    if (n > 0) {
        sdm_store_windows_settle(step->tx, picked, n);
    }
    picked = PICK(step, snapshot->windows, snapshot->n_windows, window_is_dropped, &n);
    if (n > 0) {
        sdm_store_windows_delete(step->tx, picked, n);
    }
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if (step->progress->windows[i].drop) {
            on_commit_give_back(
                step, (struct giving_back){.compute_no =
                                               snapshot->attachments[window->attachment].compute_no,
                                           .entry = window->entry});
        }
    }
    return true;
}

static void apply_attachments(struct step *step)
{
    for (size_t i = 0; i < step->snapshot->n_attachments; i++) {
        const struct sdm_snapshot_attachment *from = &step->snapshot->attachments[i];
        const struct sdm_progress_attachment *to = &step->progress->attachments[i];

        if (to->drop) {
            sdm_store_attachment_delete(step->tx, from->attachment);
            step->changed = true;
        } else if (to->want != from->want || to->have != from->have) {
            sdm_store_attachment_set(step->tx, from->attachment, to->want, to->have,
                                     to->want != SDM_WINDOW_LEVEL_ABSENT && to->have == to->want);
            step->changed = true;
        }
    }
}

static bool segment_is_given_up(const struct step *step, size_t i)
{
    return step->progress->segments[i].want_free && !step->snapshot->segments[i].want_free;
}

static bool segment_is_scrubbed(const struct step *step, size_t i)
{
    return step->progress->segments[i].scrub;
}

static void apply_segments(struct step *step)
{
    const struct sdm_snapshot *snapshot = step->snapshot;
    const char **picked;
    size_t n;

    picked = PICK(step, snapshot->segments, snapshot->n_segments, segment_is_given_up, &n);
    if (n > 0) {
        sdm_store_segments_give_up(step->tx, picked, n);
    }
    picked = PICK(step, snapshot->segments, snapshot->n_segments, segment_is_scrubbed, &n);
    if (n > 0) {
        sdm_store_segments_to_scrub(step->tx, picked, n);
    }
    for (size_t i = 0; i < n; i++) {
        sdm_post_id(step->tx, step->settler->sink, SDM_WORK_SCRUB, picked[i]);
    }
}

/* Segments leave a circuit; the last one of the reservation gives its bandwidth back too. */
static void leave_circuit(struct step *step, size_t circuit)
{
    const struct sdm_snapshot_circuit *from = &step->snapshot->circuits[circuit];
    int32_t n_leaving = 0;
    int32_t n_staying = 0;
    int32_t bandwidth_mbps;

    for (size_t i = 0; i < step->snapshot->n_routes; i++) {
        if (step->snapshot->routes[i].circuit == circuit) {
            *(step->progress->routes[i].drop ? &n_leaving : &n_staying) += 1;
        }
    }
    if (n_leaving == 0) {
        return;
    }
    bandwidth_mbps = n_staying == 0 ? step->snapshot->bandwidth_mbps : 0;
    if (bandwidth_mbps > 0) {
        sdm_shared_circuit_claim(step->tx, from->compute_no, from->brick_no, -bandwidth_mbps);
    }
    on_commit_give_back(step, (struct giving_back){.compute_no = from->compute_no,
                                                   .entry = -1,
                                                   .brick_no = from->brick_no,
                                                   .n_users = n_leaving,
                                                   .bandwidth_mbps = bandwidth_mbps});
}

static void apply_circuits(struct step *step)
{
    for (size_t i = 0; i < step->snapshot->n_circuits; i++) {
        const struct sdm_snapshot_circuit *from = &step->snapshot->circuits[i];
        const struct sdm_progress_circuit *to = &step->progress->circuits[i];

        leave_circuit(step, i);
        if (to->want_up != from->want_up) {
            sdm_shared_circuit_want(step->tx, from->circuit, to->want_up);
            step->changed = true;
        }
        if (to->want_up != from->want_up || to->idle) {
            sdm_post_id(step->tx, step->settler->sink, SDM_WORK_CIRCUIT, from->circuit);
        }
    }
    for (size_t i = 0; i < step->snapshot->n_routes; i++) {
        const struct sdm_snapshot_route *route = &step->snapshot->routes[i];

        if (step->progress->routes[i].drop && !step->progress->segments[route->segment].scrub) {
            sdm_store_circuit_drop_route(step->tx, step->snapshot->segments[route->segment].segment,
                                         step->snapshot->circuits[route->circuit].circuit);
            step->changed = true;
        }
    }
}

/* What it holds: everything that has neither been given up nor been taken from it. */
static int64_t held_bytes(const struct step *step)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < step->snapshot->n_segments; i++) {
        if (!step->progress->segments[i].want_free &&
            step->snapshot->segments[i].state != SDM_SEGMENT_STATE_QUARANTINED) {
            bytes += step->snapshot->segments[i].size_bytes;
        }
    }
    return bytes;
}

static void release_accelerator(struct step *step)
{
    const struct sdm_snapshot *snapshot = step->snapshot;

    if (snapshot->accelerator == NULL) {
        return;
    }
    on_commit_give_back(step, (struct giving_back){.compute_no = snapshot->compute_no,
                                                   .entry = -1,
                                                   .brick_no = snapshot->accelerator_no,
                                                   .n_users = 1,
                                                   .bandwidth_mbps = snapshot->bandwidth_mbps,
                                                   .accelerator_no = snapshot->accelerator_no});
}

static const char *usual_text(enum sdm_reservation_state state)
{
    static const char *const texts[] = {
        [SDM_RESERVATION_STATE_HELD] = "held, used nowhere",
        [SDM_RESERVATION_STATE_ATTACHING] = "being wired and attached",
        [SDM_RESERVATION_STATE_ATTACHED] = "attached",
        [SDM_RESERVATION_STATE_DETACHING] = "being taken out of its target",
        [SDM_RESERVATION_STATE_RELEASING] = "being given back",
        [SDM_RESERVATION_STATE_RELEASED] = "scrubbed and free",
        [SDM_RESERVATION_STATE_FAILED] = "failed",
    };

    return texts[state];
}

static void tell_state(struct step *step, enum sdm_reservation_state state, int64_t bytes)
{
    const char *text = step->text != NULL ? step->text : usual_text(state);
    struct sdm_event_reservation event = {.state = state, .size_bytes = (uint64_t)bytes};

    sdm_store_reservation_set_state(step->tx, step->snapshot->reservation, state, text);
    g_strlcpy(event.at, step->snapshot->now, sizeof event.at);
    g_strlcpy(event.reservation, step->snapshot->reservation, sizeof event.reservation);
    g_strlcpy(event.project, step->snapshot->project, sizeof event.project);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_reservation(step->tx, step->settler->sink, &event);
}

static void apply_state(struct step *step)
{
    const struct sdm_snapshot *snapshot = step->snapshot;
    enum sdm_reservation_state state = step->progress->state;
    int64_t bytes = held_bytes(step);

    if (bytes != snapshot->size_bytes) {
        sdm_store_reservation_set_size(step->tx, snapshot->reservation, bytes,
                                       step->progress->refused ? bytes : snapshot->requested_bytes);
        step->changed = true;
    }
    if (state == snapshot->state) {
        return;
    }
    step->changed = true;
    if (state == SDM_RESERVATION_STATE_RELEASED) {
        release_accelerator(step);
        sdm_project_give(step->tx, snapshot->project, 0, 1);
    }
    tell_state(step, state, bytes);
}

static bool apply(struct step *step, GError **error)
{
    if (!apply_windows(step, error)) {
        return false;
    }
    apply_attachments(step);
    apply_segments(step);
    apply_circuits(step);
    apply_state(step);
    return true;
}

/* Mistakes that the campaign has to see: a window forgotten before its brick has let go of it, and
 * a circuit cut before the last window behind it is gone. */
static void sabotage(const struct sdm_snapshot *snapshot, const struct sdm_progress *progress)
{
    bool forgets = sdm_sabotage("freed-too-early");
    bool cuts = sdm_sabotage("circuit-cut-under-live");

    for (size_t i = 0; (forgets || cuts) && i < snapshot->n_windows; i++) {
        if (snapshot->windows[i].want != SDM_WINDOW_LEVEL_ABSENT) {
            continue;
        }
        progress->windows[i].drop |= forgets;
        if (cuts) {
            progress->circuits[snapshot->windows[i].circuit].want_up = false;
        }
    }
}

struct sdm_snapshot *sdm_settle(const struct sdm_settler *settler, struct sdm_tx *tx,
                                const char *reservation, const char *text, struct sdm_arena *arena,
                                GError **error)
{
    bool answered = false;

    for (int i = 0; i < MAX_STEPS; i++) {
        struct sdm_snapshot *snapshot =
            sdm_store_snapshot_load(sdm_tx_read(tx), reservation, i == 0, arena, error);
        struct sdm_progress progress;
        struct step step = {settler, tx, arena, snapshot, &progress, text, false};

        if (snapshot == NULL) {
            return NULL;
        }
        sdm_shared_overlay(tx, snapshot);
        sdm_progress_next(snapshot, arena, &progress);
        sabotage(snapshot, &progress);
        if (!apply(&step, error)) {
            return NULL;
        }
        if (!step.changed) {
            if (!sdm_pending_answer(tx, snapshot, arena, &answered, error)) {
                return NULL;
            }
            if (answered) {
                sdm_post_device(tx, settler->sink, SDM_WORK_OUTBOX, 0);
            }
            return snapshot;
        }
    }
    sdm_fail(error, "reservation '%s' has not settled after %d steps", reservation, MAX_STEPS);
    return NULL;
}
