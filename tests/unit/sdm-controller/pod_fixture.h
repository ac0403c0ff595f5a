/* A pod of two racks with two trays each, for tests of graph and planner: in every tray an
 * electrical switch, two compute bricks, two memory bricks of 8 units and an accelerator, two ports
 * each; one optical switch a rack, one between the racks; two trunks each. */
#pragma once

#include <criterion/criterion.h>

#include "bench/topology.h"
#include "lib/base/error.h"
#include "sdm-controller/graph/ledger.h"

#define POD_UNIT (UINT64_C(1) << 20)

/* Device numbers. */
enum {
    POD_OPTICAL = 1,
    RACK1_OPTICAL = 2,
    T1_SWITCH = 3,
    T1_C1,
    T1_C2,
    T1_M1,
    T1_M2,
    T1_ACC,
    T2_SWITCH = 9,
    T2_C1,
    T2_C2,
    T2_M1,
    T2_M2,
    T2_ACC,
    RACK2_OPTICAL = 15,
    T3_SWITCH = 16,
    T3_C1,
    T3_C2,
    T3_M1,
    T3_M2,
    T3_ACC,
    T4_SWITCH = 22,
    T4_C1,
    T4_C2,
    T4_M1,
    T4_M2,
    T4_ACC,
};

static inline struct sdm_bench_params pod_params(void)
{
    return (struct sdm_bench_params){
        .seed = 1,
        .n_racks = 2,
        .n_trays = 2,
        .n_compute = 2,
        .n_memory = 2,
        .n_accelerators = 1,
        .brick_ports = 2,
        .tray_trunks = 2,
        .rack_optical = 1,
        .rack_trunks = 2,
        .pod_optical = 1,
        .unit_bytes = POD_UNIT,
        .least_units = 8,
        .most_units = 8,
    };
}

struct pod {
    struct sdm_bench_topology *made;
    struct sdm_topology *topology;
    struct sdm_ledger *ledger;
};

static inline void pod_init(struct pod *pod, const struct sdm_bench_params *params)
{
    pod->made = sdm_bench_topology_new(params);
    pod->topology = sdm_topology_new(sdm_bench_topology_spec(pod->made), NULL);
    cr_assert_not_null(pod->topology);
    pod->ledger = sdm_ledger_new(pod->topology);
    sdm_ledger_lock(pod->ledger);
}

static inline void pod_audit(const struct pod *pod)
{
    g_autofree char *wrong = sdm_ledger_audit(pod->ledger);

    cr_assert_null(wrong, "%s", wrong);
}

static inline void pod_done(struct pod *pod)
{
    pod_audit(pod);
    sdm_ledger_unlock(pod->ledger);
    sdm_ledger_free(pod->ledger);
    sdm_topology_unref(pod->topology);
    sdm_bench_topology_free(pod->made);
}

/* Takes the error that a refused call left and says which code it was; -1 for none. */
static inline int taken_code(GError **error)
{
    int code = *error != NULL && (*error)->domain == SDM_ERROR ? (*error)->code : -1;

    g_clear_error(error);
    return code;
}

/* Marks units of a brick as used. */
static inline void pod_use(struct pod *pod, int32_t brick_no, uint64_t first, uint64_t n)
{
    struct sdm_extent extent = {brick_no, first * POD_UNIT, n * POD_UNIT};

    cr_assert(sdm_ledger_add_segment(pod->ledger, &extent, NULL));
}
