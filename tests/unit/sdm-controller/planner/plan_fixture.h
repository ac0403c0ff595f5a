/* A pod, a planner, and requests that are asked of it in one line. */
#pragma once

#include <string.h>

#include "../pod_fixture.h"
#include "sdm-controller/planner/planner.h"

/* DIMMs of 4 units at most. */
static const struct sdm_planner_params bench_params = {
    .max_segment_bytes = 4 * POD_UNIT + 5, .max_segments = 6, .max_spread = 3};

struct bench {
    struct pod pod;
    struct sdm_planner *planner;
    struct sdm_refusal refusal;
    GError *error;
};

static inline void init(struct bench *bench, const struct sdm_bench_params *hardware)
{
    memset(bench, 0, sizeof *bench);
    pod_init(&bench->pod, hardware);
    bench->planner = sdm_planner_new(&bench_params);
}

static inline void done(struct bench *bench)
{
    g_clear_error(&bench->error);
    sdm_planner_free(bench->planner);
    pod_done(&bench->pod);
}

static inline struct sdm_plan_request ask(int32_t compute_no, uint64_t units,
                                          enum sdm_latency_class latency_class)
{
    return (struct sdm_plan_request){
        .compute_nos = {compute_no},
        .n_compute = 1,
        .size_bytes = units * POD_UNIT,
        .latency_class = latency_class,
        .mode = SDM_MODE_DEVICE,
        .policy = SDM_POLICY_NEAR,
    };
}

static inline struct sdm_plan *plan(struct bench *bench, struct sdm_plan_request request)
{
    struct sdm_plan *made;

    g_clear_error(&bench->error);
    made = sdm_planner_plan(bench->planner, bench->pod.ledger, &request, &bench->refusal,
                            &bench->error);
    pod_audit(&bench->pod);
    cr_assert_eq(made == NULL, bench->error != NULL);
    return made;
}

/* Plans and claims; the request has to work. */
static inline struct sdm_plan *take(struct bench *bench, struct sdm_plan_request request)
{
    struct sdm_plan *made = plan(bench, request);

    cr_assert_not_null(made, "%s", bench->error ? bench->error->message : "");
    cr_assert(sdm_ledger_claim(bench->pod.ledger, made, NULL));
    return made;
}

static inline void refused(struct bench *bench, struct sdm_plan_request request, int code)
{
    struct sdm_plan *made = plan(bench, request);

    cr_assert_null(made);
    cr_assert_eq(bench->error->code, code, "%s", bench->error->message);
}
