/* Plans that are a way alone: members of groups, accelerators. */
#include "plan_fixture.h"

Test(planner_way, members_of_a_group_get_a_path)
{
    static const struct {
        const char *label;
        int32_t compute_no;
        int32_t brick_no;
        enum sdm_latency_class latency_class;
        int code;
    } cases[] = {
        {"same tray", T1_C2, T1_M1, SDM_LATENCY_CLASS_TRAY, -1},
        {"other rack", T3_C1, T1_M1, SDM_LATENCY_CLASS_INTER_RACK, -1},
        {"too far", T3_C1, T1_M1, SDM_LATENCY_CLASS_RACK, SDM_ERROR_NO_CAPACITY},
        {"no such brick", 99, T1_M1, SDM_LATENCY_CLASS_RACK, SDM_ERROR_NOT_FOUND},
        {"no compute brick", T1_M2, T1_M1, SDM_LATENCY_CLASS_RACK, SDM_ERROR_WRONG_KIND},
        {"no memory brick", T1_C1, T1_C2, SDM_LATENCY_CLASS_RACK, SDM_ERROR_NOT_FOUND},
        {"lost compute brick", T2_C2, T1_M1, SDM_LATENCY_CLASS_RACK, SDM_ERROR_WRONG_STATE},
        {"lost memory brick", T1_C1, T1_M2, SDM_LATENCY_CLASS_RACK, SDM_ERROR_WRONG_STATE},
    };
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) first = NULL;
    struct bench bench;

    hardware.brick_ports = 3;
    init(&bench, &hardware);
    sdm_ledger_set_state(bench.pod.ledger, T2_C2, SDM_BRICK_STATE_LOST);
    sdm_ledger_set_state(bench.pod.ledger, T1_M2, SDM_BRICK_STATE_LOST);
    first = take(&bench, ask(T1_C1, 2, SDM_LATENCY_CLASS_TRAY));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_extent extent = {cases[i].brick_no, 0, 2 * POD_UNIT};
        g_autoptr(sdm_plan) member = NULL;

        g_clear_error(&bench.error);
        member =
            sdm_planner_plan_member(bench.planner, bench.pod.ledger, cases[i].compute_no, &extent,
                                    cases[i].latency_class, 1000, &bench.refusal, &bench.error);
        cr_assert_eq(member != NULL, cases[i].code < 0, "%s", cases[i].label);
        if (member == NULL) {
            cr_assert_eq(bench.error->code, cases[i].code, "%s", cases[i].label);
            continue;
        }
        cr_assert_eq(member->n_segments, 0);
        cr_assert_eq(member->n_paths, 1);
        cr_assert_eq(member->paths[0].n_users, 1);
        cr_assert_eq(member->size_bytes, 2 * POD_UNIT);
        cr_assert(sdm_ledger_claim(bench.pod.ledger, member, NULL), "%s", cases[i].label);
    }
    done(&bench);
}

Test(planner_way, members_share_circuits_while_they_are_wide_enough)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_extent extent;
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) shared = NULL;
    struct sdm_plan *wide;
    struct bench bench;

    init(&bench, &hardware);
    first = take(&bench, ask(T1_C1, 2, SDM_LATENCY_CLASS_TRAY));
    extent = first->segments[0].extent;
    shared = sdm_planner_plan_member(bench.planner, bench.pod.ledger, T1_C1, &extent,
                                     SDM_LATENCY_CLASS_TRAY, 100000, &bench.refusal, NULL);
    cr_assert(shared->paths[0].shared);
    cr_assert_eq(shared->paths[0].bandwidth_mbps, 100000);
    wide = sdm_planner_plan_member(bench.planner, bench.pod.ledger, T1_C1, &extent,
                                   SDM_LATENCY_CLASS_TRAY, 100001, &bench.refusal, &bench.error);
    cr_assert_null(wide);
    cr_assert_eq(bench.error->code, SDM_ERROR_NO_PATH);
    done(&bench);
}

static struct sdm_plan *plan_accelerator(struct bench *bench, const char *kind, int32_t compute_no,
                                         enum sdm_latency_class latency_class)
{
    g_clear_error(&bench->error);
    return sdm_planner_plan_accelerator(bench->planner, bench->pod.ledger, kind, compute_no,
                                        latency_class, 0, &bench->refusal, &bench->error);
}

Test(planner_way, accelerators_come_nearest_first)
{
    struct sdm_bench_params hardware = pod_params();
    int32_t accelerators[] = {T1_ACC, T2_ACC, T3_ACC, T4_ACC};
    const char *kind;
    struct bench bench;
    int n_planned = 0;
    int last_class = 0;

    init(&bench, &hardware);
    kind = sdm_topology_device(bench.pod.topology, T1_ACC)->accelerator_kind;
    for (;;) {
        g_autoptr(sdm_plan) made =
            plan_accelerator(&bench, kind, T1_C1, SDM_LATENCY_CLASS_INTER_RACK);

        if (made == NULL) {
            break;
        }
        cr_assert_geq((int)made->latency_class, last_class);
        last_class = (int)made->latency_class;
        cr_assert_eq(made->n_segments, 0);
        cr_assert_str_eq(
            sdm_topology_device(bench.pod.topology, made->accelerator_no)->accelerator_kind, kind);
        cr_assert(sdm_ledger_claim(bench.pod.ledger, made, NULL));
        cr_assert_eq(sdm_ledger_holder(bench.pod.ledger, made->accelerator_no), T1_C1);
        n_planned++;
        if (n_planned == 1) {
            cr_assert_eq(made->accelerator_no, T1_ACC);
        }
    }
    cr_assert_gt(n_planned, 0);
    cr_assert(bench.error->code == SDM_ERROR_NO_CAPACITY || bench.error->code == SDM_ERROR_NO_PATH);
    for (size_t i = 0; i < G_N_ELEMENTS(accelerators); i++) {
        if (sdm_ledger_holder(bench.pod.ledger, accelerators[i]) != 0) {
            cr_assert(sdm_ledger_free_holder(bench.pod.ledger, accelerators[i]));
            n_planned--;
        }
    }
    cr_assert_eq(n_planned, 0);
    done(&bench);
}

Test(planner_way, accelerators_that_cannot_be_had)
{
    struct sdm_bench_params hardware = pod_params();
    const char *kind;
    struct bench bench;

    init(&bench, &hardware);
    kind = sdm_topology_device(bench.pod.topology, T1_ACC)->accelerator_kind;
    cr_assert_null(plan_accelerator(&bench, "abacus", T1_C1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_NOT_FOUND);
    cr_assert_null(plan_accelerator(&bench, kind, T1_M1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_WRONG_KIND);
    cr_assert_null(plan_accelerator(&bench, kind, 99, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_NOT_FOUND);
    sdm_ledger_set_state(bench.pod.ledger, T1_ACC, SDM_BRICK_STATE_LOST);
    cr_assert_null(plan_accelerator(&bench, kind, T1_C1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_NO_CAPACITY);
    sdm_ledger_set_state(bench.pod.ledger, T1_ACC, SDM_BRICK_STATE_ACTIVE);
    sdm_ledger_set_state(bench.pod.ledger, T1_SWITCH, SDM_BRICK_STATE_LOST);
    cr_assert_null(plan_accelerator(&bench, kind, T1_C1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_NO_PATH);
    sdm_ledger_set_state(bench.pod.ledger, T1_C1, SDM_BRICK_STATE_LOST);
    cr_assert_null(plan_accelerator(&bench, kind, T1_C1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(bench.error->code, SDM_ERROR_WRONG_STATE);
    done(&bench);
}
