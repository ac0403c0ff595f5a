#include "plan_fixture.h"

Test(planner, near_takes_the_tray_and_spans_its_bricks)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) one = NULL;
    g_autoptr(sdm_plan) both = NULL;
    struct bench bench;

    init(&bench, &hardware);
    one = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_INTER_RACK));
    cr_assert_eq(one->n_segments, 1);
    cr_assert_eq(one->segments[0].extent.brick_no, T1_M1);
    cr_assert_eq(one->latency_class, SDM_LATENCY_CLASS_TRAY);
    cr_assert_eq(one->paths[0].n_hops, 1);
    cr_assert_eq(one->paths[0].narrowest_mbps, 100000);
    sdm_ledger_unclaim(bench.pod.ledger, one);

    both = take(&bench, ask(T1_C1, 11, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(both->n_segments, 2);
    cr_assert_eq(both->n_paths, 2);
    cr_assert_eq(both->size_bytes, 11 * POD_UNIT);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(both->segments[i].extent.brick_no, T1_M1 + (int32_t)i);
        cr_assert_eq(both->paths[both->segments[i].path].brick_no, T1_M1 + (int32_t)i);
    }
    done(&bench);
}

Test(planner, a_full_tray_sends_on_to_the_rack_and_the_pod)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) rack = NULL;
    g_autoptr(sdm_plan) pod = NULL;
    struct bench bench;

    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 8);
    refused(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY), SDM_ERROR_NO_CAPACITY);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_CAPACITY + 1);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_BRICKS].n_left, 8);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_CLASS].n_left, 2);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_CAPACITY].n_left, 0);
    cr_assert(bench.refusal.nearest.has_latency_class);
    cr_assert_eq(bench.refusal.nearest.latency_class, SDM_LATENCY_CLASS_RACK);
    cr_assert_not(bench.refusal.nearest.has_size);

    rack = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_RACK));
    cr_assert_eq(rack->latency_class, SDM_LATENCY_CLASS_RACK);
    cr_assert_eq(rack->segments[0].extent.brick_no, T2_M1);
    cr_assert_eq(rack->paths[0].n_hops, 3);
    cr_assert_eq(rack->paths[0].hops[1].switch_no, RACK1_OPTICAL);
    cr_assert(rack->paths[0].hops[1].in_exclusive && rack->paths[0].hops[1].out_exclusive);
    cr_assert(rack->paths[0].hops[0].in_exclusive);
    cr_assert_not(rack->paths[0].hops[0].out_exclusive, "an electrical trunk is shared");
    pod_use(&bench.pod, T2_M2, 0, 8);
    pod = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_INTER_RACK));
    cr_assert_eq(pod->latency_class, SDM_LATENCY_CLASS_INTER_RACK);
    cr_assert_eq(pod->paths[0].n_hops, 5);
    cr_assert_eq(pod->paths[0].hops[2].switch_no, POD_OPTICAL);
    done(&bench);
}

Test(planner, a_circuit_is_shared_before_ports_are_spent)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) second = NULL;
    g_autoptr(sdm_plan) other = NULL;
    struct bench bench;

    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 2);
    pod_use(&bench.pod, T1_M2, 0, 5);
    first = take(&bench, ask(T1_C1, 5, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(first->segments[0].extent.brick_no, T1_M1);
    /* T1_M2 would leave more to spare for others, but the circuit is there. */
    second = take(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY));
    cr_assert(second->paths[0].shared);
    cr_assert_eq(second->paths[0].brick_no, T1_M1);
    cr_assert_eq(second->paths[0].compute_port, first->paths[0].compute_port);
    /* Another compute brick has a circuit of its own. */
    other = plan(&bench, ask(T1_C2, 1, SDM_LATENCY_CLASS_TRAY));
    cr_assert_not(other->paths[0].shared);
    done(&bench);
}

Test(planner, a_trunk_is_shared_before_another_is_connected)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) second = NULL;
    struct bench bench;

    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 8);
    first = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_RACK));
    second = take(&bench, ask(T1_C2, 8, SDM_LATENCY_CLASS_RACK));
    cr_assert_eq(second->paths[0].brick_no, T2_M2);
    cr_assert_eq(second->paths[0].hops[1].in_port, first->paths[0].hops[1].in_port);
    cr_assert_eq(second->paths[0].hops[1].out_port, first->paths[0].hops[1].out_port);
    done(&bench);
}

