#include "sdm-controller/planner/planner.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/planner/attempt.h"
#include "sdm-controller/planner/explain.h"

struct sdm_planner *sdm_planner_new(const struct sdm_planner_params *params)
{
    struct sdm_planner *planner = g_new0(struct sdm_planner, 1);

    planner->params = *params;
    planner->picks = g_new0(struct sdm_pick, SDM_PLANNER_MAX_SEGMENTS);
    planner->segments = g_new0(struct sdm_plan_segment, SDM_PLANNER_MAX_SEGMENTS);
    planner->pieces = g_new0(struct sdm_free_extent, SDM_PLANNER_MAX_SEGMENTS);
    return planner;
}

void sdm_planner_free(struct sdm_planner *planner)
{
    if (planner == NULL) {
        return;
    }
    sdm_path_done(&planner->search);
    g_free(planner->picks);
    g_free(planner->segments);
    g_free(planner->pieces);
    g_free(planner);
}

static const char *name_of(const struct sdm_ledger *ledger, int32_t device_no)
{
    return ledger->topology->device_of[device_no]->id;
}

static bool check_compute(const struct sdm_ledger *ledger, int32_t compute_no, GError **error)
{
    const struct sdm_node *node = sdm_layout_node(ledger->topology, compute_no);

    if (node == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick has number %d", compute_no);
    }
    if (node->kind != SDM_DEVICE_KIND_COMPUTE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is not a compute brick but %s",
                          name_of(ledger, compute_no), sdm_device_kind_name(node->kind));
    }
    return true;
}

static bool check_active(const struct sdm_ledger *ledger, int32_t compute_no, GError **error)
{
    if (ledger->uses[compute_no].state != SDM_BRICK_STATE_ACTIVE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "compute brick '%s' is %s, not active",
                          name_of(ledger, compute_no),
                          sdm_brick_state_name(ledger->uses[compute_no].state));
    }
    return true;
}

static bool check_request(const struct sdm_ledger *ledger, const struct sdm_plan_request *request,
                          GError **error)
{
    g_autoptr(GError) inactive = NULL;
    bool any_active = false;

    for (uint32_t i = 0; i < request->n_compute; i++) {
        if (!check_compute(ledger, request->compute_nos[i], error)) {
            return false;
        }
        g_clear_error(&inactive);
        any_active = any_active || check_active(ledger, request->compute_nos[i], &inactive);
    }
    if (request->n_compute == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick is named");
    }
    if (!any_active) {
        g_propagate_error(error, g_steal_pointer(&inactive));
        return false;
    }
    if (request->size_bytes == 0 || request->size_bytes % ledger->unit_bytes != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "need %" PRIu64 " bytes, which is not a multiple of the unit of %" PRIu64,
                          request->size_bytes, ledger->unit_bytes);
    }
    return true;
}

/* More than could be had from an empty pod. */
static bool check_size(const struct sdm_planner *planner, const struct sdm_ledger *ledger,
                       const struct sdm_plan_request *request, GError **error)
{
    uint64_t capacity = sdm_topology_capacity_bytes(ledger->topology);
    uint64_t unit = ledger->unit_bytes;
    uint64_t dimm = MAX(planner->params.max_segment_bytes / unit * unit, unit);
    uint64_t largest = ledger->topology->largest_capacity_bytes;

    if (request->size_bytes > capacity) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need %" PRIu64 " bytes, all memory bricks together have %" PRIu64,
                          request->size_bytes, capacity);
    }
    if (request->contiguous && request->size_bytes > largest) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need %" PRIu64
                          " contiguous bytes, the largest memory brick has %" PRIu64,
                          request->size_bytes, largest);
    }
    if (request->contiguous && request->mode == SDM_MODE_VM && request->size_bytes > dimm) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need one DIMM of %" PRIu64 " bytes, the largest is %" PRIu64,
                          request->size_bytes, dimm);
    }
    return true;
}

