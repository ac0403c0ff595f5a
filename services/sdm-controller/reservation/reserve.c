#include "sdm-controller/reservation/reserve.h"

#include "lib/base/error.h"
#include "sdm-controller/reservation/claim.h"
#include "sdm-controller/reservation/plan.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/reservation.h"

/* What to plan, and what came of it. */
struct wish {
    const char *project;
    const struct sdm_wire_reserve_request *wire;
    struct sdm_plan_request request;
};

static struct sdm_plan *plan_wish(struct sdm_reservation_engine *engine,
                                  const struct sdm_topology *topology, void *data,
                                  struct sdm_refusal *refusal, GError **error)
{
    struct wish *wish = data;

    if (wish->wire->has_plan) {
        return sdm_plan_cache_find(engine->plans, wish->project, wish->wire->plan,
                                   sdm_clock_monotonic_us(engine->clock), &wish->request, error);
    }
    if (!sdm_plan_read_request(topology, &wish->wire->request, &wish->request, error)) {
        return NULL;
    }
    return sdm_planner_plan(engine->planner, engine->ledger, &wish->request, refusal, error);
}

static void view_segments(const struct sdm_topology *topology, const struct sdm_plan *plan,
                          char (*uuids)[SDM_UUID_SIZE], struct sdm_arena *arena,
                          struct sdm_wire_reservation *view)
{
    view->n_segments = plan->n_segments;
    view->segments = SDM_ARENA_NEW(arena, struct sdm_wire_segment, plan->n_segments);
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_plan_segment *from = &plan->segments[i];
        struct sdm_wire_segment *to = &view->segments[i];

        g_strlcpy(to->segment, uuids[i], sizeof to->segment);
        g_strlcpy(to->memory_brick, sdm_topology_device(topology, from->extent.brick_no)->id,
                  sizeof to->memory_brick);
        to->offset_bytes = from->extent.offset_bytes;
        to->size_bytes = from->extent.size_bytes;
        to->state = SDM_SEGMENT_STATE_LIVE;
        to->latency_class = from->latency_class;
    }
}

/* The reply comes from what was just written, without reading it again. */
static struct sdm_s10_reply *view_reserved(struct sdm_reservation_engine *engine,
                                           const struct sdm_new_reservation *row,
                                           const struct sdm_plan *plan,
                                           char (*uuids)[SDM_UUID_SIZE], const char *created,
                                           const char *lease_end, struct sdm_arena *arena)
{
    struct sdm_s10_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_reply, 1);
    struct sdm_wire_reservation *view = &reply->reservation;
    g_autoptr(sdm_topology) topology = NULL;

    sdm_ledger_lock(engine->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(engine->ledger));
    sdm_ledger_unlock(engine->ledger);
    reply->reached = SDM_WAIT_LEVEL_COMMITTED;
    reply->done = true;
    view->state = SDM_RESERVATION_STATE_HELD;
    view->mode = row->mode;
    view->latency_class = row->latency_class;
    view->size_bytes = plan->size_bytes;
    view->requested_bytes = plan->size_bytes;
    g_strlcpy(view->reservation, row->reservation, sizeof view->reservation);
    g_strlcpy(view->project, row->project, sizeof view->project);
    g_strlcpy(view->compute_brick, sdm_topology_device(topology, plan->compute_no)->id,
              sizeof view->compute_brick);
    g_strlcpy(view->created, created, sizeof view->created);
    g_strlcpy(view->lease_end, lease_end, sizeof view->lease_end);
    view_segments(topology, plan, uuids, arena, view);
    sdm_plan_view_paths(topology, plan, arena, &view->paths, &view->n_paths);
    return reply;
}

static void tell_held(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                      const struct sdm_wire_reservation *view, const char *text)
{
    struct sdm_event_reservation event = {.state = view->state, .size_bytes = view->size_bytes};

    g_strlcpy(event.at, view->created, sizeof event.at);
    g_strlcpy(event.reservation, view->reservation, sizeof event.reservation);
    g_strlcpy(event.project, view->project, sizeof event.project);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_reservation(tx, engine->settler.sink, &event);
}

static bool check_choice(const struct sdm_wire_reserve_request *request, GError **error)
{
    if (!request->has_plan && !request->has_request) {
        return sdm_refuse(error, SDM_ERROR_MISSING_MEMBER,
                          "want 'plan' or 'request', found neither");
    }
    if (request->has_plan && request->has_request) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want 'plan' or 'request', found both");
    }
    return true;
}

bool sdm_reservation_reserve_for(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const char *project,
                                 const struct sdm_wire_reserve_request *request,
                                 struct sdm_arena *arena, struct sdm_outcome *outcome,
                                 GError **error)
{
    struct wish wish = {.project = project, .wire = request};
    char uuid[SDM_UUID_SIZE];
    struct sdm_new_reservation row = {
        .reservation = uuid,
        .project = project,
        .state = SDM_RESERVATION_STATE_HELD,
        .lease_s = request->has_lease_s ? (int64_t)request->lease_s : SDM_LEASE_DEFAULT_S,
        .text = "reserved",
    };
    g_autoptr(sdm_plan) plan = NULL;
    char(*segments)[SDM_UUID_SIZE];
    struct sdm_s10_reply *reply;
    const char *created;
    const char *lease_end;

    if (!check_choice(request, error)) {
        return false;
    }
    plan = sdm_claim_plan(engine, tx, plan_wish, &wish, arena, outcome, error);
    if (plan == NULL) {
        return false;
    }
    sdm_uuid_new(uuid);
    row.mode = plan->mode;
    row.compute_no = plan->compute_no;
    row.latency_class = wish.request.latency_class;
    row.policy = plan->policy;
    row.bandwidth_mbps = wish.request.bandwidth_mbps;
    row.size_bytes = (int64_t)plan->size_bytes;
    if (!sdm_store_reservation_insert(tx, &row, arena, &created, &lease_end, error) ||
        !sdm_claim_write(
            engine, tx, plan,
            &(struct sdm_claim_rows){.reservation = uuid, .bandwidth_mbps = row.bandwidth_mbps},
            arena, &segments, error)) {
        return false;
    }
    reply = view_reserved(engine, &row, plan, segments, created, lease_end, arena);
    tell_held(engine, tx, &reply->reservation, row.text);
    outcome->reached = SDM_WAIT_LEVEL_COMMITTED;
    outcome->done = true;
    g_strlcpy(outcome->reservation, uuid, sizeof outcome->reservation);
    outcome->reply_type = sdm_s10_reply_codec.type;
    outcome->reply_codec = &sdm_s10_reply_codec;
    outcome->reply = reply;
    return true;
}

bool sdm_reservation_reserve(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const struct sdm_caller *caller, const struct sdm_s10_reserve *request,
                             struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_wire_reserve_request members = {
        .has_plan = request->has_plan,
        .has_request = request->has_request,
        .request = request->request,
        .has_lease_s = request->has_lease_s,
        .lease_s = request->lease_s,
    };
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    g_strlcpy(members.plan, request->plan, sizeof members.plan);
    return project != NULL &&
           sdm_reservation_reserve_for(engine, tx, project, &members, arena, outcome, error);
}