Test(planner, closed_trays_are_reached_by_their_trunks_alone)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) by_trunk = NULL;
    struct bench bench;

    /* One trunk a tray: after the first circuit trays 1 and 2 are closed to all others. */
    hardware.tray_trunks = 1;
    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 8);
    first = take(&bench, ask(T1_C1, 4, SDM_LATENCY_CLASS_RACK));
    for (int policy = 0; policy < SDM_N_POLICY; policy++) {
        struct sdm_plan_request request = ask(T1_C2, 4, SDM_LATENCY_CLASS_INTER_RACK);

        request.policy = (enum sdm_policy)policy;
        by_trunk = plan(&bench, request);
        cr_assert_not_null(by_trunk, "%s", sdm_policy_name(policy));
        cr_assert(by_trunk->segments[0].extent.brick_no == T2_M1 ||
                  by_trunk->segments[0].extent.brick_no == T2_M2);
        g_clear_pointer(&by_trunk, sdm_plan_free);
    }
    /* The others see neither tray: two racks apart, with 16 units of their own tray left. */
    refused(&bench, ask(T3_C1, 40, SDM_LATENCY_CLASS_INTER_RACK), SDM_ERROR_NO_PATH);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_PATH].n_left, 4);
    done(&bench);
}

Test(planner, each_policy_has_its_way)
{
    /* Free units: tray 1: 6 and 8, tray 2: 3 and 8, rack 2: 2 and 8, 8 and 8. */
    static const struct {
        enum sdm_policy policy;
        uint64_t units;
        int32_t bricks[3];
    } cases[] = {
        {SDM_POLICY_NEAR, 2, {T1_M1}},          {SDM_POLICY_NEAR, 7, {T1_M2}},
        {SDM_POLICY_PACK, 2, {T3_M1}},          {SDM_POLICY_PACK, 3, {T2_M1}},
        {SDM_POLICY_FIRST_FIT, 2, {T1_M1}},     {SDM_POLICY_FIRST_FIT, 7, {T1_M2}},
        {SDM_POLICY_BEST_FIT, 3, {T2_M1}},      {SDM_POLICY_BEST_FIT, 4, {T1_M1}},
        {SDM_POLICY_LOCALITY, 2, {T1_M1}},      {SDM_POLICY_LOCALITY, 8, {T1_M2}},
        {SDM_POLICY_SPREAD, 2, {T1_M2, T2_M2}}, {SDM_POLICY_SPREAD, 1, {T1_M2}},
    };
    struct sdm_bench_params hardware = pod_params();
    struct bench bench;

    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 2);
    pod_use(&bench.pod, T2_M1, 0, 5);
    pod_use(&bench.pod, T3_M1, 0, 6);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_plan_request request = ask(T1_C1, cases[i].units, SDM_LATENCY_CLASS_INTER_RACK);
        g_autoptr(sdm_plan) made = NULL;

        request.policy = cases[i].policy;
        made = plan(&bench, request);
        cr_assert_not_null(made, "%s", sdm_policy_name(cases[i].policy));
        for (uint32_t k = 0; k < 3; k++) {
            int32_t found = k < made->n_paths ? made->paths[k].brick_no : 0;

            cr_assert_eq(found, cases[i].bricks[k], "%s of %d: %d", sdm_policy_name(request.policy),
                         (int)cases[i].units, found);
        }
    }
    done(&bench);
}

Test(planner, spread_shares_over_trays_as_far_as_ports_go)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 7, SDM_LATENCY_CLASS_INTER_RACK);
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    hardware.brick_ports = 3;
    request.policy = SDM_POLICY_SPREAD;
    init(&bench, &hardware);
    made = plan(&bench, request);
    cr_assert_eq(made->n_paths, 3);
    cr_assert_eq(made->segments[0].extent.size_bytes, 3 * POD_UNIT);
    cr_assert_eq(made->segments[1].extent.size_bytes, 3 * POD_UNIT);
    cr_assert_eq(made->segments[2].extent.size_bytes, POD_UNIT);
    done(&bench);
}

