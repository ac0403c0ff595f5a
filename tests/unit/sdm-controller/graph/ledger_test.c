#include "sdm-controller/graph/ledger.h"

#include <string.h>

#include "../pod_fixture.h"

/* The one way from T1_C1 to T1_M1 and T1_M2 by these ports: switch ports 0 to 3 are the compute
 * bricks', 4 to 7 the memory bricks'. */
static struct sdm_path way(int32_t compute_port, int32_t brick_no, int32_t brick_port)
{
    int32_t out = 4 + 2 * (brick_no - T1_M1) + brick_port;

    return (struct sdm_path){.compute_no = T1_C1,
                             .compute_port = compute_port,
                             .brick_no = brick_no,
                             .brick_port = brick_port,
                             .n_users = 1,
                             .n_hops = 1,
                             .hops = {{T1_SWITCH, compute_port, out, true, true}}};
}

static struct sdm_plan *make_plan(struct sdm_path path, uint64_t first, uint64_t n)
{
    struct sdm_plan *plan = sdm_plan_new(1, 1, 0);

    plan->compute_no = path.compute_no;
    plan->size_bytes = n * POD_UNIT;
    plan->paths[0] = path;
    plan->segments[0].extent = (struct sdm_extent){path.brick_no, first * POD_UNIT, n * POD_UNIT};
    return plan;
}

Test(ledger, a_claim_takes_and_gives_back_everything)
{
    struct sdm_bench_params params = pod_params();
    g_autoptr(sdm_plan) plan = make_plan(way(0, T1_M1, 0), 2, 3);
    struct sdm_ledger_use use;
    struct sdm_path circuit;
    struct pod pod;

    pod_init(&pod, &params);
    plan->paths[0].bandwidth_mbps = 60000;
    cr_assert(sdm_ledger_claim(pod.ledger, plan, NULL));
    cr_assert(sdm_ledger_use(pod.ledger, T1_M1, &use));
    cr_assert_eq(use.used_bytes, 3 * POD_UNIT);
    cr_assert_eq(use.free_bytes, 5 * POD_UNIT);
    cr_assert_eq(use.largest_free_bytes, 3 * POD_UNIT);
    cr_assert_eq(use.used_end_bytes, 5 * POD_UNIT);
    cr_assert_eq(use.n_ports_used, 1);
    cr_assert(sdm_ledger_use(pod.ledger, T1_SWITCH, &use));
    cr_assert_eq(use.n_ports_used, 2);
    cr_assert_eq(use.n_circuits, 1);
    cr_assert(sdm_ledger_in_use(pod.ledger, T1_C1));
    cr_assert(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));
    cr_assert_eq(circuit.bandwidth_mbps, 60000);
    cr_assert_eq(circuit.n_users, 1);
    pod_audit(&pod);
    sdm_ledger_unclaim(pod.ledger, plan);
    cr_assert_not(sdm_ledger_in_use(pod.ledger, T1_C1));
    cr_assert_not(sdm_ledger_in_use(pod.ledger, T1_M1));
    cr_assert_not(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));
    pod_done(&pod);
}

/* Each spoils the ledger or the plan, so that a claim comes too late. */
static void take_extent(struct pod *pod, struct sdm_plan *plan)
{
    (void)plan;
    pod_use(pod, T1_M1, 4, 1);
}

static void take_port(struct pod *pod, struct sdm_plan *plan)
{
    struct sdm_path other = way(0, T1_M2, 0);

    (void)plan;
    cr_assert(sdm_ledger_add_circuit(pod->ledger, &other, NULL));
}

static void take_brick_port(struct pod *pod, struct sdm_plan *plan)
{
    struct sdm_path other = way(0, T1_M1, 0);

    (void)plan;
    other.compute_no = T1_C2;
    other.hops[0].in_port = 2;
    cr_assert(sdm_ledger_add_circuit(pod->ledger, &other, NULL));
}

static void make_circuit(struct pod *pod, struct sdm_plan *plan)
{
    struct sdm_path other = way(1, T1_M1, 1);

    (void)plan;
    cr_assert(sdm_ledger_add_circuit(pod->ledger, &other, NULL));
}

