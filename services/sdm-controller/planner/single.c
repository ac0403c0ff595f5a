/* Plans of one path: to a segment that exists, to an accelerator. */
#include "lib/base/error.h"
#include "sdm-controller/planner/attempt.h"
#include "sdm-controller/planner/check.h"
#include "sdm-controller/planner/picked.h"
#include "sdm-controller/planner/planner.h"

static const char *name_of(const struct sdm_ledger *ledger, int32_t device_no)
{
    return ledger->topology->device_of[device_no]->id;
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
        .awake = sdm_state_awake(&planner->ledger->uses[brick_no]),
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
    plan = sdm_picked_plan(planner, &request);
    plan->latency_class = planner->picks[0].candidate.latency_class;
    return plan;
}

static bool check_member(struct sdm_ledger *ledger, int32_t compute_no,
                         const struct sdm_extent *extent, enum sdm_latency_class latency_class,
                         struct sdm_refusal *refusal, GError **error)
{
    enum sdm_latency_class distance;

    if (!sdm_check_compute(ledger, compute_no, error) ||
        !sdm_check_active(ledger, compute_no, error)) {
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
    if (!sdm_check_compute(ledger, compute_no, error) ||
        !sdm_check_active(ledger, compute_no, error)) {
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