Test(planner, guests_get_dimms_no_larger_than_allowed)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 7, SDM_LATENCY_CLASS_TRAY);
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    request.mode = SDM_MODE_VM;
    init(&bench, &hardware);
    made = plan(&bench, request);
    cr_assert_eq(made->n_segments, 2);
    cr_assert_eq(made->n_paths, 1);
    cr_assert_eq(made->paths[0].n_users, 2);
    cr_assert_eq(made->segments[0].extent.size_bytes, 4 * POD_UNIT);
    cr_assert_eq(made->segments[1].extent.size_bytes, 3 * POD_UNIT);
    request.contiguous = true;
    refused(&bench, request, SDM_ERROR_TOO_LARGE);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 4 * POD_UNIT);
    done(&bench);
}

Test(planner, contiguous_is_one_segment)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 4, SDM_LATENCY_CLASS_TRAY);
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    init(&bench, &hardware);
    /* T1_M1: 3 and 4 free; T1_M2: 3 and 3. */
    pod_use(&bench.pod, T1_M1, 3, 1);
    pod_use(&bench.pod, T1_M2, 3, 2);
    request.contiguous = true;
    for (int policy = 0; policy < SDM_N_POLICY; policy++) {
        request.policy = (enum sdm_policy)policy;
        made = plan(&bench, request);
        cr_assert_not_null(made, "%s", sdm_policy_name(policy));
        cr_assert_eq(made->n_segments, 1);
        cr_assert_eq(made->segments[0].extent.brick_no, T1_M1);
        cr_assert_eq(made->segments[0].extent.offset_bytes, 4 * POD_UNIT);
        g_clear_pointer(&made, sdm_plan_free);
    }
    request.size_bytes = 5 * POD_UNIT;
    refused(&bench, request, SDM_ERROR_NO_CAPACITY);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_CONTIGUOUS + 1);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_CAPACITY].n_left, 2);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_CONTIGUOUS].n_left, 0);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 4 * POD_UNIT);
    cr_assert_eq(bench.refusal.nearest.latency_class, SDM_LATENCY_CLASS_RACK);
    cr_assert(bench.refusal.nearest.may_split);
    cr_assert_not_null(strstr(bench.error->message, "the largest free extent is 4194304"));
    request.size_bytes = 9 * POD_UNIT;
    refused(&bench, request, SDM_ERROR_TOO_LARGE);
    done(&bench);
}

