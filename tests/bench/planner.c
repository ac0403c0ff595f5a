/* How long a plan takes at 1,000, 10,000 and 100,000 bricks: the pool 70 % full, requests of every
 * class, claims and releases going on.  Prints one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/topology.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

enum { BRICKS_A_RACK = 8 * 16, N_MEASURED = 40000, FILL_PERCENT = 70 };

struct bench {
    uint64_t random;
    int64_t *took_ns;
    const struct sdm_topology_spec *spec;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    GArray *compute;
    GPtrArray *held;
    enum sdm_policy policy;
    uint64_t n_refused;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Half of the requests may stay in the tray, the rest is shared by rack and pod. */
static struct sdm_plan_request make_request(struct bench *bench)
{
    static const enum sdm_latency_class classes[] = {SDM_LATENCY_CLASS_TRAY, SDM_LATENCY_CLASS_RACK,
                                                     SDM_LATENCY_CLASS_INTER_RACK};
    uint64_t which = sdm_bench_below(&bench->random, bench->compute->len);

    return (struct sdm_plan_request){
        .compute_nos = {g_array_index(bench->compute, int32_t, which)},
        .n_compute = 1,
        .size_bytes = (1 + sdm_bench_below(&bench->random, 32)) * bench->spec->segment_unit_bytes,
        .latency_class = classes[sdm_bench_below(&bench->random, G_N_ELEMENTS(classes))],
        .mode = SDM_MODE_VM,
        .policy = bench->policy,
    };
}

static void release(struct bench *bench)
{
    guint index = (guint)sdm_bench_below(&bench->random, bench->held->len);
    struct sdm_plan *plan = g_ptr_array_index(bench->held, index);

    for (uint32_t i = 0; i < plan->n_segments; i++) {
        sdm_ledger_free_extent(bench->ledger, &plan->segments[i].extent);
    }
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        const struct sdm_path *path = &plan->paths[i];

        sdm_ledger_leave_circuit(bench->ledger, path->compute_no, path->brick_no, path->n_users,
                                 path->bandwidth_mbps);
        sdm_ledger_drop_circuit(bench->ledger, path->compute_no, path->brick_no);
    }
    g_ptr_array_remove_index_fast(bench->held, index);
}

static struct sdm_plan *step(struct bench *bench, int64_t *took_ns)
{
    struct sdm_plan_request request = make_request(bench);
    struct sdm_refusal refusal;
    int64_t start = now_ns();
    struct sdm_plan *plan =
        sdm_planner_plan(bench->planner, bench->ledger, &request, &refusal, NULL);

    *took_ns = now_ns() - start;
    if (plan != NULL && sdm_ledger_claim(bench->ledger, plan, NULL)) {
        g_ptr_array_add(bench->held, plan);
    } else {
        bench->n_refused++;
    }
    return plan;
}

static uint64_t used_percent(struct bench *bench)
{
    struct sdm_ledger_totals totals;

    sdm_ledger_totals(bench->ledger, &totals);
    return 100 - totals.free_bytes * 100 / totals.capacity_bytes;
}

static void fill(struct bench *bench)
{
    int64_t ignored;
    uint64_t n = 0;

    while (n++ % 64 != 0 || used_percent(bench) < FILL_PERCENT) {
        step(bench, &ignored);
    }
}

static double refusal_us(struct bench *bench)
{
    struct sdm_plan_request request = make_request(bench);
    struct sdm_refusal refusal;
    int64_t start;
    int n = 20;

    request.latency_class = SDM_LATENCY_CLASS_INTER_RACK;
    request.size_bytes = sdm_topology_capacity_bytes(sdm_ledger_topology(bench->ledger)) / 2 /
                         bench->spec->segment_unit_bytes * bench->spec->segment_unit_bytes;
    start = now_ns();
    for (int i = 0; i < n; i++) {
        sdm_plan_free(sdm_planner_plan(bench->planner, bench->ledger, &request, &refusal, NULL));
    }
    return (double)(now_ns() - start) / n / 1e3;
}

