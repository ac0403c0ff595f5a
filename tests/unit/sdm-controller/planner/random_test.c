/* Random requests, claims, releases and faults against a naive oracle, by seed. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>

#include "bench/topology.h"
#include "lib/base/error.h"
#include "oracle.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

static const struct sdm_planner_params params = {
    .max_segment_bytes = UINT64_C(4) << 20, .max_segments = 12, .max_spread = 3};

struct run {
    uint64_t seed;
    uint64_t random;
    const struct sdm_topology_spec *spec;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    struct oracle *oracle;
    GPtrArray *held; /* plans that were claimed */
    int n_planned;
    int n_refused;
    int n_shared;
    int n_over_several;
};

static void check_audit(struct run *run, const char *when)
{
    g_autofree char *wrong = sdm_ledger_audit(run->ledger);

    cr_assert_null(wrong, "seed %" PRIu64 " after %s: %s", run->seed, when, wrong);
}

static int32_t pick_device(struct run *run, enum sdm_device_kind kind)
{
    for (;;) {
        size_t i = sdm_bench_below(&run->random, run->spec->n_devices);

        if (run->spec->devices[i].kind == kind) {
            return run->spec->devices[i].device_no;
        }
    }
}

static struct sdm_plan_request random_request(struct run *run)
{
    struct sdm_plan_request request = {
        .n_compute = 1 + (uint32_t)sdm_bench_below(&run->random, 2),
        .size_bytes = (1 + sdm_bench_below(&run->random, 12)) * run->spec->segment_unit_bytes,
        .latency_class = (enum sdm_latency_class)sdm_bench_below(&run->random, 3),
        .mode = (enum sdm_mode)sdm_bench_below(&run->random, 3),
        .policy = (enum sdm_policy)sdm_bench_below(&run->random, 6),
        .contiguous = sdm_bench_below(&run->random, 4) == 0,
        .bandwidth_mbps = sdm_bench_below(&run->random, 3) == 0
                              ? (int32_t)(10000 + sdm_bench_below(&run->random, 60000))
                              : 0,
    };

    for (uint32_t i = 0; i < request.n_compute; i++) {
        request.compute_nos[i] = pick_device(run, SDM_DEVICE_KIND_COMPUTE);
    }
    return request;
}

/* Bytes that one compute brick could get by what the oracle sees, each brick by itself. */
static uint64_t reachable(struct run *run, const struct sdm_plan_request *request, int32_t compute)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < run->spec->n_devices; i++) {
        int32_t no = run->spec->devices[i].device_no;
        uint64_t bytes;

        if (run->spec->devices[i].kind != SDM_DEVICE_KIND_MEMORY || run->oracle->inactive[no] ||
            oracle_distance(run->oracle, compute, no) > request->latency_class) {
            continue;
        }
        bytes = request->contiguous ? oracle_largest_bytes(run->oracle, no)
                                    : oracle_free_bytes(run->oracle, no);
        if (bytes == 0 || !oracle_reaches(run->oracle, compute, no, request->bandwidth_mbps)) {
            continue;
        }
        sum = request->contiguous ? MAX(sum, bytes) : sum + bytes;
    }
    return sum;
}

/* Whether one brick alone could hold it in one segment: then there is no excuse. */
static bool has_no_excuse(struct run *run, const struct sdm_plan_request *request, int32_t compute)
{
    struct sdm_plan_request whole = *request;

    if (request->mode == SDM_MODE_VM && request->size_bytes > params.max_segment_bytes) {
        return false;
    }
    whole.contiguous = true;
    return !run->oracle->inactive[compute] &&
           reachable(run, &whole, compute) >= request->size_bytes;
}