/* Adds what has to be switched on to reach a device, and the time until it is on. */
static uint32_t add_wake(const struct sdm_ledger *ledger, int32_t device_no, struct sdm_plan *plan,
                         uint32_t n_wakes)
{
    const struct sdm_device *device = ledger->topology->device_of[device_no];
    const struct sdm_device_use *use = &ledger->uses[device_no];

    if (use->want_power == SDM_POWER_STATE_ON && use->have_power == SDM_POWER_STATE_ON) {
        return n_wakes;
    }
    plan->wake_ms = MAX(plan->wake_ms, device->wake_ms);
    if (sdm_state_power(use) == SDM_INDEX_OFF) {
        plan->wakes[n_wakes++] = (struct sdm_plan_wake){
            .device_no = device_no,
            .wake_ms = device->wake_ms,
            .power_mw = MAX(device->active_mw, device->idle_mw),
        };
        plan->power_mw += plan->wakes[n_wakes - 1].power_mw;
    }
    return n_wakes;
}

static uint32_t count_wakes(const struct sdm_planner *planner)
{
    uint32_t n = sdm_state_power(&planner->ledger->uses[planner->compute_no]) == SDM_INDEX_OFF;

    for (uint32_t i = 0; i < planner->n_picks; i++) {
        n += planner->picks[i].candidate.power == SDM_INDEX_OFF;
    }
    return n;
}

static void fill_wakes(const struct sdm_planner *planner, struct sdm_plan *plan)
{
    uint32_t n = add_wake(planner->ledger, planner->compute_no, plan, 0);

    for (uint32_t i = 0; i < planner->n_picks; i++) {
        n = add_wake(planner->ledger, planner->picks[i].candidate.brick_no, plan, n);
    }
    g_assert(n == plan->n_wakes);
}

/* Few and mostly in order already. */
static void sort_segments(struct sdm_plan *plan)
{
    for (uint32_t i = 1; i < plan->n_segments; i++) {
        struct sdm_plan_segment segment = plan->segments[i];
        uint32_t at = i;

        while (at > 0 && sdm_extent_compare(&plan->segments[at - 1].extent, &segment.extent) > 0) {
            plan->segments[at] = plan->segments[at - 1];
            at--;
        }
        plan->segments[at] = segment;
    }
}

static void copy_path(struct sdm_path *to, const struct sdm_path *from)
{
    memcpy(to, from, offsetof(struct sdm_path, hops) + (size_t)from->n_hops * sizeof from->hops[0]);
}

