#include "bench/pod.h"

#include <stdlib.h>
#include <time.h>

int64_t sdm_bench_now_ns(void)
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

void sdm_bench_sort(int64_t *times_ns, int64_t n)
{
    qsort(times_ns, (size_t)n, sizeof *times_ns, compare);
}

double sdm_bench_percentile_us(const int64_t *sorted_ns, int64_t n, int percent)
{
    return (double)sorted_ns[n * percent / 100] / 1e3;
}

void sdm_bench_pod_init(struct sdm_bench_pod *pod, const struct sdm_bench_params *params,
                        enum sdm_policy policy, enum sdm_bench_mix mix)
{
    struct sdm_planner_params planner = SDM_PLANNER_PARAMS_DEFAULT;
    g_autoptr(sdm_topology) topology = NULL;

    *pod = (struct sdm_bench_pod){.random = 7, .policy = policy, .mix = mix};
    pod->made = sdm_bench_topology_new(params);
    pod->spec = sdm_bench_topology_spec(pod->made);
    topology = sdm_topology_new(pod->spec, NULL);
    g_assert(topology != NULL);
    pod->ledger = sdm_ledger_new(topology);
    pod->planner = sdm_planner_new(&planner);
    pod->held = g_array_new(FALSE, FALSE, sizeof(struct sdm_bench_held));
    pod->compute = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (size_t i = 0; i < pod->spec->n_devices; i++) {
        if (pod->spec->devices[i].kind == SDM_DEVICE_KIND_COMPUTE) {
            g_array_append_val(pod->compute, pod->spec->devices[i].device_no);
        }
    }
    sdm_ledger_lock(pod->ledger);
}

void sdm_bench_pod_done(struct sdm_bench_pod *pod)
{
    sdm_ledger_unlock(pod->ledger);
    g_array_unref(pod->held);
    g_array_unref(pod->compute);
    sdm_planner_free(pod->planner);
    sdm_ledger_free(pod->ledger);
    sdm_bench_topology_free(pod->made);
}

struct sdm_plan_request sdm_bench_pod_request(struct sdm_bench_pod *pod, double *lifetime_s)
{
    static const enum sdm_latency_class classes[] = {SDM_LATENCY_CLASS_TRAY, SDM_LATENCY_CLASS_RACK,
                                                     SDM_LATENCY_CLASS_INTER_RACK};
    uint64_t which = sdm_bench_below(&pod->random, pod->compute->len);
    struct sdm_bench_want want =
        sdm_bench_mix_next(pod->mix, pod->spec->segment_unit_bytes, &pod->random);

    *lifetime_s = want.lifetime_s;
    return (struct sdm_plan_request){
        .compute_nos = {g_array_index(pod->compute, int32_t, which)},
        .n_compute = 1,
        .size_bytes = want.size_bytes,
        .latency_class = classes[sdm_bench_below(&pod->random, G_N_ELEMENTS(classes))],
        .mode = SDM_MODE_VM,
        .policy = pod->policy,
    };
}

static struct sdm_bench_held *at(struct sdm_bench_pod *pod, guint i)
{
    return &g_array_index(pod->held, struct sdm_bench_held, i);
}

static void swap(struct sdm_bench_pod *pod, guint a, guint b)
{
    struct sdm_bench_held held = *at(pod, a);

    *at(pod, a) = *at(pod, b);
    *at(pod, b) = held;
}

static void rise(struct sdm_bench_pod *pod, guint i)
{
    for (; i > 0 && at(pod, i)->end_s < at(pod, (i - 1) / 2)->end_s; i = (i - 1) / 2) {
        swap(pod, i, (i - 1) / 2);
    }
}

static void sink(struct sdm_bench_pod *pod, guint i)
{
    for (guint child = 2 * i + 1; child < pod->held->len; i = child, child = 2 * i + 1) {
        if (child + 1 < pod->held->len && at(pod, child + 1)->end_s < at(pod, child)->end_s) {
            child++;
        }
        if (at(pod, i)->end_s <= at(pod, child)->end_s) {
            return;
        }
        swap(pod, i, child);
    }
}

static void hold(struct sdm_bench_pod *pod, const struct sdm_plan *plan, double lifetime_s)
{
    pod->n_plans++;
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        struct sdm_bench_held held = {plan->segments[i].extent, plan->compute_no, pod->n_plans,
                                      pod->now_s + lifetime_s};

        g_array_append_val(pod->held, held);
        if (pod->mix != SDM_BENCH_MIX_UNIFORM) {
            rise(pod, pod->held->len - 1);
        }
    }
}

bool sdm_bench_pod_step(struct sdm_bench_pod *pod, int64_t *took_ns)
{
    double lifetime_s;
    struct sdm_plan_request request = sdm_bench_pod_request(pod, &lifetime_s);
    struct sdm_refusal refusal;
    int64_t start = sdm_bench_now_ns();
    /* Plans go at once, as they do when a request has been answered. */
    g_autoptr(sdm_plan) plan =
        sdm_planner_plan(pod->planner, pod->ledger, &request, &refusal, NULL);

    *took_ns = sdm_bench_now_ns() - start;
    if (plan == NULL || !sdm_ledger_claim(pod->ledger, plan, NULL)) {
        pod->n_refused++;
        return false;
    }
    hold(pod, plan, lifetime_s);
    return true;
}

void sdm_bench_pod_release(struct sdm_bench_pod *pod)
{
    guint index = pod->mix == SDM_BENCH_MIX_UNIFORM
                      ? (guint)sdm_bench_below(&pod->random, pod->held->len)
                      : 0;
    const struct sdm_bench_held *held = at(pod, index);

    pod->now_s = held->end_s;
    sdm_ledger_free_extent(pod->ledger, &held->extent);
    sdm_ledger_leave_circuit(pod->ledger, held->compute_no, held->extent.brick_no, 1, 0);
    sdm_ledger_drop_circuit(pod->ledger, held->compute_no, held->extent.brick_no);
    g_array_remove_index_fast(pod->held, index);
    if (pod->mix != SDM_BENCH_MIX_UNIFORM && pod->held->len > 0) {
        sink(pod, 0);
    }
}

uint64_t sdm_bench_pod_used_percent(const struct sdm_bench_pod *pod)
{
    struct sdm_ledger_totals totals;

    sdm_ledger_totals(pod->ledger, &totals);
    return 100 - totals.free_bytes * 100 / totals.capacity_bytes;
}

void sdm_bench_pod_fill(struct sdm_bench_pod *pod, uint64_t percent)
{
    int64_t ignored;
    uint64_t n = 0;

    while (n++ % 64 != 0 || sdm_bench_pod_used_percent(pod) < percent) {
        sdm_bench_pod_step(pod, &ignored);
    }
}
