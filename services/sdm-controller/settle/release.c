#include "sdm-controller/settle/release.h"

#include "lib/base/error.h"
#include "sdm-controller/settle/pending.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/segment.h"
#include "sdm-controller/store/window.h"

static bool unwant_attachment(const struct sdm_settler *settler, struct sdm_tx *tx,
                              const struct sdm_snapshot *snapshot, size_t attachment,
                              size_t first_segment, struct sdm_arena *arena, GError **error)
{
    const char **windows = SDM_ARENA_NEW(arena, const char *, snapshot->n_windows);
    int32_t compute_no = snapshot->attachments[attachment].compute_no;
    int64_t generation;
    size_t n = 0;

    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if (window->attachment == attachment && window->segment >= first_segment &&
            window->want != SDM_WINDOW_LEVEL_ABSENT) {
            windows[n++] = window->window;
        }
    }
    if (n == 0) {
        return true;
    }
    if (!sdm_store_generation_next(tx, compute_no, &generation, error)) {
        return false;
    }
    sdm_store_windows_unwant(tx, windows, n, generation);
    sdm_post_device(tx, settler->sink, SDM_WORK_AGENT, compute_no);
    return true;
}

bool sdm_settle_unwant(const struct sdm_settler *settler, struct sdm_tx *tx,
                       const struct sdm_snapshot *snapshot,
                       const struct sdm_snapshot_attachment *attachment, size_t first_segment,
                       struct sdm_arena *arena, GError **error)
{
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        if ((attachment == NULL || attachment == &snapshot->attachments[i]) &&
            !unwant_attachment(settler, tx, snapshot, i, first_segment, arena, error)) {
            return false;
        }
    }
    return true;
}

static void tell_releasing(const struct sdm_settler *settler, struct sdm_tx *tx,
                           const struct sdm_snapshot *snapshot, const char *text)
{
    struct sdm_event_reservation event = {.state = SDM_RESERVATION_STATE_RELEASING};

    g_strlcpy(event.at, snapshot->now, sizeof event.at);
    g_strlcpy(event.reservation, snapshot->reservation, sizeof event.reservation);
    g_strlcpy(event.project, snapshot->project, sizeof event.project);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_reservation(tx, settler->sink, &event);
}

bool sdm_settle_give_up(const struct sdm_settler *settler, struct sdm_tx *tx,
                        const struct sdm_snapshot *snapshot, const char *text,
                        struct sdm_arena *arena, GError **error)
{
    const char **segments = SDM_ARENA_NEW(arena, const char *, snapshot->n_segments);

    if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "reservation '%s' is %s already",
                          snapshot->reservation, sdm_reservation_state_name(snapshot->state));
    }
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        segments[i] = snapshot->segments[i].segment;
    }
    if (!sdm_settle_unwant(settler, tx, snapshot, NULL, 0, arena, error) ||
        !sdm_pending_refuse(tx, snapshot->reservation, sdm_error_code_name(SDM_ERROR_WRONG_STATE),
                            text, arena, error)) {
        return false;
    }
    if (snapshot->n_segments > 0) {
        sdm_store_segments_give_up(tx, segments, snapshot->n_segments);
    }
    sdm_store_reservation_set_size(tx, snapshot->reservation, 0, 0);
    sdm_store_reservation_set_state(tx, snapshot->reservation, SDM_RESERVATION_STATE_RELEASING,
                                    text);
    tell_releasing(settler, tx, snapshot, text);
    return true;
}