Test(planner, sleeping_bricks_are_woken_only_when_they_must)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) awake = NULL;
    g_autoptr(sdm_plan) part = NULL;
    g_autoptr(sdm_plan) woken = NULL;
    g_autoptr(sdm_plan) waking = NULL;
    struct bench bench;

    init(&bench, &hardware);
    sdm_ledger_set_power(bench.pod.ledger, T1_M1, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    awake = plan(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(awake->segments[0].extent.brick_no, T1_M2);
    cr_assert_eq(awake->n_wakes, 0);
    cr_assert_eq(awake->wake_ms, 0);
    part = plan(&bench, ask(T1_C1, 9, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(part->n_wakes, 1);
    cr_assert_eq(part->wakes[0].device_no, T1_M1);
    cr_assert_eq(part->wakes[0].wake_ms, 1500);
    cr_assert_eq(part->wakes[0].power_mw, 12000);
    cr_assert_eq(part->wake_ms, 1500);
    cr_assert_eq(part->power_mw, 12000);
    /* The compute brick as well. */
    sdm_ledger_set_power(bench.pod.ledger, T1_C1, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    woken = plan(&bench, ask(T1_C1, 9, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(woken->n_wakes, 2);
    cr_assert_eq(woken->power_mw, 24000);
    sdm_ledger_set_power(bench.pod.ledger, T1_C1, SDM_POWER_STATE_ON, SDM_POWER_STATE_ON);
    /* One that is waking already costs time, but no decision. */
    sdm_ledger_set_power(bench.pod.ledger, T1_M1, SDM_POWER_STATE_ON, SDM_POWER_STATE_OFF);
    pod_use(&bench.pod, T1_M2, 0, 8);
    waking = plan(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(waking->n_wakes, 0);
    cr_assert_eq(waking->wake_ms, 1500);
    done(&bench);
}

Test(planner, two_powered_bricks_do_before_one_is_woken)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    hardware.n_memory = 3;
    hardware.n_accelerators = 0;
    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M1, 0, 4);
    pod_use(&bench.pod, T1_M2, 0, 4);
    sdm_ledger_set_power(bench.pod.ledger, T1_M2 + 1, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    made = plan(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(made->n_paths, 2);
    cr_assert_eq(made->n_wakes, 0);
    done(&bench);
}

Test(planner, bad_requests_are_told_apart)
{
    static const struct {
        const char *label;
        int32_t compute_no;
        uint64_t size_bytes;
        int code;
    } cases[] = {
        {"no such brick", 99, POD_UNIT, SDM_ERROR_NOT_FOUND},
        {"brick 0", 0, POD_UNIT, SDM_ERROR_NOT_FOUND},
        {"memory brick", T1_M1, POD_UNIT, SDM_ERROR_WRONG_KIND},
        {"switch", T1_SWITCH, POD_UNIT, SDM_ERROR_WRONG_KIND},
        {"lost brick", T1_C2, POD_UNIT, SDM_ERROR_WRONG_STATE},
        {"nothing", T1_C1, 0, SDM_ERROR_NOT_ALIGNED},
        {"half a unit", T1_C1, POD_UNIT / 2, SDM_ERROR_NOT_ALIGNED},
        {"one byte more", T1_C1, POD_UNIT + 1, SDM_ERROR_NOT_ALIGNED},
        {"more than the pod", T1_C1, 65 * POD_UNIT, SDM_ERROR_TOO_LARGE},
        {"2^63", T1_C1, UINT64_C(1) << 63, SDM_ERROR_TOO_LARGE},
    };
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request none = ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY);
    struct bench bench;

    init(&bench, &hardware);
    sdm_ledger_set_state(bench.pod.ledger, T1_C2, SDM_BRICK_STATE_LOST);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_plan_request request = ask(cases[i].compute_no, 1, SDM_LATENCY_CLASS_INTER_RACK);

        request.size_bytes = cases[i].size_bytes;
        refused(&bench, request, cases[i].code);
        cr_assert(bench.refusal.n_stages == 0 || cases[i].code == SDM_ERROR_TOO_LARGE);
    }
    none.n_compute = 0;
    refused(&bench, none, SDM_ERROR_NOT_FOUND);
    sdm_planner_free(NULL);
    done(&bench);
}

Test(planner, more_than_there_is_names_what_there_is)
{
    struct sdm_bench_params hardware = pod_params();
    struct bench bench;

    init(&bench, &hardware);
    /* Two ports of the compute brick: two bricks at a time. */
    refused(&bench, ask(T1_C1, 65, SDM_LATENCY_CLASS_INTER_RACK), SDM_ERROR_TOO_LARGE);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 16 * POD_UNIT);
    refused(&bench, ask(T1_C1, 20, SDM_LATENCY_CLASS_TRAY), SDM_ERROR_NO_CAPACITY);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 16 * POD_UNIT);
    refused(&bench, ask(T1_C1, 17, SDM_LATENCY_CLASS_RACK), SDM_ERROR_NO_PATH);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_BANDWIDTH + 1);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 16 * POD_UNIT);
    cr_assert_not_null(strstr(bench.error->message, "free ports suffice for 16777216 only"));
    done(&bench);
}

Test(planner, no_free_port_is_no_path)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) second = NULL;
    struct bench bench;

    init(&bench, &hardware);
    first = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    second = take(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    cr_assert_neq(first->paths[0].brick_no, second->paths[0].brick_no);
    refused(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_RACK), SDM_ERROR_NO_PATH);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_PATH + 1);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_CAPACITY].n_left, 2);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_PATH].n_left, 0);
    done(&bench);
}

Test(planner, bandwidth_is_a_claim_on_every_link)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY);
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) second = NULL;
    g_autoptr(sdm_plan) third = NULL;
    struct bench bench;

    init(&bench, &hardware);
    request.bandwidth_mbps = 60000;
    first = take(&bench, request);
    cr_assert_eq(first->paths[0].bandwidth_mbps, 60000);
    /* Its circuit has 40,000 left: the other brick. */
    second = take(&bench, request);
    cr_assert_not(second->paths[0].shared);
    cr_assert_neq(second->paths[0].brick_no, first->paths[0].brick_no);
    refused(&bench, request, SDM_ERROR_NO_PATH);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_BANDWIDTH + 1);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_PATH].n_left, 2);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_BANDWIDTH].n_left, 0);
    request.bandwidth_mbps = 40000;
    third = take(&bench, request);
    cr_assert(third->paths[0].shared);
    done(&bench);
}

