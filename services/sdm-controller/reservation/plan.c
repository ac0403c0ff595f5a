#include "sdm-controller/reservation/plan.h"

#include "lib/base/error.h"
#include "wire/error.h"

static bool read_compute(const struct sdm_topology *topology, const char *id,
                         struct sdm_plan_request *request, GError **error)
{
    const struct sdm_device *device = sdm_topology_find(topology, id);

    if (device == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick '%s'", id);
    }
    if (device->kind != SDM_DEVICE_KIND_COMPUTE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "need a compute brick, '%s' is %s", id,
                          sdm_device_kind_name(device->kind));
    }
    request->compute_nos[request->n_compute++] = device->device_no;
    return true;
}

bool sdm_plan_read_request(const struct sdm_topology *topology,
                           const struct sdm_wire_plan_request *wire,
                           struct sdm_plan_request *request, GError **error)
{
    *request = (struct sdm_plan_request){
        .size_bytes = wire->size_bytes,
        .latency_class = wire->latency_class,
        .mode = wire->mode,
        .policy = wire->has_policy ? wire->policy : SDM_POLICY_NEAR,
        .contiguous = wire->has_contiguous && wire->contiguous,
        .bandwidth_mbps = wire->has_bandwidth_mbps ? (int32_t)wire->bandwidth_mbps : 0,
    };
    for (size_t i = 0; i < wire->n_compute_bricks; i++) {
        if (!read_compute(topology, wire->compute_bricks[i], request, error)) {
            return false;
        }
    }
    return true;
}

static const char *device_id(const struct sdm_topology *topology, int32_t device_no)
{
    const struct sdm_device *device = sdm_topology_device(topology, device_no);

    return device != NULL ? device->id : "";
}

void sdm_plan_explain(const struct sdm_topology *topology, const struct sdm_refusal *refusal,
                      struct sdm_arena *arena, struct sdm_outcome *outcome)
{
    struct sdm_error *message = SDM_ARENA_NEW(arena, struct sdm_error, 1);
    const struct sdm_nearest *nearest = &refusal->nearest;

    if (refusal->n_stages == 0) {
        return;
    }
    message->has_stages = true;
    message->n_stages = refusal->n_stages;
    message->stages = SDM_ARENA_NEW(arena, struct sdm_wire_stage, refusal->n_stages);
    for (uint32_t i = 0; i < refusal->n_stages; i++) {
        message->stages[i].stage = refusal->stages[i].stage;
        message->stages[i].n_left = refusal->stages[i].n_left;
        message->stages[i].free_bytes = refusal->stages[i].free_bytes;
    }
    message->nearest.has_size_bytes = nearest->has_size;
    message->nearest.size_bytes = nearest->size_bytes;
    message->nearest.has_latency_class = nearest->has_latency_class;
    message->nearest.latency_class = nearest->latency_class;
    message->nearest.has_contiguous = nearest->may_split;
    message->nearest.contiguous = false;
    message->nearest.has_compute_brick = nearest->compute_no != 0;
    g_strlcpy(message->nearest.compute_brick, device_id(topology, nearest->compute_no),
              sizeof message->nearest.compute_brick);
    message->has_nearest = nearest->has_size || nearest->has_latency_class || nearest->may_split ||
                           nearest->compute_no != 0;
    outcome->refusal = message;
}

static void view_path(const struct sdm_topology *topology, const struct sdm_path *from,
                      struct sdm_arena *arena, struct sdm_wire_path *to)
{
    g_strlcpy(to->brick, device_id(topology, from->brick_no), sizeof to->brick);
    to->shared = from->shared;
    to->compute_port = (uint64_t)from->compute_port;
    to->brick_port = (uint64_t)from->brick_port;
    to->bandwidth_mbps = (uint64_t)from->narrowest_mbps;
    to->n_hops = (size_t)from->n_hops;
    to->hops = SDM_ARENA_NEW(arena, struct sdm_wire_hop, to->n_hops);
    for (size_t i = 0; i < to->n_hops; i++) {
        g_strlcpy(to->hops[i].switch_, device_id(topology, from->hops[i].switch_no),
                  sizeof to->hops[i].switch_);
        to->hops[i].in_port = (uint64_t)from->hops[i].in_port;
        to->hops[i].out_port = (uint64_t)from->hops[i].out_port;
    }
}

