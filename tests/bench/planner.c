/* How long a plan takes, from a thousand bricks to 100,000: the pool 70 % full, requests of every
 * class, claims and releases going on; what a refusal takes, and to take a new topology over with
 * all that is held.  Prints one JSON object. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/pod.h"

enum { BRICKS_A_RACK = 8 * 16, FILL_PERCENT = 70 };

struct options {
    enum sdm_policy policy;
    /* Fill the pool by policy near: the others take long over a large one. */
    bool filled_near;
    enum sdm_bench_mix mix;
    int32_t n_racks; /* 0 for the usual row of sizes */
    int32_t n_most_racks;
    int64_t n_plans;
};

static double refusal_us(struct sdm_bench_pod *pod)
{
    double ignored;
    struct sdm_plan_request request = sdm_bench_pod_request(pod, &ignored);
    struct sdm_refusal refusal;
    int64_t start;
    int n = 20;

    request.latency_class = SDM_LATENCY_CLASS_INTER_RACK;
    request.size_bytes = sdm_topology_capacity_bytes(sdm_ledger_topology(pod->ledger)) / 2 /
                         pod->spec->segment_unit_bytes * pod->spec->segment_unit_bytes;
    start = sdm_bench_now_ns();
    for (int i = 0; i < n; i++) {
        sdm_plan_free(sdm_planner_plan(pod->planner, pod->ledger, &request, &refusal, NULL));
    }
    return (double)(sdm_bench_now_ns() - start) / n / 1e3;
}

/* What a registration costs memory: a snapshot of the hardware, and all that is held on it. */
static double register_ms(struct sdm_bench_pod *pod)
{
    int64_t start = sdm_bench_now_ns();
    g_autoptr(sdm_topology) topology = sdm_topology_new(pod->spec, NULL);
    bool fits = sdm_ledger_set_topology(pod->ledger, topology, NULL);

    g_assert(fits);
    return (double)(sdm_bench_now_ns() - start) / 1e6;
}

static void report(struct sdm_bench_pod *pod, size_t n_bricks, int64_t *took_ns, int64_t n,
                   int64_t sum_ns)
{
    struct sdm_ledger_totals totals;

    sdm_ledger_totals(pod->ledger, &totals);
    sdm_bench_sort(took_ns, n);
    printf("    {\"bricks\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.1f, "
           "\"plans_per_s\": %.0f, \"planned\": %" PRId64 ", \"refused\": %" PRIu64
           ", \"refusal_us\": %.1f, \"used_percent\": %" PRIu64
           ", \"circuits\": %zu, \"register_ms\": %.1f}",
           n_bricks, sdm_bench_percentile_us(took_ns, n, 50),
           sdm_bench_percentile_us(took_ns, n, 99), (double)took_ns[n - 1] / 1e3,
           1e9 * (double)n / (double)sum_ns, n, pod->n_refused, refusal_us(pod),
           sdm_bench_pod_used_percent(pod), totals.n_circuits, register_ms(pod));
}

static void run(const struct options *options, int32_t n_racks)
{
    struct sdm_bench_params hardware = SDM_BENCH_PARAMS_DEFAULT;
    struct sdm_bench_pod pod;
    int64_t n = options->n_plans;
    g_autofree int64_t *took_ns = g_new0(int64_t, n);
    int64_t n_done = 0;
    int64_t sum_ns = 0;

    hardware.n_racks = n_racks;
    hardware.rack_trunks = 16;
    sdm_bench_pod_init(&pod, &hardware, options->filled_near ? SDM_POLICY_NEAR : options->policy,
                       options->mix);
    sdm_bench_pod_fill(&pod, FILL_PERCENT);
    pod.policy = options->policy;
    pod.n_refused = 0;
    while (n_done < n) {
        /* A refusal is measured by itself. */
        if (sdm_bench_pod_step(&pod, &took_ns[n_done])) {
            sum_ns += took_ns[n_done++];
        }
        while (pod.held->len > 0 && sdm_bench_pod_used_percent(&pod) >= FILL_PERCENT &&
               n_done % 16 == 0) {
            sdm_bench_pod_release(&pod);
        }
    }
    report(&pod, (size_t)n_racks * BRICKS_A_RACK, took_ns, n, sum_ns);
    sdm_bench_pod_done(&pod);
}

static bool parse_number(int argc, char **argv, int *i, int32_t *number)
{
    *number = *i + 1 < argc ? atoi(argv[++*i]) : 0;
    return *number > 0;
}

static bool parse(struct options *options, int argc, char **argv)
{
    int32_t n_plans = 40000;

    for (int i = 1; i < argc; i++) {
        bool ok = true;

        if (strcmp(argv[i], "--quick") == 0) {
            options->n_most_racks = 24;
            n_plans = 2000;
        } else if (strcmp(argv[i], "--filled-near") == 0) {
            options->filled_near = true;
        } else if (strcmp(argv[i], "--racks") == 0) {
            ok = parse_number(argc, argv, &i, &options->n_racks) && options->n_racks <= 4096;
        } else if (strcmp(argv[i], "--most-racks") == 0) {
            ok = parse_number(argc, argv, &i, &options->n_most_racks);
        } else if (strcmp(argv[i], "--plans") == 0) {
            ok = parse_number(argc, argv, &i, &n_plans);
        } else if (strcmp(argv[i], "--mix") == 0) {
            ok = i + 1 < argc && sdm_bench_mix_from_name(argv[++i], &options->mix);
        } else {
            ok = sdm_policy_from_name(argv[i], &options->policy);
        }
        if (!ok) {
            return false;
        }
    }
    options->n_plans = n_plans;
    return true;
}

int main(int argc, char **argv)
{
    static const int32_t usual[] = {8, 24, 78, 235, 782};
    struct options options = {.policy = SDM_POLICY_NEAR, .n_most_racks = G_MAXINT32};
    const char *separator = "";

    if (!parse(&options, argc, argv)) {
        fprintf(
            stderr,
            "usage: %s [POLICY] [--filled-near] [--mix MIX] [--quick] [--racks N | --most-racks N]"
            " [--plans N]\n",
            argv[0]);
        return 2;
    }
    printf("{\"policy\": \"%s\", \"mix\": \"%s\", \"planner\": [\n",
           sdm_policy_name(options.policy), sdm_bench_mix_name(options.mix));
    for (size_t i = 0; i < G_N_ELEMENTS(usual) && options.n_racks == 0; i++) {
        if (usual[i] <= options.n_most_racks) {
            fputs(separator, stdout);
            run(&options, usual[i]);
            separator = ",\n";
        }
    }
    if (options.n_racks > 0) {
        run(&options, options.n_racks);
    }
    printf("\n]}\n");
    return 0;
}