Test(planner, growth_has_its_bandwidth_already)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY);
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) more = NULL;
    g_autoptr(sdm_plan) full = NULL;
    int32_t brick_no;
    struct bench bench;

    init(&bench, &hardware);
    request.bandwidth_mbps = 90000;
    first = take(&bench, request);
    brick_no = first->paths[0].brick_no;
    more = sdm_planner_plan_growth(bench.planner, bench.pod.ledger, &request, &brick_no, 1, 1,
                                   &bench.refusal, NULL);
    cr_assert(more->paths[0].shared);
    cr_assert_eq(more->paths[0].bandwidth_mbps, 0);
    cr_assert(sdm_ledger_claim(bench.pod.ledger, more, NULL));
    /* As many segments as a reservation may have. */
    full = sdm_planner_plan_growth(bench.planner, bench.pod.ledger, &request, &brick_no, 1, 6,
                                   &bench.refusal, &bench.error);
    cr_assert_null(full);
    cr_assert_eq(bench.error->code, SDM_ERROR_NO_CAPACITY, "%s", bench.error->message);
    done(&bench);
}

Test(planner, several_compute_bricks_are_tried_in_their_order)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY);
    g_autoptr(sdm_plan) first = NULL;
    g_autoptr(sdm_plan) second = NULL;
    g_autoptr(sdm_plan) active = NULL;
    struct bench bench;

    init(&bench, &hardware);
    request.n_compute = 2;
    request.compute_nos[1] = T2_C1;
    first = plan(&bench, request);
    cr_assert_eq(first->compute_no, T1_C1);
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 7);
    second = plan(&bench, request);
    cr_assert_eq(second->compute_no, T2_C1);
    request.size_bytes = 17 * POD_UNIT;
    refused(&bench, request, SDM_ERROR_NO_CAPACITY);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 16 * POD_UNIT);
    cr_assert_eq(bench.refusal.nearest.compute_no, T2_C1);
    request.size_bytes = POD_UNIT;
    sdm_ledger_set_state(bench.pod.ledger, T1_C1, SDM_BRICK_STATE_FENCED);
    active = plan(&bench, request);
    cr_assert_eq(active->compute_no, T2_C1);
    request.size_bytes = 17 * POD_UNIT;
    refused(&bench, request, SDM_ERROR_NO_CAPACITY);
    cr_assert_not_null(strstr(bench.error->message, "'compute-10'"), "of the one that is there");
    done(&bench);
}

Test(planner, no_netport_entry_is_no_window)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_extent extent = {T1_M1, 0, POD_UNIT};
    struct sdm_window window;
    struct sdm_plan *made;
    struct bench bench;

    init(&bench, &hardware);
    for (int i = 0; i < SDM_WINDOW_N_ENTRIES; i++) {
        cr_assert(sdm_ledger_allocate_window(bench.pod.ledger, T1_C1, POD_UNIT, &window, NULL));
    }
    refused(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY), SDM_ERROR_NO_WINDOW);
    cr_assert_eq(bench.refusal.n_stages, SDM_STAGE_STAGE_WINDOW + 1);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_WINDOW].n_left, 0);
    g_clear_error(&bench.error);
    made = sdm_planner_plan_member(bench.planner, bench.pod.ledger, T1_C1, &extent,
                                   SDM_LATENCY_CLASS_TRAY, 0, &bench.refusal, &bench.error);
    cr_assert_null(made);
    cr_assert_eq(bench.error->code, SDM_ERROR_NO_WINDOW);
    done(&bench);
}

Test(planner, too_many_pieces_are_no_capacity)
{
    struct sdm_bench_params hardware = pod_params();
    struct bench bench;

    init(&bench, &hardware);
    /* Every second unit of both bricks, eight pieces for six segments. */
    for (uint64_t i = 0; i < 8; i += 2) {
        pod_use(&bench.pod, T1_M1, i, 1);
        pod_use(&bench.pod, T1_M2, i, 1);
    }
    refused(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY), SDM_ERROR_NO_CAPACITY);
    cr_assert_eq(bench.refusal.nearest.size_bytes, 6 * POD_UNIT);
    cr_assert_not_null(strstr(bench.error->message, "in at most 6 segments"));
    done(&bench);
}