/* Paths come sorted by brick; 'path' of the segments follows. */
static void fill_paths(const struct sdm_planner *planner, struct sdm_plan *plan)
{
    uint32_t order[SDM_PLANNER_MAX_SEGMENTS];
    uint32_t rank[SDM_PLANNER_MAX_SEGMENTS];

    for (uint32_t i = 0; i < planner->n_picks; i++) {
        uint32_t at = i;

        while (at > 0 && planner->picks[order[at - 1]].candidate.brick_no >
                             planner->picks[i].candidate.brick_no) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (uint32_t i = 0; i < planner->n_picks; i++) {
        copy_path(&plan->paths[i], &planner->picks[order[i]].path);
        rank[order[i]] = i;
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        plan->segments[i].path = rank[plan->segments[i].path];
        plan->latency_class = MAX(plan->latency_class, plan->segments[i].latency_class);
        plan->size_bytes += plan->segments[i].extent.size_bytes;
    }
}

static struct sdm_plan *make_plan(const struct sdm_planner *planner,
                                  const struct sdm_plan_request *request)
{
    struct sdm_plan *plan =
        sdm_plan_new(planner->n_segments, planner->n_picks, count_wakes(planner));

    plan->compute_no = planner->compute_no;
    plan->mode = request->mode;
    plan->policy = request->policy;
    plan->latency_class = SDM_LATENCY_CLASS_TRAY;
    memcpy(plan->segments, planner->segments, planner->n_segments * sizeof *plan->segments);
    sort_segments(plan);
    fill_paths(planner, plan);
    fill_wakes(planner, plan);
    return plan;
}

/* Tries the compute bricks in their order. */
static bool attempt_all(struct sdm_planner *planner, struct sdm_ledger *ledger,
                        const struct sdm_wanted *wanted, bool exhaustive)
{
    const struct sdm_plan_request *request = &wanted->request;

    for (uint32_t i = 0; i < request->n_compute; i++) {
        struct sdm_attempt attempt = {
            .compute_no = request->compute_nos[i],
            .size_bytes = request->size_bytes,
            .latency_class = request->latency_class,
            .contiguous = request->contiguous,
            .exhaustive = exhaustive,
        };

        if (ledger->uses[attempt.compute_no].state == SDM_BRICK_STATE_ACTIVE &&
            (!exhaustive || sdm_explain_has_bytes(planner, ledger, wanted, attempt.compute_no)) &&
            sdm_attempt_run(planner, ledger, wanted, &attempt)) {
            return true;
        }
    }
    return false;
}

static int32_t first_active(const struct sdm_ledger *ledger, const struct sdm_plan_request *request)
{
    uint32_t i = 0;

    while (ledger->uses[request->compute_nos[i]].state != SDM_BRICK_STATE_ACTIVE) {
        i++;
    }
    return request->compute_nos[i];
}

static struct sdm_plan *plan_memory(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                    const struct sdm_wanted *wanted, struct sdm_refusal *refusal,
                                    GError **error)
{
    const struct sdm_plan_request *request = &wanted->request;
    g_autoptr(GError) reason = NULL;
    bool too_large;

    *refusal = (struct sdm_refusal){0};
    if (!check_request(ledger, request, error)) {
        return NULL;
    }
    too_large = !check_size(planner, ledger, request, error);
    if (!too_large && attempt_all(planner, ledger, wanted, false)) {
        return make_plan(planner, request);
    }
    /* Where the bytes are there, only the ways to them were not found: look at all of them. */
    if (!too_large && attempt_all(planner, ledger, wanted, true)) {
        return make_plan(planner, request);
    }
    sdm_explain_stages(planner, ledger, wanted, first_active(ledger, request), refusal, &reason);
    sdm_explain_nearest(planner, ledger, wanted, &refusal->nearest);
    if (!too_large) {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return NULL;
}

struct sdm_plan *sdm_planner_plan(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                  const struct sdm_plan_request *request,
                                  struct sdm_refusal *refusal, GError **error)
{
    struct sdm_wanted wanted = {.request = *request};

    return plan_memory(planner, ledger, &wanted, refusal, error);
}

struct sdm_plan *sdm_planner_plan_growth(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                         const struct sdm_plan_request *request,
                                         const int32_t *brick_nos, uint32_t n_bricks,
                                         uint32_t n_segments, struct sdm_refusal *refusal,
                                         GError **error)
{
    struct sdm_wanted wanted = {*request, brick_nos, n_bricks, n_segments};

    return plan_memory(planner, ledger, &wanted, refusal, error);
}

/* Finds the way to one brick: a circuit to share, or a new one; false when there is none. */
static bool find_way(struct sdm_planner *planner, const struct sdm_wanted *wanted, int32_t brick_no,
                     struct sdm_pick *pick)
{
    const struct sdm_path *circuit =
        sdm_state_circuit(planner->ledger, planner->compute_no, brick_no);
    int32_t bandwidth_mbps = wanted->request.bandwidth_mbps;

    if (circuit != NULL) {
        if (!sdm_attempt_can_share(planner->ledger, circuit, bandwidth_mbps)) {
            return false;
        }
        sdm_state_copy_circuit(circuit, &pick->path);
        pick->path.bandwidth_mbps = bandwidth_mbps;
    } else if (!sdm_path_sweep(&planner->search, brick_no, &pick->path)) {
        return false;
    }
    pick->path.n_users = 1;
    pick->candidate = (struct sdm_candidate){
        .brick_no = brick_no,
        .latency_class = sdm_layout_distance(&planner->ledger->topology->nodes[planner->compute_no],
                                             &planner->ledger->topology->nodes[brick_no]),
        .power = sdm_state_power(&planner->ledger->uses[brick_no]),
        .shared = circuit != NULL,
    };
    return true;
}

static void set_stage(struct sdm_refusal *refusal, enum sdm_stage_stage stage, uint32_t n_left)
{
    for (int i = 0; i <= (int)stage; i++) {
        refusal->stages[i].stage = (enum sdm_stage_stage)i;
        refusal->stages[i].n_left = i < (int)stage ? 1 : n_left;
    }
    refusal->n_stages = (uint32_t)stage + 1;
}

/* A plan of one path, which stands in 'picks'. */
static struct sdm_plan *make_path_plan(struct sdm_planner *planner, enum sdm_mode mode)
{
    struct sdm_plan_request request = {.mode = mode, .policy = SDM_POLICY_NEAR};
    struct sdm_plan *plan;

    planner->n_picks = 1;
    planner->n_segments = 0;
    plan = make_plan(planner, &request);
    plan->latency_class = planner->picks[0].candidate.latency_class;
    return plan;
}

static bool check_member(struct sdm_ledger *ledger, int32_t compute_no,
                         const struct sdm_extent *extent, enum sdm_latency_class latency_class,
                         struct sdm_refusal *refusal, GError **error)
{
    enum sdm_latency_class distance;

    if (!check_compute(ledger, compute_no, error) || !check_active(ledger, compute_no, error)) {
        return false;
    }
    if (!sdm_state_is(ledger, extent->brick_no, SDM_DEVICE_KIND_MEMORY)) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no memory brick has number %d",
                          extent->brick_no);
    }
    if (ledger->uses[extent->brick_no].state != SDM_BRICK_STATE_ACTIVE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "memory brick '%s' is %s, not active",
                          name_of(ledger, extent->brick_no),
                          sdm_brick_state_name(ledger->uses[extent->brick_no].state));
    }
    distance = sdm_layout_distance(&ledger->topology->nodes[compute_no],
                                   &ledger->topology->nodes[extent->brick_no]);
    if (distance > latency_class) {
        set_stage(refusal, SDM_STAGE_STAGE_CLASS, 0);
        refusal->nearest.has_latency_class = true;
        refusal->nearest.latency_class = distance;
        return sdm_refuse(error, SDM_ERROR_NO_CAPACITY,
                          "need the segment within class '%s' of '%s', its brick '%s' is in '%s'",
                          sdm_latency_class_name(latency_class), name_of(ledger, compute_no),
                          name_of(ledger, extent->brick_no), sdm_latency_class_name(distance));
    }
    if (sdm_state_compute(ledger, compute_no)->windows.n == SDM_WINDOW_N_ENTRIES) {
        set_stage(refusal, SDM_STAGE_STAGE_WINDOW, 0);
        return sdm_refuse(error, SDM_ERROR_NO_WINDOW,
                          "need a NetPort entry of '%s', all %d are taken",
                          name_of(ledger, compute_no), SDM_WINDOW_N_ENTRIES);
    }
    return true;
}

