/* Which brick each policy takes, against a look at all of them, by seed: racks whose ways never run
 * out, and nothing given back, so that each brick's free bytes are one extent. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

#include "bench/topology.h"
#include "oracle.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

enum { N_SEEDS = 8, N_STEPS = 40, N_KEYS = 3 };

static const struct sdm_planner_params params = SDM_PLANNER_PARAMS_DEFAULT;

struct run {
    uint64_t seed;
    uint64_t random;
    const struct sdm_topology_spec *spec;
    struct oracle *oracle;
    int n_chosen[SDM_N_POLICY];
};

/* What a policy says of a brick, most important first; less is better. */
static void rate(const struct run *run, const struct sdm_plan_request *request, int32_t brick_no,
                 uint64_t keys[N_KEYS])
{
    int32_t compute_no = request->compute_nos[0];
    uint64_t distance = oracle_distance(run->oracle, compute_no, brick_no);
    uint64_t is_new = oracle_circuit(run->oracle, compute_no, brick_no) == NULL;
    uint64_t free_bytes = oracle_free_bytes(run->oracle, brick_no);

    memset(keys, 0, N_KEYS * sizeof *keys);
    switch (request->policy) {
    case SDM_POLICY_NEAR:
        keys[0] = distance;
        keys[1] = is_new;
        keys[2] = free_bytes;
        break;
    case SDM_POLICY_PACK:
        keys[0] = is_new;
        keys[1] = free_bytes;
        keys[2] = distance;
        break;
    case SDM_POLICY_SPREAD:
        /* Of one unit there is nothing to share out. */
        keys[0] = UINT64_MAX - free_bytes;
        keys[1] = distance;
        break;
    case SDM_POLICY_FIRST_FIT:
        keys[0] = is_new;
        /* The made racks number their bricks in the order of racks and trays. */
        keys[1] = (uint64_t)brick_no;
        break;
    case SDM_POLICY_BEST_FIT:
        keys[0] = is_new;
        keys[1] = free_bytes;
        break;
    case SDM_POLICY_LOCALITY:
        /* The class decides about the fewest switches here, where no way is a detour. */
        keys[0] = distance;
        keys[1] = is_new;
        keys[2] = free_bytes;
        break;
    }
}

