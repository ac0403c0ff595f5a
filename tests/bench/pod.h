/* A pod in use: hardware, its ledger and planner, and requests of a mix that come and go.
 *
 * Thread rule: none of its own; the ledger stays locked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "bench/mix.h"
#include "bench/topology.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

/* An extent that a plan took. */
struct sdm_bench_held {
    struct sdm_extent extent;
    int32_t compute_no;
    /* Plans are numbered from 1. */
    uint32_t plan;
    /* When it is given back, on a clock that stands still but for that. */
    double end_s;
};

struct sdm_bench_pod {
    uint64_t random;
    struct sdm_bench_topology *made;
    const struct sdm_topology_spec *spec;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    /* Numbers of compute bricks. */
    GArray *compute;
    /* Of struct sdm_bench_held; with lifetimes a heap by their ends. */
    GArray *held;
    enum sdm_policy policy;
    enum sdm_bench_mix mix;
    double now_s;
    uint32_t n_plans;
    uint64_t n_refused;
};

/* Empty; the same parameters give the same pod. */
void sdm_bench_pod_init(struct sdm_bench_pod *pod, const struct sdm_bench_params *params,
                        enum sdm_policy policy, enum sdm_bench_mix mix);
void sdm_bench_pod_done(struct sdm_bench_pod *pod);

/* The next request of the mix, from a random compute brick, of a random class. */
struct sdm_plan_request sdm_bench_pod_request(struct sdm_bench_pod *pod, double *lifetime_s);
/* Plans one and claims it; false when it is refused.  '*took_ns' is the planning alone. */
bool sdm_bench_pod_step(struct sdm_bench_pod *pod, int64_t *took_ns);
/* One extent given back: the one whose time comes first, or a random one of the mix UNIFORM. */
void sdm_bench_pod_release(struct sdm_bench_pod *pod);
void sdm_bench_pod_fill(struct sdm_bench_pod *pod, uint64_t percent);
uint64_t sdm_bench_pod_used_percent(const struct sdm_bench_pod *pod);

int64_t sdm_bench_now_ns(void);
/* Of sorted times, in microseconds. */
double sdm_bench_percentile_us(const int64_t *sorted_ns, int64_t n, int percent);
void sdm_bench_sort(int64_t *times_ns, int64_t n);