static void share_nothing(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].shared = true;
}

static void share_other_ports(struct pod *pod, struct sdm_plan *plan)
{
    make_circuit(pod, plan);
    plan->paths[0].shared = true;
}

static void share_too_much(struct pod *pod, struct sdm_plan *plan)
{
    struct sdm_path same = way(0, T1_M1, 0);

    same.bandwidth_mbps = 70000;
    cr_assert(sdm_ledger_add_circuit(pod->ledger, &same, NULL));
    plan->paths[0].shared = true;
    plan->paths[0].bandwidth_mbps = 40000;
}

static void share_over_lost_switch(struct pod *pod, struct sdm_plan *plan)
{
    struct sdm_path same = way(0, T1_M1, 0);

    cr_assert(sdm_ledger_add_circuit(pod->ledger, &same, NULL));
    sdm_ledger_set_state(pod->ledger, T1_SWITCH, SDM_BRICK_STATE_LOST);
    plan->paths[0].shared = true;
}

static void lose_brick(struct pod *pod, struct sdm_plan *plan)
{
    (void)plan;
    sdm_ledger_set_state(pod->ledger, T1_M1, SDM_BRICK_STATE_FENCED);
}

static void lose_compute(struct pod *pod, struct sdm_plan *plan)
{
    (void)plan;
    sdm_ledger_set_state(pod->ledger, T1_C1, SDM_BRICK_STATE_LOST);
}

static void lose_switch(struct pod *pod, struct sdm_plan *plan)
{
    (void)plan;
    sdm_ledger_set_state(pod->ledger, T1_SWITCH, SDM_BRICK_STATE_LOST);
}

static void switch_off(struct pod *pod, struct sdm_plan *plan)
{
    (void)plan;
    sdm_ledger_set_power(pod->ledger, T1_M1, SDM_POWER_STATE_OFF, SDM_POWER_STATE_ON);
}

static void want_too_much(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].bandwidth_mbps = 100001;
}

static void from_nowhere(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->compute_no = 99;
}

static void from_a_switch(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->compute_no = T1_SWITCH;
}

static void path_from_memory(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].compute_no = T1_M2;
}

static void to_nowhere(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].brick_no = 99;
}

static void extent_of_compute(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->segments[0].extent.brick_no = T1_C2;
}

static void extent_of_off_brick(struct pod *pod, struct sdm_plan *plan)
{
    sdm_ledger_set_power(pod->ledger, T1_M2, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    plan->segments[0].extent.brick_no = T1_M2;
}

static void wrong_cable(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].hops[0].in_port = 1;
}

static void no_such_port(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].compute_port = 7;
}

static void no_such_switch_port(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].hops[0].out_port = 4000;
}

static void hop_over_brick(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].hops[0].switch_no = T1_M2;
}

static void not_exclusive(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].hops[0].out_exclusive = false;
}

static void too_many_hops(struct pod *pod, struct sdm_plan *plan)
{
    (void)pod;
    plan->paths[0].n_hops = SDM_MAX_HOPS + 1;
}

static void accelerator_taken(struct pod *pod, struct sdm_plan *plan)
{
    cr_assert(sdm_ledger_add_holder(pod->ledger, T1_ACC, T1_C2, NULL));
    plan->accelerator_no = T1_ACC;
}

static void accelerator_lost(struct pod *pod, struct sdm_plan *plan)
{
    sdm_ledger_set_state(pod->ledger, T1_ACC, SDM_BRICK_STATE_LOST);
    plan->accelerator_no = T1_ACC;
}