static void check_nearest(struct run *run, const struct sdm_plan_request *request,
                          const struct sdm_nearest *nearest)
{
    struct sdm_plan_request next = *request;
    struct sdm_refusal refusal;
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_plan) sized = NULL;
    g_autoptr(sdm_plan) wider = NULL;
    g_autoptr(sdm_plan) split = NULL;

    if (nearest->has_size) {
        cr_assert_lt(nearest->size_bytes, request->size_bytes, "seed %" PRIu64, run->seed);
        next.size_bytes = nearest->size_bytes;
        sized = sdm_planner_plan(run->planner, run->ledger, &next, &refusal, &error);
        cr_assert_not_null(sized, "seed %" PRIu64 ": %s: nearest %" PRIu64 " of %" PRIu64 ": %s",
                           run->seed, sdm_policy_name(request->policy), nearest->size_bytes,
                           request->size_bytes, error ? error->message : "");
    }
    if (nearest->has_latency_class) {
        next = *request;
        next.latency_class = nearest->latency_class;
        wider = sdm_planner_plan(run->planner, run->ledger, &next, &refusal, NULL);
        cr_assert_not_null(wider, "seed %" PRIu64 ": class", run->seed);
    }
    if (nearest->may_split) {
        next = *request;
        next.contiguous = false;
        split = sdm_planner_plan(run->planner, run->ledger, &next, &refusal, NULL);
        cr_assert_not_null(split, "seed %" PRIu64 ": split", run->seed);
    }
}

static void check_refusal(struct run *run, const struct sdm_plan_request *request,
                          const struct sdm_refusal *refusal, const GError *error)
{
    bool can_name = false;

    run->n_refused++;
    cr_assert_eq(error->domain, SDM_ERROR, "seed %" PRIu64, run->seed);
    if (error->code == SDM_ERROR_WRONG_STATE) {
        for (uint32_t i = 0; i < request->n_compute; i++) {
            cr_assert(run->oracle->inactive[request->compute_nos[i]]);
        }
        return;
    }
    cr_assert(error->code == SDM_ERROR_NO_CAPACITY || error->code == SDM_ERROR_NO_PATH ||
                  error->code == SDM_ERROR_TOO_LARGE,
              "seed %" PRIu64 ": %s", run->seed, error->message);
    cr_assert_gt(refusal->n_stages, 0);
    for (uint32_t i = 1; i < refusal->n_stages; i++) {
        cr_assert_leq(refusal->stages[i].n_left, refusal->stages[i - 1].n_left,
                      "seed %" PRIu64 ": stage %u", run->seed, i);
        cr_assert_leq(refusal->stages[i].free_bytes, refusal->stages[i - 1].free_bytes);
    }
    for (uint32_t i = 0; i < request->n_compute; i++) {
        int32_t compute = request->compute_nos[i];

        can_name = can_name || has_no_excuse(run, request, compute);
        if (!can_name && !run->oracle->inactive[compute] && error->code == SDM_ERROR_NO_PATH &&
            refusal->n_stages == SDM_STAGE_STAGE_PATH + 1 && i == 0) {
            struct sdm_plan_request any = *request;

            any.bandwidth_mbps = 0;
            cr_assert_lt(reachable(run, &any, compute), request->size_bytes, "seed %" PRIu64 ": %s",
                         run->seed, error->message);
        }
    }
    cr_assert_not(can_name, "seed %" PRIu64 ": one brick would do: %s", run->seed, error->message);
    check_nearest(run, request, &refusal->nearest);
}

static void step_plan(struct run *run)
{
    struct sdm_plan_request request = random_request(run);
    struct sdm_refusal refusal;
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_plan) plan =
        sdm_planner_plan(run->planner, run->ledger, &request, &refusal, &error);
    g_autofree char *wrong = NULL;

    check_audit(run, "plan");
    if (plan == NULL) {
        check_refusal(run, &request, &refusal, error);
        return;
    }
    run->n_planned++;
    run->n_over_several += plan->n_paths > 1;
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        run->n_shared += plan->paths[i].shared;
    }
    wrong = oracle_check_plan(run->oracle, &request, plan, params.max_segment_bytes,
                              params.max_segments);
    cr_assert_null(wrong, "seed %" PRIu64 ": %s", run->seed, wrong);
    cr_assert(sdm_ledger_claim(run->ledger, plan, &error), "seed %" PRIu64 ": %s", run->seed,
              error ? error->message : "");
    check_audit(run, "claim");
    /* The same plan cannot be had twice. */
    cr_assert_not(sdm_ledger_claim(run->ledger, plan, &error));
    cr_assert_eq(error->code, SDM_ERROR_PLAN_STALE);
    check_audit(run, "stale claim");
    if (sdm_bench_below(&run->random, 4) == 0) {
        sdm_ledger_unclaim(run->ledger, plan);
        check_audit(run, "unclaim");
        return;
    }
    oracle_claim(run->oracle, plan);
    g_ptr_array_add(run->held, g_steal_pointer(&plan));
}

