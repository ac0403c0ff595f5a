#include "sdm-controller/reservation/show.h"

#include "lib/base/error.h"
#include "sdm-controller/settle/view.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"

enum { MAX_HISTORY = 256, DEFAULT_PAGE = 100 };

static bool view_history(struct sdm_pg *pg, const char *reservation, struct sdm_arena *arena,
                         struct sdm_wire_reservation *view, GError **error)
{
    struct sdm_history_line *lines;
    size_t n;

    if (!sdm_store_reservation_history(pg, reservation, MAX_HISTORY, arena, &lines, &n, error)) {
        return false;
    }
    view->has_history = true;
    view->n_history = n;
    view->history = SDM_ARENA_NEW(arena, struct sdm_wire_history_entry, n);
    for (size_t i = 0; i < n; i++) {
        view->history[i].state = lines[i].state;
        g_strlcpy(view->history[i].at, lines[i].at, sizeof view->history[i].at);
        g_strlcpy(view->history[i].text, lines[i].text, sizeof view->history[i].text);
    }
    return true;
}

bool sdm_reservation_show(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_show *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s10_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_reply, 1);
    struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(pg, request->reservation, false, arena, error);
    bool moving;

    (void)engine;
    if (snapshot == NULL) {
        return false;
    }
    if (!sdm_caller_sees(caller, snapshot->project)) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no reservation '%s'", request->reservation);
    }
    sdm_view_reservation(snapshot, arena, &reply->reservation);
    if (!view_history(pg, request->reservation, arena, &reply->reservation, error)) {
        return false;
    }
    moving = snapshot->state == SDM_RESERVATION_STATE_ATTACHING ||
             snapshot->state == SDM_RESERVATION_STATE_DETACHING ||
             snapshot->state == SDM_RESERVATION_STATE_RELEASING;
    reply->done = !moving;
    reply->reached = sdm_progress_reached(snapshot, SDM_REQUEST_IN, SDM_WAIT_LEVEL_COMMITTED).level;
    outcome->done = true;
    outcome->reply_type = sdm_s10_reply_codec.type;
    outcome->reply_codec = &sdm_s10_reply_codec;
    outcome->reply = reply;
    return true;
}

static bool fill_filter(const struct sdm_caller *caller, const struct sdm_s10_list *request,
                        struct sdm_reservation_filter *filter, GError **error)
{
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    if (project == NULL) {
        return false;
    }
    *filter = (struct sdm_reservation_filter){
        .project = caller->role == SDM_ROLE_ADMIN && !request->has_project ? NULL : project,
        .state = request->has_state ? sdm_reservation_state_name(request->state) : NULL,
        .compute_brick = request->has_compute_brick ? request->compute_brick : NULL,
        .vm = request->has_vm ? request->vm : NULL,
        .group = request->has_group ? request->group : NULL,
        .live = request->has_live && request->live,
        .after = request->has_after ? request->after : NULL,
        .page_size = request->has_page_size ? request->page_size : DEFAULT_PAGE,
    };
    return true;
}

bool sdm_reservation_list(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_list *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s10_list_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_list_reply, 1);
    struct sdm_reservation_filter filter;
    struct sdm_snapshot *snapshots;
    size_t n;
    bool more;

    (void)engine;
    if (!fill_filter(caller, request, &filter, error) ||
        !sdm_store_reservation_list(pg, &filter, arena, &snapshots, &n, &more, error)) {
        return false;
    }
    reply->n_reservations = n;
    reply->reservations = SDM_ARENA_NEW(arena, struct sdm_wire_reservation, n);
    for (size_t i = 0; i < n; i++) {
        sdm_view_reservation(&snapshots[i], arena, &reply->reservations[i]);
    }
    if (more) {
        reply->has_next = true;
        g_strlcpy(reply->next, snapshots[n - 1].reservation, sizeof reply->next);
    }
    outcome->done = true;
    outcome->reply_type = sdm_s10_list_reply_codec.type;
    outcome->reply_codec = &sdm_s10_list_reply_codec;
    outcome->reply = reply;
    return true;
}