struct sdm_plan *sdm_planner_plan_member(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                         int32_t compute_no, const struct sdm_extent *extent,
                                         enum sdm_latency_class latency_class,
                                         int32_t bandwidth_mbps, struct sdm_refusal *refusal,
                                         GError **error)
{
    struct sdm_wanted wanted = {.request = {.bandwidth_mbps = bandwidth_mbps}};
    struct sdm_plan *plan;

    *refusal = (struct sdm_refusal){0};
    if (!check_member(ledger, compute_no, extent, latency_class, refusal, error)) {
        return NULL;
    }
    sdm_attempt_begin(planner, ledger, compute_no, bandwidth_mbps);
    if (!find_way(planner, &wanted, extent->brick_no, &planner->picks[0])) {
        set_stage(refusal, SDM_STAGE_STAGE_PATH, 0);
        sdm_refuse(error, SDM_ERROR_NO_PATH,
                   "need a path of %d Mbit/s from '%s' to '%s', no free ports make one",
                   bandwidth_mbps, name_of(ledger, compute_no), name_of(ledger, extent->brick_no));
        return NULL;
    }
    plan = make_path_plan(planner, SDM_MODE_DEVICE);
    plan->size_bytes = extent->size_bytes;
    return plan;
}

/* Of the accelerators of a kind that are free, in a class: the first with a way. */
static bool choose_accelerator(struct sdm_planner *planner, const struct sdm_wanted *wanted,
                               const struct sdm_order *order, enum sdm_latency_class latency_class,
                               uint32_t *n_seen)
{
    const struct sdm_topology *topology = planner->ledger->topology;
    struct sdm_order_cursor cursor = {0, 0};
    const struct sdm_node *compute = &topology->nodes[planner->compute_no];
    struct sdm_range range = {0, topology->n_of_kind[SDM_DEVICE_KIND_ACCELERATOR]};
    uint64_t position;

    if (latency_class == SDM_LATENCY_CLASS_TRAY) {
        range = topology->trays[compute->tray].bricks[SDM_DEVICE_KIND_ACCELERATOR];
    } else if (latency_class == SDM_LATENCY_CLASS_RACK) {
        range = topology->racks[compute->rack].bricks[SDM_DEVICE_KIND_ACCELERATOR];
    }
    cursor = sdm_order_seek(order, (uint64_t)range.first);
    while (sdm_order_next(order, &cursor, &position) && (int32_t)position < range.end) {
        int32_t brick_no = topology->order[SDM_DEVICE_KIND_ACCELERATOR][position];

        if (sdm_layout_distance(compute, &topology->nodes[brick_no]) != latency_class) {
            continue;
        }
        (*n_seen)++;
        if (find_way(planner, wanted, brick_no, &planner->picks[0])) {
            return true;
        }
    }
    return false;
}