Test(planner, lost_bricks_and_switches_are_passed_by)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) made = NULL;
    g_autoptr(sdm_plan) circuit = NULL;
    struct bench bench;

    init(&bench, &hardware);
    sdm_ledger_set_state(bench.pod.ledger, T1_M1, SDM_BRICK_STATE_LOST);
    made = plan(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY));
    cr_assert_eq(made->paths[0].brick_no, T1_M2);
    circuit = take(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_TRAY));
    sdm_ledger_set_state(bench.pod.ledger, T1_SWITCH, SDM_BRICK_STATE_LOST);
    refused(&bench, ask(T1_C1, 1, SDM_LATENCY_CLASS_INTER_RACK), SDM_ERROR_NO_PATH);
    sdm_ledger_set_state(bench.pod.ledger, T1_SWITCH, SDM_BRICK_STATE_ACTIVE);
    sdm_ledger_set_state(bench.pod.ledger, RACK1_OPTICAL, SDM_BRICK_STATE_LOST);
    refused(&bench, ask(T1_C1, 9, SDM_LATENCY_CLASS_RACK), SDM_ERROR_NO_PATH);
    done(&bench);
}

/* The pod with one cable more, between port 2 of two devices. */
static struct sdm_topology *with_cable(const struct sdm_topology *topology, int32_t a, int32_t b)
{
    struct sdm_topology_spec spec = *sdm_topology_spec(topology);
    g_autofree struct sdm_device *devices =
        g_memdup2(spec.devices, spec.n_devices * sizeof *devices);
    g_autofree struct sdm_link *links = g_new0(struct sdm_link, spec.n_links + 1);
    int32_t ports[2] = {devices[a - 1].n_ports++, devices[b - 1].n_ports++};

    memcpy(links, spec.links, spec.n_links * sizeof *links);
    links[spec.n_links++] = (struct sdm_link){999, {a, ports[0]}, {b, ports[1]}, 50000};
    spec.devices = devices;
    spec.links = links;
    return sdm_topology_new(&spec, NULL);
}

Test(planner, a_cable_from_brick_to_brick_is_a_path)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 8, SDM_LATENCY_CLASS_INTER_RACK);
    g_autoptr(sdm_topology) topology = NULL;
    g_autoptr(sdm_plan) made = NULL;
    g_autoptr(sdm_plan) again = NULL;
    struct bench bench;

    init(&bench, &hardware);
    topology = with_cable(bench.pod.topology, T1_C1, T3_M2);
    cr_assert(sdm_ledger_set_topology(bench.pod.ledger, topology, NULL));
    for (int32_t i = 0; i < 2; i++) {
        pod_use(&bench.pod, T1_M1 + i, 0, 8);
        pod_use(&bench.pod, T2_M1 + i, 0, 8);
    }
    pod_use(&bench.pod, T3_M1, 0, 8);
    request.policy = SDM_POLICY_LOCALITY;
    request.size_bytes = 4 * POD_UNIT;
    made = take(&bench, request);
    cr_assert_eq(made->paths[0].brick_no, T3_M2, "no switch on the way");
    cr_assert_eq(made->paths[0].n_hops, 0);
    cr_assert_eq(made->paths[0].compute_port, 2);
    cr_assert_eq(made->paths[0].narrowest_mbps, 50000);
    again = take(&bench, request);
    cr_assert(again->paths[0].shared);
    done(&bench);
}

Test(planner, trays_joined_by_a_cable_of_their_own_reach_each_other)
{
    struct sdm_bench_params hardware = pod_params();
    struct sdm_plan_request request = ask(T1_C1, 8, SDM_LATENCY_CLASS_INTER_RACK);
    g_autoptr(sdm_topology) topology = NULL;
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    hardware.tray_trunks = 0;
    init(&bench, &hardware);
    topology = with_cable(bench.pod.topology, T1_SWITCH, T3_SWITCH);
    cr_assert(sdm_ledger_set_topology(bench.pod.ledger, topology, NULL));
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 8);
    made = take(&bench, request);
    cr_assert_eq(made->paths[0].brick_no, T3_M1);
    cr_assert_eq(made->paths[0].n_hops, 2);
    cr_assert_not(made->paths[0].hops[0].out_exclusive);
    request.compute_nos[0] = T2_C1;
    request.size_bytes = 17 * POD_UNIT;
    request.latency_class = SDM_LATENCY_CLASS_RACK;
    refused(&bench, request, SDM_ERROR_NO_CAPACITY);
    request.size_bytes = 16 * POD_UNIT + POD_UNIT;
    request.latency_class = SDM_LATENCY_CLASS_INTER_RACK;
    refused(&bench, request, SDM_ERROR_NO_PATH);
    cr_assert_eq(bench.refusal.stages[SDM_STAGE_STAGE_PATH].n_left, 2, "its own tray");
    done(&bench);
}