void sdm_plan_view_paths(const struct sdm_topology *topology, const struct sdm_plan *plan,
                         struct sdm_arena *arena, struct sdm_wire_path **paths, size_t *n_paths)
{
    *n_paths = plan->n_paths;
    *paths = SDM_ARENA_NEW(arena, struct sdm_wire_path, plan->n_paths);
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        view_path(topology, &plan->paths[i], arena, &(*paths)[i]);
    }
}

static struct sdm_s10_plan_reply *view_plan(const struct sdm_topology *topology,
                                            const struct sdm_plan *plan, struct sdm_arena *arena)
{
    struct sdm_s10_plan_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_plan_reply, 1);

    g_strlcpy(reply->compute_brick, device_id(topology, plan->compute_no),
              sizeof reply->compute_brick);
    reply->size_bytes = plan->size_bytes;
    reply->mode = plan->mode;
    reply->latency_class = plan->latency_class;
    reply->policy = plan->policy;
    reply->wake_ms = (uint64_t)plan->wake_ms;
    reply->power_mw = (uint64_t)plan->power_mw;
    reply->n_segments = plan->n_segments;
    reply->segments = SDM_ARENA_NEW(arena, struct sdm_wire_planned_segment, plan->n_segments);
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_plan_segment *from = &plan->segments[i];

        g_strlcpy(reply->segments[i].memory_brick, device_id(topology, from->extent.brick_no),
                  sizeof reply->segments[i].memory_brick);
        reply->segments[i].offset_bytes = from->extent.offset_bytes;
        reply->segments[i].size_bytes = from->extent.size_bytes;
        reply->segments[i].latency_class = from->latency_class;
    }
    reply->n_wake = plan->n_wakes;
    reply->wake = SDM_ARENA_NEW(arena, struct sdm_wire_wake, plan->n_wakes);
    for (uint32_t i = 0; i < plan->n_wakes; i++) {
        g_strlcpy(reply->wake[i].brick, device_id(topology, plan->wakes[i].device_no),
                  sizeof reply->wake[i].brick);
        reply->wake[i].wake_ms = (uint64_t)plan->wakes[i].wake_ms;
        reply->wake[i].power_mw = (uint64_t)plan->wakes[i].power_mw;
    }
    sdm_plan_view_paths(topology, plan, arena, &reply->paths, &reply->n_paths);
    return reply;
}

bool sdm_reservation_plan(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_plan *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_wire_plan_request members = {
        .compute_bricks = request->compute_bricks,
        .n_compute_bricks = request->n_compute_bricks,
        .size_bytes = request->size_bytes,
        .latency_class = request->latency_class,
        .mode = request->mode,
        .has_policy = request->has_policy,
        .policy = request->policy,
        .has_contiguous = request->has_contiguous,
        .contiguous = request->contiguous,
        .has_bandwidth_mbps = request->has_bandwidth_mbps,
        .bandwidth_mbps = request->bandwidth_mbps,
    };
    struct sdm_s10_plan_reply *reply = NULL;
    g_autoptr(sdm_topology) topology = NULL;
    g_autoptr(sdm_plan) plan = NULL;
    struct sdm_plan_request wanted;
    struct sdm_refusal refusal = {0};

    (void)pg;
    sdm_ledger_lock(engine->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(engine->ledger));
    if (sdm_plan_read_request(topology, &members, &wanted, error)) {
        plan = sdm_planner_plan(engine->planner, engine->ledger, &wanted, &refusal, error);
    }
    sdm_ledger_unlock(engine->ledger);
    if (plan == NULL) {
        sdm_plan_explain(topology, &refusal, arena, outcome);
        return false;
    }
    reply = view_plan(topology, plan, arena);
    reply->valid_ms = (uint64_t)(sdm_plan_cache_valid_us(engine->plans) / 1000);
    sdm_plan_cache_add(engine->plans, caller->project, plan, &wanted,
                       sdm_clock_monotonic_us(engine->clock), reply->plan);
    outcome->done = true;
    outcome->reply_type = sdm_s10_plan_reply_codec.type;
    outcome->reply_codec = &sdm_s10_plan_reply_codec;
    outcome->reply = reply;
    return true;
}