static bool find_accelerator(struct sdm_planner *planner, const struct sdm_wanted *wanted,
                             int32_t kind, enum sdm_latency_class latency_class, uint32_t *n_seen)
{
    for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
        const struct sdm_order *order = &planner->ledger->index.accelerators[kind][power];

        for (int i = 0; i <= (int)latency_class; i++) {
            if (choose_accelerator(planner, wanted, order, (enum sdm_latency_class)i, n_seen)) {
                return true;
            }
        }
    }
    return false;
}

static void explain_accelerator(struct sdm_planner *planner, const struct sdm_wanted *wanted,
                                int32_t kind, const char *kind_name,
                                enum sdm_latency_class latency_class, uint32_t n_seen,
                                struct sdm_refusal *refusal, GError **error)
{
    const char *name = name_of(planner->ledger, planner->compute_no);
    uint32_t n_wider = 0;

    if (n_seen > 0) {
        set_stage(refusal, SDM_STAGE_STAGE_PATH, 0);
        sdm_refuse(error, SDM_ERROR_NO_PATH,
                   "need a path from '%s' to an accelerator '%s', %u are free within class '%s' "
                   "and none can be reached",
                   name, kind_name, n_seen, sdm_latency_class_name(latency_class));
    } else {
        set_stage(refusal, SDM_STAGE_STAGE_CLASS, 0);
        sdm_refuse(error, SDM_ERROR_NO_CAPACITY,
                   "need an accelerator '%s' within class '%s' of '%s', none is free", kind_name,
                   sdm_latency_class_name(latency_class), name);
    }
    if (find_accelerator(planner, wanted, kind, SDM_LATENCY_CLASS_INTER_RACK, &n_wider)) {
        refusal->nearest.has_latency_class = true;
        refusal->nearest.latency_class = planner->picks[0].candidate.latency_class;
    }
}

struct sdm_plan *sdm_planner_plan_accelerator(struct sdm_planner *planner,
                                              struct sdm_ledger *ledger, const char *kind,
                                              int32_t compute_no,
                                              enum sdm_latency_class latency_class,
                                              int32_t bandwidth_mbps, struct sdm_refusal *refusal,
                                              GError **error)
{
    struct sdm_wanted wanted = {.request = {.bandwidth_mbps = bandwidth_mbps}};
    struct sdm_plan *plan;
    gpointer number;
    uint32_t n_seen = 0;

    *refusal = (struct sdm_refusal){0};
    if (!check_compute(ledger, compute_no, error) || !check_active(ledger, compute_no, error)) {
        return NULL;
    }
    if (!g_hash_table_lookup_extended(ledger->topology->accelerator_kinds, kind, NULL, &number)) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no accelerator brick is of kind '%s'", kind);
        return NULL;
    }
    sdm_attempt_begin(planner, ledger, compute_no, bandwidth_mbps);
    if (!find_accelerator(planner, &wanted, GPOINTER_TO_INT(number), latency_class, &n_seen)) {
        explain_accelerator(planner, &wanted, GPOINTER_TO_INT(number), kind, latency_class, n_seen,
                            refusal, error);
        return NULL;
    }
    plan = make_path_plan(planner, SDM_MODE_DEVICE);
    plan->accelerator_no = planner->picks[0].candidate.brick_no;
    return plan;
}