Test(ledger, a_late_claim_is_stale_and_changes_nothing)
{
    static const struct {
        const char *label;
        void (*spoil)(struct pod *pod, struct sdm_plan *plan);
        const char *culprit;
    } cases[] = {
        {"extent", take_extent, "bytes at 2097152 of brick 'memory-6' are no longer free"},
        {"port", take_port, "port 0 of 'electrical-3' is connected to port 6"},
        {"brick port", take_brick_port, "port 4 of 'electrical-3' is connected to port 2"},
        {"circuit", make_circuit, "a circuit from 'compute-4' to 'memory-6' exists"},
        {"share nothing", share_nothing, "circuit from 'compute-4' to 'memory-6' is gone"},
        {"share other", share_other_ports, "is gone"},
        {"share too much", share_too_much, "need 40000 Mbit/s"},
        {"share lost", share_over_lost_switch, "switch 'electrical-3' is lost"},
        {"brick", lose_brick, "'memory-6' is fenced"},
        {"compute", lose_compute, "'compute-4' is lost"},
        {"switch", lose_switch, "switch 'electrical-3' is lost"},
        {"off", switch_off, "'memory-6' has been switched off"},
        {"bandwidth", want_too_much, "need 100001 Mbit/s on the link at port 0 of 'compute-4'"},
        {"nowhere", from_nowhere, "brick 99"},
        {"switch as compute", from_a_switch, "brick 3"},
        {"memory as compute", path_from_memory, "compute brick 7"},
        {"to nowhere", to_nowhere, "brick 99"},
        {"no memory", extent_of_compute, "'compute-5' are no longer free"},
        {"off brick", extent_of_off_brick, "'memory-7' has been switched off"},
        {"cable", wrong_cable, "no link joins port 0 of device 4 and port 1 of device 3"},
        {"no port", no_such_port, "no link joins port 7"},
        {"no switch port", no_such_switch_port, "device 3 cannot connect its ports 0 and 4000"},
        {"over a brick", hop_over_brick, "device 7 cannot connect"},
        {"exclusive", not_exclusive, "not exclusive as planned"},
        {"hops", too_many_hops, "a path of 17 hops"},
        {"accelerator", accelerator_taken, "accelerator 'accelerator-8' is no longer free"},
        {"lost accelerator", accelerator_lost, "'accelerator-8' is lost"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_bench_params params = pod_params();
        g_autoptr(sdm_plan) plan = make_plan(way(0, T1_M1, 0), 2, 3);
        struct sdm_ledger_totals before;
        struct sdm_ledger_totals after;
        g_autoptr(GError) error = NULL;
        struct pod pod;

        pod_init(&pod, &params);
        cases[i].spoil(&pod, plan);
        sdm_ledger_totals(pod.ledger, &before);
        cr_assert_not(sdm_ledger_claim(pod.ledger, plan, &error), "%s", cases[i].label);
        cr_assert_not_null(strstr(error->message, cases[i].culprit), "%s: %s", cases[i].label,
                           error->message);
        cr_assert_eq(taken_code(&error), SDM_ERROR_PLAN_STALE, "%s", cases[i].label);
        sdm_ledger_totals(pod.ledger, &after);
        cr_assert_eq(before.free_bytes, after.free_bytes);
        cr_assert_eq(before.n_circuits, after.n_circuits);
        cr_assert_eq(before.n_holders, after.n_holders);
        pod_done(&pod);
    }
}

Test(ledger, a_brick_that_is_off_is_taken_by_a_plan_that_wakes_it)
{
    struct sdm_bench_params params = pod_params();
    g_autoptr(sdm_plan) plan = sdm_plan_new(0, 1, 1);
    struct pod pod;

    pod_init(&pod, &params);
    plan->compute_no = T1_C1;
    plan->paths[0] = way(0, T1_M1, 0);
    plan->wakes[0].device_no = T1_M1;
    sdm_ledger_set_power(pod.ledger, T1_M1, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    cr_assert(sdm_ledger_claim(pod.ledger, plan, NULL));
    pod_done(&pod);
}

Test(ledger, a_circuit_outlives_its_maker_while_it_is_shared)
{
    struct sdm_bench_params params = pod_params();
    g_autoptr(sdm_plan) maker = make_plan(way(0, T1_M1, 0), 0, 1);
    g_autoptr(sdm_plan) sharer = make_plan(way(0, T1_M1, 0), 1, 1);
    struct sdm_path circuit;
    struct pod pod;

    pod_init(&pod, &params);
    sharer->paths[0].shared = true;
    cr_assert(sdm_ledger_claim(pod.ledger, maker, NULL));
    cr_assert(sdm_ledger_claim(pod.ledger, sharer, NULL));
    sdm_ledger_unclaim(pod.ledger, maker);
    cr_assert(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));
    cr_assert_eq(circuit.n_users, 1);
    cr_assert(circuit.shared);
    /* Neither was committed: nobody would ever drop it. */
    sdm_ledger_unclaim(pod.ledger, sharer);
    cr_assert_not(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));

    /* Committed, left, and shared once more in vain: it stays until it has been cut. */
    cr_assert(sdm_ledger_claim(pod.ledger, maker, NULL));
    cr_assert_not(sdm_ledger_drop_circuit(pod.ledger, T1_C1, T1_M1), "segments use it");
    cr_assert_not(sdm_ledger_leave_circuit(pod.ledger, T1_C1, T1_M1, 2, 0));
    cr_assert_not(sdm_ledger_leave_circuit(pod.ledger, T1_C1, T1_M1, 1, 1));
    cr_assert(sdm_ledger_leave_circuit(pod.ledger, T1_C1, T1_M1, 1, 0));
    cr_assert(sdm_ledger_claim(pod.ledger, sharer, NULL));
    sdm_ledger_unclaim(pod.ledger, sharer);
    cr_assert(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));
    cr_assert(sdm_ledger_drop_circuit(pod.ledger, T1_C1, T1_M1));
    cr_assert_not(sdm_ledger_drop_circuit(pod.ledger, T1_C1, T1_M1));
    cr_assert_not(sdm_ledger_leave_circuit(pod.ledger, T1_C1, T1_M1, 0, 0));
    cr_assert_not(sdm_ledger_drop_circuit(pod.ledger, T1_M1, T1_M1));
    pod_done(&pod);
}