static void leave(struct run *run, const struct sdm_plan *plan, const struct sdm_path *path)
{
    struct sdm_path *circuit = oracle_circuit(run->oracle, plan->compute_no, path->brick_no);

    circuit->n_users -= path->n_users;
    circuit->bandwidth_mbps -= path->bandwidth_mbps;
    cr_assert(sdm_ledger_leave_circuit(run->ledger, plan->compute_no, path->brick_no, path->n_users,
                                       path->bandwidth_mbps));
    if (circuit->n_users > 0) {
        cr_assert_not(sdm_ledger_drop_circuit(run->ledger, plan->compute_no, path->brick_no));
        return;
    }
    cr_assert(sdm_ledger_drop_circuit(run->ledger, plan->compute_no, path->brick_no));
    oracle_drop_circuit(run->oracle, plan->compute_no, path->brick_no);
}

static void release(struct run *run, guint index)
{
    struct sdm_plan *plan = g_ptr_array_index(run->held, index);

    for (uint32_t i = 0; i < plan->n_paths; i++) {
        leave(run, plan, &plan->paths[i]);
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        cr_assert(sdm_ledger_free_extent(run->ledger, &plan->segments[i].extent));
        cr_assert_not(sdm_ledger_free_extent(run->ledger, &plan->segments[i].extent));
        oracle_free_extent(run->oracle, &plan->segments[i].extent);
    }
    g_ptr_array_remove_index_fast(run->held, index);
    check_audit(run, "release");
}

static void step_fault(struct run *run)
{
    const struct sdm_device *device =
        &run->spec->devices[sdm_bench_below(&run->random, run->spec->n_devices)];
    bool lost = sdm_bench_below(&run->random, 3) == 0;

    run->oracle->inactive[device->device_no] = lost;
    sdm_ledger_set_state(run->ledger, device->device_no,
                         lost ? SDM_BRICK_STATE_LOST : SDM_BRICK_STATE_ACTIVE);
    if (!sdm_device_kind_is_switch(device->kind)) {
        bool off = sdm_bench_below(&run->random, 2) == 0;
        enum sdm_power_state power = off ? SDM_POWER_STATE_OFF : SDM_POWER_STATE_ON;

        run->oracle->off[device->device_no] = off;
        sdm_ledger_set_power(run->ledger, device->device_no, power, power);
    }
    check_audit(run, "fault");
}

struct tree {
    size_t n;
    uint64_t bytes;
};

static void add_extent(const struct sdm_extent *extent, void *user)
{
    struct tree *tree = user;

    tree->n++;
    tree->bytes += extent->size_bytes;
}

static void check_fresh(struct run *run)
{
    struct sdm_ledger_totals totals;
    struct tree tree = {0};

    while (run->held->len > 0) {
        release(run, run->held->len - 1);
    }
    sdm_ledger_totals(run->ledger, &totals);
    sdm_ledger_each_free_extent(run->ledger, add_extent, &tree);
    cr_assert_eq(totals.n_circuits, 0);
    cr_assert_eq(totals.free_bytes, totals.capacity_bytes);
    cr_assert_eq(tree.bytes, totals.capacity_bytes);
    for (size_t i = 0; i < run->spec->n_devices; i++) {
        struct sdm_ledger_use use;

        cr_assert(sdm_ledger_use(run->ledger, run->spec->devices[i].device_no, &use));
        cr_assert_eq(use.n_ports_used, 0);
        cr_assert_eq(use.used_bytes, 0);
        cr_assert_not(sdm_ledger_in_use(run->ledger, run->spec->devices[i].device_no));
    }
}