static void report(struct bench *bench, size_t n_bricks, int64_t n_done, int64_t sum_ns,
                   bool is_last)
{
    struct sdm_ledger_totals totals;

    sdm_ledger_totals(bench->ledger, &totals);
    qsort(bench->took_ns, (size_t)n_done, sizeof *bench->took_ns, compare);
    printf("    {\"bricks\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.1f, "
           "\"plans_per_s\": %.0f, \"planned\": %" PRId64 ", \"refused\": %" PRIu64
           ", \"refusal_us\": %.1f, \"used_percent\": %" PRIu64 ", \"circuits\": %zu}%s\n",
           n_bricks, (double)bench->took_ns[n_done / 2] / 1e3,
           (double)bench->took_ns[n_done * 99 / 100] / 1e3,
           (double)bench->took_ns[n_done - 1] / 1e3, 1e9 * (double)n_done / (double)sum_ns, n_done,
           bench->n_refused, refusal_us(bench), used_percent(bench), totals.n_circuits,
           is_last ? "" : ",");
}

static void run(int32_t n_racks, enum sdm_policy policy, bool is_last)
{
    struct sdm_bench_params hardware = SDM_BENCH_PARAMS_DEFAULT;
    struct sdm_planner_params params = SDM_PLANNER_PARAMS_DEFAULT;
    g_autoptr(sdm_bench_topology) made = NULL;
    g_autoptr(sdm_topology) topology = NULL;
    struct bench bench = {.random = 7, .policy = policy};
    int64_t n_done = 0;
    int64_t sum_ns = 0;
    size_t n_bricks = (size_t)n_racks * BRICKS_A_RACK;

    hardware.n_racks = n_racks;
    hardware.rack_trunks = 16;
    made = sdm_bench_topology_new(&hardware);
    bench.spec = sdm_bench_topology_spec(made);
    topology = sdm_topology_new(bench.spec, NULL);
    g_assert(topology != NULL);
    bench.ledger = sdm_ledger_new(topology);
    bench.planner = sdm_planner_new(&params);
    bench.held = g_ptr_array_new_with_free_func((GDestroyNotify)sdm_plan_free);
    bench.compute = g_array_new(FALSE, FALSE, sizeof(int32_t));
    bench.took_ns = g_new0(int64_t, N_MEASURED);
    for (size_t i = 0; i < bench.spec->n_devices; i++) {
        if (bench.spec->devices[i].kind == SDM_DEVICE_KIND_COMPUTE) {
            g_array_append_val(bench.compute, bench.spec->devices[i].device_no);
        }
    }
    sdm_ledger_lock(bench.ledger);
    fill(&bench);
    bench.n_refused = 0;
    while (n_done < N_MEASURED) {
        int64_t took_ns;
        uint64_t n_refused = bench.n_refused;

        step(&bench, &took_ns);
        /* A refusal is measured by itself. */
        if (bench.n_refused == n_refused) {
            bench.took_ns[n_done++] = took_ns;
            sum_ns += took_ns;
        }
        while (bench.held->len > 0 && used_percent(&bench) >= FILL_PERCENT && n_done % 16 == 0) {
            release(&bench);
        }
    }
    report(&bench, n_bricks, n_done, sum_ns, is_last);
    sdm_ledger_unlock(bench.ledger);
    g_ptr_array_unref(bench.held);
    g_array_unref(bench.compute);
    g_free(bench.took_ns);
    sdm_planner_free(bench.planner);
    sdm_ledger_free(bench.ledger);
}

int main(int argc, char **argv)
{
    static const int32_t racks[] = {8, 78, 782};
    enum sdm_policy policy = SDM_POLICY_NEAR;

    if (argc > 1 && !sdm_policy_from_name(argv[1], &policy)) {
        fprintf(stderr, "usage: %s [POLICY]\n", argv[0]);
        return 2;
    }
    printf("{\"policy\": \"%s\", \"planner\": [\n", sdm_policy_name(policy));
    for (size_t i = 0; i < G_N_ELEMENTS(racks); i++) {
        run(racks[i], policy, i + 1 == G_N_ELEMENTS(racks));
    }
    printf("]}\n");
    return 0;
}