Test(ledger, only_used_bytes_can_be_freed)
{
    static const struct {
        const char *label;
        struct sdm_extent extent;
        bool freed;
    } cases[] = {
        {"free already", {T1_M1, 0, POD_UNIT}, false},
        {"part free", {T1_M1, 3 * POD_UNIT, 2 * POD_UNIT}, false},
        {"empty", {T1_M1, 4 * POD_UNIT, 0}, false},
        {"behind the end", {T1_M1, 9 * POD_UNIT, POD_UNIT}, false},
        {"past the end", {T1_M1, 7 * POD_UNIT, 2 * POD_UNIT}, false},
        {"no memory", {T1_C1, 0, POD_UNIT}, false},
        {"nowhere", {99, 0, POD_UNIT}, false},
        {"used", {T1_M1, 4 * POD_UNIT, 2 * POD_UNIT}, true},
        {"the rest", {T1_M1, 6 * POD_UNIT, 2 * POD_UNIT}, true},
    };
    struct sdm_bench_params params = pod_params();
    struct pod pod;

    pod_init(&pod, &params);
    pod_use(&pod, T1_M1, 4, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_assert_eq(sdm_ledger_free_extent(pod.ledger, &cases[i].extent), cases[i].freed, "%s",
                     cases[i].label);
    }
    pod_done(&pod);
}