static int compare(const uint64_t a[N_KEYS], const uint64_t b[N_KEYS])
{
    for (int i = 0; i < N_KEYS; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

/* There are more ports and trunks than circuits could be: a way is always there. */
static bool could_hold(const struct run *run, const struct sdm_plan_request *request,
                       const struct sdm_device *device)
{
    int32_t compute_no = request->compute_nos[0];

    return device->kind == SDM_DEVICE_KIND_MEMORY &&
           oracle_distance(run->oracle, compute_no, device->device_no) <= request->latency_class &&
           oracle_free_bytes(run->oracle, device->device_no) >= request->size_bytes;
}

/* Policies that go by class take parts of near bricks before a whole one farther away: none as near
 * as the nearest part could hold all. */
static void check_split(const struct run *run, const struct sdm_plan_request *request,
                        const struct sdm_plan *plan)
{
    enum sdm_latency_class nearest = plan->segments[0].latency_class;

    cr_assert(request->policy == SDM_POLICY_NEAR || request->policy == SDM_POLICY_LOCALITY,
              "seed %" PRIu64 ", %s: %u segments", run->seed, sdm_policy_name(request->policy),
              plan->n_segments);
    for (uint32_t i = 1; i < plan->n_segments; i++) {
        nearest = MIN(nearest, plan->segments[i].latency_class);
    }
    for (size_t i = 0; i < run->spec->n_devices; i++) {
        const struct sdm_device *device = &run->spec->devices[i];

        if (could_hold(run, request, device)) {
            cr_assert_gt(oracle_distance(run->oracle, plan->compute_no, device->device_no), nearest,
                         "seed %" PRIu64 ": brick %d", run->seed, device->device_no);
        }
    }
}

/* One brick could hold all, and one was taken: none would have been better. */
static void check_whole(struct run *run, const struct sdm_plan_request *request,
                        const struct sdm_plan *plan)
{
    int32_t taken_no = plan->segments[0].extent.brick_no;
    uint64_t taken[N_KEYS];

    rate(run, request, taken_no, taken);
    for (size_t i = 0; i < run->spec->n_devices; i++) {
        const struct sdm_device *device = &run->spec->devices[i];
        uint64_t other[N_KEYS];

        if (could_hold(run, request, device)) {
            rate(run, request, device->device_no, other);
            cr_assert_leq(compare(taken, other), 0, "seed %" PRIu64 ", %s: brick %d, not %d",
                          run->seed, sdm_policy_name(request->policy), device->device_no, taken_no);
        }
    }
    run->n_chosen[request->policy]++;
}

static bool one_could(const struct run *run, const struct sdm_plan_request *request)
{
    for (size_t i = 0; i < run->spec->n_devices; i++) {
        if (could_hold(run, request, &run->spec->devices[i])) {
            return true;
        }
    }
    return false;
}

static struct sdm_plan_request random_request(struct run *run)
{
    enum sdm_policy policy = (enum sdm_policy)sdm_bench_below(&run->random, SDM_N_POLICY);
    uint64_t n_units = policy == SDM_POLICY_SPREAD ? 1 : 1 + sdm_bench_below(&run->random, 6);
    const struct sdm_device *device;

    do {
        device = &run->spec->devices[sdm_bench_below(&run->random, run->spec->n_devices)];
    } while (device->kind != SDM_DEVICE_KIND_COMPUTE);
    return (struct sdm_plan_request){
        .compute_nos = {device->device_no},
        .n_compute = 1,
        .size_bytes = n_units * run->spec->segment_unit_bytes,
        .latency_class = (enum sdm_latency_class)sdm_bench_below(&run->random, 3),
        .mode = SDM_MODE_HOST,
        .policy = policy,
    };
}

static void play(const struct sdm_bench_params *hardware, struct run *run)
{
    g_autoptr(sdm_bench_topology) made = sdm_bench_topology_new(hardware);
    g_autoptr(sdm_topology) topology = sdm_topology_new(sdm_bench_topology_spec(made), NULL);
    g_autoptr(sdm_planner) planner = sdm_planner_new(&params);
    g_autoptr(sdm_ledger) ledger = sdm_ledger_new(topology);

    run->seed = hardware->seed;
    run->random = hardware->seed * 31;
    run->spec = sdm_bench_topology_spec(made);
    run->oracle = oracle_new(run->spec);
    sdm_ledger_lock(ledger);
    for (int i = 0; i < N_STEPS; i++) {
        struct sdm_plan_request request = random_request(run);
        struct sdm_refusal refusal;
        g_autoptr(sdm_plan) plan = sdm_planner_plan(planner, ledger, &request, &refusal, NULL);

        if (one_could(run, &request)) {
            cr_assert_not_null(plan, "seed %" PRIu64, run->seed);
            if (plan->n_segments > 1) {
                check_split(run, &request, plan);
            } else {
                check_whole(run, &request, plan);
            }
        }
        if (plan != NULL) {
            cr_assert(sdm_ledger_claim(ledger, plan, NULL));
            oracle_claim(run->oracle, plan);
        }
    }
    sdm_ledger_unlock(ledger);
    oracle_free(run->oracle);
}

Test(planner_choice, each_policy_takes_the_best_of_all_bricks)
{
    struct run run = {0};

    for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
        struct sdm_bench_params hardware = {
            .seed = seed,
            .n_racks = 2,
            .n_trays = 2,
            .n_compute = 2,
            .n_memory = 3,
            .brick_ports = 14,
            .tray_trunks = 80,
            .rack_optical = 1,
            .rack_trunks = 80,
            .pod_optical = 1,
            .unit_bytes = UINT64_C(1) << 20,
            .least_units = 8,
            .most_units = 24,
        };

        play(&hardware, &run);
    }
    for (int policy = 0; policy < SDM_N_POLICY; policy++) {
        cr_assert_gt(run.n_chosen[policy], 10, "%s: %d", sdm_policy_name((enum sdm_policy)policy),
                     run.n_chosen[policy]);
    }
}