static void play(const struct sdm_bench_params *hardware, int n_steps, struct run *sum)
{
    g_autoptr(sdm_bench_topology) made = sdm_bench_topology_new(hardware);
    g_autoptr(GError) error = NULL;
    struct run run = {.seed = hardware->seed,
                      .random = hardware->seed * 77,
                      .spec = sdm_bench_topology_spec(made)};
    g_autoptr(sdm_topology) topology = sdm_topology_new(run.spec, &error);

    cr_assert_not_null(topology, "%s", error ? error->message : "");
    run.ledger = sdm_ledger_new(topology);
    run.planner = sdm_planner_new(&params);
    run.oracle = oracle_new(run.spec);
    run.held = g_ptr_array_new_with_free_func((GDestroyNotify)sdm_plan_free);
    sdm_ledger_lock(run.ledger);
    for (int i = 0; i < n_steps; i++) {
        uint64_t what = sdm_bench_below(&run.random, 10);

        if (what < 6) {
            step_plan(&run);
        } else if (what < 9 && run.held->len > 0) {
            release(&run, (guint)sdm_bench_below(&run.random, run.held->len));
        } else if (what == 9) {
            step_fault(&run);
        }
    }
    check_fresh(&run);
    sdm_ledger_unlock(run.ledger);
    sum->n_planned += run.n_planned;
    sum->n_refused += run.n_refused;
    sum->n_shared += run.n_shared;
    sum->n_over_several += run.n_over_several;
    g_ptr_array_unref(run.held);
    oracle_free(run.oracle);
    sdm_planner_free(run.planner);
    sdm_ledger_free(run.ledger);
}

Test(planner_random, plans_and_refusals_are_what_an_oracle_says)
{
    /* Fabrics with a hierarchy, scarce and plenty, and ones with links across it. */
    static const struct sdm_bench_params fabrics[] = {
        {.n_racks = 1,
         .n_trays = 2,
         .n_compute = 2,
         .n_memory = 2,
         .brick_ports = 2,
         .tray_trunks = 2,
         .rack_optical = 1,
         .rack_trunks = 0,
         .pod_optical = 0},
        {.n_racks = 2,
         .n_trays = 2,
         .n_compute = 2,
         .n_memory = 2,
         .brick_ports = 2,
         .tray_trunks = 2,
         .rack_optical = 1,
         .rack_trunks = 2,
         .pod_optical = 1,
         .percent_off = 30},
        {.n_racks = 2,
         .n_trays = 2,
         .n_compute = 2,
         .n_memory = 3,
         .brick_ports = 3,
         .tray_trunks = 4,
         .rack_optical = 2,
         .rack_trunks = 2,
         .pod_optical = 2,
         .percent_off = 50},
        {.n_racks = 2,
         .n_trays = 3,
         .n_compute = 1,
         .n_memory = 2,
         .brick_ports = 1,
         .tray_trunks = 1,
         .rack_optical = 1,
         .rack_trunks = 1,
         .pod_optical = 1,
         .n_odd_links = 8},
        {.n_racks = 1,
         .n_trays = 3,
         .n_compute = 2,
         .n_memory = 2,
         .brick_ports = 2,
         .tray_trunks = 0,
         .rack_optical = 0,
         .rack_trunks = 0,
         .pod_optical = 0,
         .n_odd_links = 6,
         .percent_off = 20},
    };
    const char *given = getenv("SDM_TEST_SEEDS");
    uint64_t n_seeds = given != NULL ? strtoull(given, NULL, 10) : 12;
    struct run sum = {0};

    for (uint64_t seed = 1; seed <= n_seeds; seed++) {
        for (size_t i = 0; i < G_N_ELEMENTS(fabrics); i++) {
            struct sdm_bench_params hardware = fabrics[i];

            hardware.seed = seed * 100 + i;
            hardware.unit_bytes = UINT64_C(1) << 20;
            hardware.least_units = 4;
            hardware.most_units = 10;
            play(&hardware, 60, &sum);
        }
    }
    /* The steps meet all that is of interest. */
    cr_assert_gt(sum.n_planned, 500);
    cr_assert_gt(sum.n_refused, 100);
    cr_assert_gt(sum.n_shared, 50);
    cr_assert_gt(sum.n_over_several, 50);
}