Test(ledger, windows_come_from_the_ledger)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_window window;
    struct sdm_ledger_use use;
    g_autoptr(GError) error = NULL;
    struct pod pod;

    pod_init(&pod, &params);
    cr_assert(sdm_ledger_allocate_window(pod.ledger, T1_C1, 2 * POD_UNIT, &window, NULL));
    cr_assert_eq(window.compute_no, T1_C1);
    cr_assert(sdm_ledger_use(pod.ledger, T1_C1, &use));
    cr_assert_eq(use.n_windows, 1);
    cr_assert_not(sdm_ledger_allocate_window(pod.ledger, 99, POD_UNIT, &window, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_NOT_FOUND);
    cr_assert_not(sdm_ledger_allocate_window(pod.ledger, T1_M1, POD_UNIT, &window, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_WRONG_KIND);
    cr_assert_not(
        sdm_ledger_allocate_window(pod.ledger, T1_C1, UINT64_C(1) << 44, &window, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_NO_WINDOW);
    cr_assert(sdm_ledger_free_window(pod.ledger, T1_C1, window.entry));
    cr_assert_not(sdm_ledger_free_window(pod.ledger, T1_C1, window.entry));
    cr_assert_not(sdm_ledger_free_window(pod.ledger, T1_M1, 0));
    pod_done(&pod);
}

Test(ledger, loading_refuses_contradictions)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_path path = way(0, T1_M1, 0);
    struct sdm_window window = {T1_C1, 0, SDM_WINDOW_FLOOR_BYTES, POD_UNIT};
    struct sdm_window other;
    struct sdm_path wrong;
    struct pod pod;

    pod_init(&pod, &params);
    cr_assert(sdm_ledger_add_circuit(pod.ledger, &path, NULL));
    cr_assert_not(sdm_ledger_add_circuit(pod.ledger, &path, NULL), "the pair twice");
    wrong = way(0, T1_M2, 0);
    cr_assert_not(sdm_ledger_add_circuit(pod.ledger, &wrong, NULL), "the port twice");
    wrong.compute_no = T1_M1;
    cr_assert_not(sdm_ledger_add_circuit(pod.ledger, &wrong, NULL), "no compute brick");
    wrong = way(1, T1_M2, 0);
    wrong.brick_no = T1_C2;
    cr_assert_not(sdm_ledger_add_circuit(pod.ledger, &wrong, NULL), "to a compute brick");
    cr_assert(sdm_ledger_add_window(pod.ledger, &window, NULL));
    cr_assert_not(sdm_ledger_add_window(pod.ledger, &window, NULL), "twice");
    other = (struct sdm_window){T1_M1, 0, SDM_WINDOW_FLOOR_BYTES, POD_UNIT};
    cr_assert_not(sdm_ledger_add_window(pod.ledger, &other, NULL), "no compute brick");
    other = (struct sdm_window){T1_C1, 1, 0, POD_UNIT};
    cr_assert_not(sdm_ledger_add_window(pod.ledger, &other, NULL), "below the floor");
    pod_use(&pod, T1_M1, 0, 2);
    cr_assert_not(
        sdm_ledger_add_segment(pod.ledger, &(struct sdm_extent){T1_M1, POD_UNIT, POD_UNIT}, NULL));
    cr_assert_not(
        sdm_ledger_add_segment(pod.ledger, &(struct sdm_extent){T1_C1, 0, POD_UNIT}, NULL));
    cr_assert_not(sdm_ledger_add_segment(pod.ledger, &(struct sdm_extent){T1_M2, 0, 0}, NULL));
    cr_assert(sdm_ledger_add_holder(pod.ledger, T1_ACC, T1_C1, NULL));
    cr_assert_not(sdm_ledger_add_holder(pod.ledger, T1_ACC, T1_C2, NULL), "held");
    cr_assert_not(sdm_ledger_add_holder(pod.ledger, T1_M1, T1_C2, NULL), "no accelerator");
    cr_assert_not(sdm_ledger_add_holder(pod.ledger, T2_ACC, T1_M1, NULL), "no compute brick");
    cr_assert_eq(sdm_ledger_holder(pod.ledger, T1_ACC), T1_C1);
    cr_assert_eq(sdm_ledger_holder(pod.ledger, T1_C1), 0);
    cr_assert(sdm_ledger_in_use(pod.ledger, T1_ACC));
    cr_assert(sdm_ledger_free_holder(pod.ledger, T1_ACC));
    cr_assert_not(sdm_ledger_free_holder(pod.ledger, T1_ACC));
    cr_assert_not(sdm_ledger_free_holder(pod.ledger, T1_M1));
    pod_done(&pod);
}

Test(ledger, unknown_devices_are_ignored)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_ledger_use use;
    struct pod pod;

    pod_init(&pod, &params);
    sdm_ledger_set_power(pod.ledger, 99, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
    sdm_ledger_set_state(pod.ledger, 99, SDM_BRICK_STATE_LOST);
    cr_assert_not(sdm_ledger_use(pod.ledger, 99, &use));
    cr_assert_not(sdm_ledger_in_use(pod.ledger, 99));
    sdm_ledger_free(NULL);
    pod_done(&pod);
}

/* A full pod of claims, to be carried over to other hardware. */
static void hold_something(struct pod *pod)
{
    struct sdm_path path = way(0, T1_M1, 0);
    struct sdm_window window;

    cr_assert(sdm_ledger_add_circuit(pod->ledger, &path, NULL));
    cr_assert(sdm_ledger_allocate_window(pod->ledger, T1_C1, POD_UNIT, &window, NULL));
    cr_assert(sdm_ledger_add_holder(pod->ledger, T1_ACC, T1_C1, NULL));
    pod_use(pod, T1_M1, 2, 2);
    pod_use(pod, T1_M1, 7, 1);
    sdm_ledger_set_state(pod->ledger, T2_M1, SDM_BRICK_STATE_LOST);
    sdm_ledger_set_power(pod->ledger, T2_M2, SDM_POWER_STATE_OFF, SDM_POWER_STATE_OFF);
}

/* A spec with copies that a case may change. */
struct hardware {
    struct sdm_topology_spec spec;
    struct sdm_device *devices;
    struct sdm_link *links;
};

static void grow(struct hardware *hardware)
{
    hardware->devices[T1_M1 - 1].capacity_bytes *= 2;
}

static void shrink_free_part(struct hardware *hardware)
{
    hardware->devices[T1_M2 - 1].capacity_bytes = POD_UNIT;
}

static void shrink_below_segment(struct hardware *hardware)
{
    hardware->devices[T1_M1 - 1].capacity_bytes = 4 * POD_UNIT;
}

static void take_all_links(struct hardware *hardware)
{
    hardware->spec.n_links = 0;
}

static void take_all_devices(struct hardware *hardware)
{
    hardware->spec.n_links = 0;
    hardware->spec.n_devices = 1;
}

static void swap_compute_for_memory(struct hardware *hardware)
{
    struct sdm_device *device = &hardware->devices[T1_C1 - 1];

    device->kind = SDM_DEVICE_KIND_MEMORY;
    device->capacity_bytes = POD_UNIT;
    device->module = 1000;
}

Test(ledger, hardware_changes_under_what_is_held)
{
    static const struct {
        const char *label;
        void (*change)(struct hardware *hardware);
        bool accepted;
    } cases[] = {
        {"grow", grow, true},
        {"shrink what is free", shrink_free_part, true},
        {"shrink below a segment", shrink_below_segment, false},
        {"no links", take_all_links, false},
        {"no devices", take_all_devices, false},
        {"another kind", swap_compute_for_memory, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_bench_params params = pod_params();
        g_autoptr(sdm_topology) next = NULL;
        g_autoptr(GError) error = NULL;
        struct hardware hardware;
        struct sdm_ledger_use use;
        struct sdm_path circuit;
        struct pod pod;

        pod_init(&pod, &params);
        hold_something(&pod);
        hardware.spec = *sdm_topology_spec(pod.topology);
        hardware.devices =
            g_memdup2(hardware.spec.devices, hardware.spec.n_devices * sizeof *hardware.devices);
        hardware.links =
            g_memdup2(hardware.spec.links, hardware.spec.n_links * sizeof *hardware.links);
        hardware.spec.devices = hardware.devices;
        hardware.spec.links = hardware.links;
        cases[i].change(&hardware);
        next = sdm_topology_new(&hardware.spec, &error);
        cr_assert_not_null(next, "%s: %s", cases[i].label, error ? error->message : "");
        cr_assert_eq(sdm_ledger_set_topology(pod.ledger, next, &error), cases[i].accepted, "%s",
                     cases[i].label);
        cr_assert(cases[i].accepted || taken_code(&error) == SDM_ERROR_IN_USE, "%s",
                  cases[i].label);
        cr_assert_eq(sdm_ledger_topology(pod.ledger), cases[i].accepted ? next : pod.topology);
        /* What was held is held still. */
        cr_assert(sdm_ledger_use(pod.ledger, T1_M1, &use));
        cr_assert_eq(use.used_bytes, 3 * POD_UNIT, "%s", cases[i].label);
        cr_assert_eq(use.used_end_bytes, 8 * POD_UNIT);
        cr_assert(sdm_ledger_circuit(pod.ledger, T1_C1, T1_M1, &circuit));
        cr_assert(sdm_ledger_use(pod.ledger, T1_C1, &use));
        cr_assert_eq(use.n_windows, 1);
        cr_assert_eq(sdm_ledger_holder(pod.ledger, T1_ACC), T1_C1);
        cr_assert(sdm_ledger_use(pod.ledger, T2_M1, &use));
        cr_assert_eq(use.state, SDM_BRICK_STATE_LOST);
        cr_assert(sdm_ledger_use(pod.ledger, T2_M2, &use));
        cr_assert_eq(use.want_power, SDM_POWER_STATE_OFF);
        pod_audit(&pod);
        g_free(hardware.devices);
        g_free(hardware.links);
        pod_done(&pod);
    }
}

Test(ledger, a_load_at_once_ends_as_one_by_one)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_path path = way(0, T1_M1, 0);
    struct sdm_extent used = {T1_M1, 2 * POD_UNIT, 2 * POD_UNIT};
    g_autoptr(GError) error = NULL;
    struct sdm_ledger_use use;
    struct pod pod;

    pod_init(&pod, &params);
    sdm_ledger_begin_load(pod.ledger);
    cr_assert(sdm_ledger_add_segment(pod.ledger, &used, NULL));
    /* What contradicts itself is found then, too. */
    cr_assert_not(sdm_ledger_add_segment(pod.ledger, &used, &error));
    cr_assert(sdm_ledger_add_circuit(pod.ledger, &path, NULL));
    cr_assert(sdm_ledger_add_holder(pod.ledger, T1_ACC, T1_C1, NULL));
    sdm_ledger_end_load(pod.ledger);
    pod_audit(&pod);
    cr_assert(sdm_ledger_use(pod.ledger, T1_M1, &use));
    cr_assert_eq(use.used_bytes, 2 * POD_UNIT);
    /* And goes on as ever. */
    pod_use(&pod, T1_M2, 0, 1);
    cr_assert(sdm_ledger_free_extent(pod.ledger, &used));
    cr_assert(sdm_ledger_free_holder(pod.ledger, T1_ACC));
    pod_audit(&pod);
    pod_done(&pod);
}

static void count(const struct sdm_path *path, void *user)
{
    cr_assert_eq(path->compute_no, T1_C1);
    (*(int *)user)++;
}

static void count_extent(const struct sdm_extent *extent, void *user)
{
    uint64_t *bytes = user;

    *bytes += extent->size_bytes;
}

Test(ledger, everything_can_be_listed)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_ledger_totals totals;
    uint64_t bytes = 0;
    int n_circuits = 0;
    struct pod pod;

    pod_init(&pod, &params);
    hold_something(&pod);
    sdm_ledger_each_circuit(pod.ledger, count, &n_circuits);
    cr_assert_eq(n_circuits, 1);
    sdm_ledger_each_free_extent(pod.ledger, count_extent, &bytes);
    sdm_ledger_totals(pod.ledger, &totals);
    cr_assert_eq(bytes, totals.free_bytes);
    cr_assert_eq(totals.capacity_bytes - totals.free_bytes, 3 * POD_UNIT);
    cr_assert_eq(totals.n_windows, 1);
    cr_assert_eq(totals.n_holders, 1);
    pod_done(&pod);
}

/* A full brick, and one whose last byte is free. */
Test(ledger, the_end_of_what_is_used)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_ledger_use use;
    struct pod pod;

    pod_init(&pod, &params);
    pod_use(&pod, T1_M1, 0, 8);
    cr_assert(sdm_ledger_use(pod.ledger, T1_M1, &use));
    cr_assert_eq(use.used_end_bytes, 8 * POD_UNIT);
    cr_assert(sdm_ledger_use(pod.ledger, T1_M2, &use));
    cr_assert_eq(use.used_end_bytes, 0);
    pod_done(&pod);
}