/* The pod without the links of one switch to optical ones. */
static struct sdm_topology *without_trunks(const struct sdm_topology *topology, int32_t switch_no)
{
    struct sdm_topology_spec spec = *sdm_topology_spec(topology);
    g_autofree struct sdm_link *links = g_new0(struct sdm_link, spec.n_links);
    size_t n = 0;

    for (size_t i = 0; i < spec.n_links; i++) {
        const struct sdm_link *link = &spec.links[i];
        int32_t far = link->a.device_no == switch_no ? link->b.device_no : link->a.device_no;
        bool is_own = link->a.device_no == switch_no || link->b.device_no == switch_no;

        if (!is_own || sdm_topology_device(topology, far)->kind != SDM_DEVICE_KIND_OPTICAL) {
            links[n++] = *link;
        }
    }
    spec.links = links;
    spec.n_links = n;
    return sdm_topology_new(&spec, NULL);
}

/* So many bricks that not all are looked at for a hint; the other tray of the rack is reached
 * through a switch of another rack only, which no way along the hierarchy does. */
Test(planner, the_nearest_class_is_the_narrowest_that_would_do)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_topology) first = NULL;
    g_autoptr(sdm_topology) second = NULL;
    g_autoptr(sdm_plan) made = NULL;
    struct bench bench;

    hardware.n_racks = 80;
    init(&bench, &hardware);
    first = without_trunks(bench.pod.topology, T2_SWITCH);
    second = with_cable(first, T3_SWITCH, T2_SWITCH);
    cr_assert(sdm_ledger_set_topology(bench.pod.ledger, second, NULL));
    pod_use(&bench.pod, T1_M1, 0, 8);
    pod_use(&bench.pod, T1_M2, 0, 8);
    refused(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_TRAY), SDM_ERROR_NO_CAPACITY);
    cr_assert(bench.refusal.nearest.has_latency_class);
    cr_assert_eq(bench.refusal.nearest.latency_class, SDM_LATENCY_CLASS_RACK);
    made = plan(&bench, ask(T1_C1, 8, SDM_LATENCY_CLASS_RACK));
    cr_assert_eq(made->latency_class, SDM_LATENCY_CLASS_RACK, "and it does");
    done(&bench);
}

Test(planner, the_same_question_has_the_same_answer)
{
    struct sdm_bench_params hardware = pod_params();
    g_autoptr(sdm_plan) held = NULL;
    struct bench bench;

    init(&bench, &hardware);
    pod_use(&bench.pod, T1_M2, 1, 3);
    held = take(&bench, ask(T1_C1, 3, SDM_LATENCY_CLASS_TRAY));
    for (int policy = 0; policy < SDM_N_POLICY; policy++) {
        struct sdm_plan_request request = ask(T1_C1, 9, SDM_LATENCY_CLASS_INTER_RACK);
        g_autoptr(sdm_plan) first = NULL;
        g_autoptr(sdm_plan) second = NULL;

        request.policy = (enum sdm_policy)policy;
        first = plan(&bench, request);
        second = plan(&bench, request);
        cr_assert_not_null(first);
        cr_assert_eq(first->n_segments, second->n_segments);
        cr_assert_eq(
            memcmp(first->segments, second->segments, first->n_segments * sizeof *first->segments),
            0);
        for (uint32_t i = 0; i < first->n_paths; i++) {
            cr_assert_eq(first->paths[i].compute_port, second->paths[i].compute_port);
            cr_assert_eq(first->paths[i].n_hops, second->paths[i].n_hops);
        }
    }
    done(&bench);
}
