/* What it takes to register racks one after another, of 500 bricks each: a snapshot of the hardware
 * with one rack more, and the ledger that takes it over with all that is held.  Prints one JSON
 * object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/topology.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

/* Reservations made on each rack before the next one comes. */
enum { HELD_A_RACK = 500, SHOWN = 20 };

struct growth {
    const struct sdm_topology_spec *whole;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    uint64_t random;
};

/* Of a processor: others' work is not in it. */
static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int32_t rack_of(const struct sdm_topology_spec *whole, const struct sdm_device *device)
{
    return device->tray_no != 0 ? whole->trays[device->tray_no - 1].rack_no : device->rack_no;
}

/* The first 'n_racks' racks: devices and links stand in their order. */
static struct sdm_topology_spec part(const struct sdm_topology_spec *whole, int32_t n_racks)
{
    struct sdm_topology_spec spec = *whole;

    spec.n_racks = (size_t)n_racks;
    while (spec.n_trays > 0 && whole->trays[spec.n_trays - 1].rack_no > n_racks) {
        spec.n_trays--;
    }
    while (spec.n_devices > 0 && rack_of(whole, &whole->devices[spec.n_devices - 1]) > n_racks) {
        spec.n_devices--;
    }
    while (spec.n_links > 0 &&
           (whole->links[spec.n_links - 1].a.device_no > (int32_t)spec.n_devices ||
            whole->links[spec.n_links - 1].b.device_no > (int32_t)spec.n_devices)) {
        spec.n_links--;
    }
    return spec;
}

static double add_rack(struct growth *growth, int32_t n_racks)
{
    struct sdm_topology_spec spec = part(growth->whole, n_racks);
    double start = now_ms();
    g_autoptr(sdm_topology) topology = sdm_topology_new(&spec, NULL);
    bool fits = sdm_ledger_set_topology(growth->ledger, topology, NULL);

    g_assert(fits);
    return now_ms() - start;
}

static void hold(struct growth *growth)
{
    const struct sdm_topology_spec *spec = sdm_topology_spec(sdm_ledger_topology(growth->ledger));

    for (int i = 0; i < HELD_A_RACK; i++) {
        const struct sdm_device *device =
            &spec->devices[sdm_bench_below(&growth->random, spec->n_devices)];
        struct sdm_plan_request request = {
            .compute_nos = {device->device_no},
            .n_compute = 1,
            .size_bytes = (1 + sdm_bench_below(&growth->random, 8)) * spec->segment_unit_bytes,
            .latency_class = SDM_LATENCY_CLASS_RACK,
            .mode = SDM_MODE_VM,
            .policy = SDM_POLICY_NEAR,
        };
        struct sdm_refusal refusal;
        g_autoptr(sdm_plan) plan = NULL;

        if (device->kind == SDM_DEVICE_KIND_COMPUTE) {
            plan = sdm_planner_plan(growth->planner, growth->ledger, &request, &refusal, NULL);
        }
        if (plan != NULL) {
            sdm_ledger_claim(growth->ledger, plan, NULL);
        }
    }
}

static void run(struct growth *growth, int32_t n_racks)
{
    struct sdm_ledger_totals totals;
    double sum_ms = 0;

    printf("{\"register\": {\"cpu_ms\": [\n");
    for (int32_t i = 1; i <= n_racks; i++) {
        double took_ms = add_rack(growth, i);

        sum_ms += took_ms;
        if (i % MAX(n_racks / SHOWN, 1) == 0) {
            printf("    {\"rack\": %d, \"cpu_ms\": %.2f}%s\n", i, took_ms, i == n_racks ? "" : ",");
        }
        hold(growth);
    }
    sdm_ledger_totals(growth->ledger, &totals);
    printf("], \"racks\": %d, \"sum_cpu_ms\": %.0f, \"circuits\": %zu}}\n", n_racks, sum_ms,
           totals.n_circuits);
}

int main(int argc, char **argv)
{
    struct sdm_bench_params hardware = SDM_BENCH_PARAMS_DEFAULT;
    struct sdm_planner_params params = SDM_PLANNER_PARAMS_DEFAULT;
    g_autoptr(sdm_bench_topology) made = NULL;
    g_autoptr(sdm_topology) empty = sdm_topology_new(&(struct sdm_topology_spec){0}, NULL);
    struct growth growth = {.random = 5};
    bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;

    if (argc > 2 || (argc == 2 && !quick)) {
        fprintf(stderr, "usage: %s [--quick]\n", argv[0]);
        return 2;
    }
    hardware.n_racks = quick ? 4 : 200;
    hardware.n_trays = 25;
    hardware.n_compute = 10;
    hardware.n_memory = 10;
    hardware.rack_trunks = 16;
    made = sdm_bench_topology_new(&hardware);
    growth.whole = sdm_bench_topology_spec(made);
    growth.ledger = sdm_ledger_new(empty);
    growth.planner = sdm_planner_new(&params);
    sdm_ledger_lock(growth.ledger);
    run(&growth, hardware.n_racks);
    sdm_ledger_unlock(growth.ledger);
    sdm_planner_free(growth.planner);
    sdm_ledger_free(growth.ledger);
    return 0;
}
