/* Writes a rack file (schemas/rack.json) of racks, pods and data centres, for `sdmctl rack
 * register` and emurackd:
 *
 *     topology --racks R [--seed N] ... >rack.json
 *
 * The same options give the same file; each rack is as bench/topology.h says. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <glib.h>

#include "bench/topology.h"

/* What the messages of S11 take; see schemas/common.json. */
enum { MAX_RACKS = 4096, MAX_BRICKS = 1048576, MAX_SWITCH_PORTS = 4096 };

static const char *management = "127.0.0.1:7400";

static const char *comma(size_t i, size_t n)
{
    return i + 1 < n ? "," : "";
}

static void write_places(const struct sdm_topology_spec *spec)
{
    puts("  \"racks\": [");
    for (size_t i = 0; i < spec->n_racks; i++) {
        printf("    {\"id\": \"%s\", \"management\": \"%s\"}%s\n", spec->racks[i].id, management,
               comma(i, spec->n_racks));
    }
    puts("  ],\n  \"trays\": [");
    for (size_t i = 0; i < spec->n_trays; i++) {
        printf("    {\"id\": \"%s\", \"rack\": \"%s\"}%s\n", spec->trays[i].id,
               spec->racks[spec->trays[i].rack_no - 1].id, comma(i, spec->n_trays));
    }
    puts("  ],");
}

static void write_brick(const struct sdm_topology_spec *spec, const struct sdm_device *device)
{
    printf("    {\"id\": \"%s\", \"kind\": \"%s\", \"tray\": \"%s\", \"n_ports\": %d", device->id,
           sdm_device_kind_name(device->kind), spec->trays[device->tray_no - 1].id,
           device->n_ports);
    if (device->kind == SDM_DEVICE_KIND_MEMORY) {
        printf(", \"capacity_bytes\": %" PRIu64 ", \"module\": %" PRIu32, device->capacity_bytes,
               device->module);
    } else if (device->kind == SDM_DEVICE_KIND_COMPUTE) {
        printf(", \"local_bytes\": %" PRIu64, device->local_bytes);
    } else {
        printf(", \"accelerator_kind\": \"%s\"", device->accelerator_kind);
    }
    printf(", \"idle_mw\": %d, \"active_mw\": %d, \"wake_ms\": %d, \"power\": \"%s\"}",
           (int)device->idle_mw, (int)device->active_mw, (int)device->wake_ms,
           device->want_power == SDM_POWER_STATE_OFF ? "off" : "on");
}

static void write_switch(const struct sdm_topology_spec *spec, const struct sdm_device *device)
{
    printf("    {\"id\": \"%s\", \"kind\": \"%s\", ", device->id,
           sdm_device_kind_name(device->kind));
    if (device->tray_no != 0) {
        printf("\"tray\": \"%s\", ", spec->trays[device->tray_no - 1].id);
    } else if (device->rack_no != 0) {
        printf("\"rack\": \"%s\", ", spec->racks[device->rack_no - 1].id);
    } else {
        printf("\"management\": \"%s\", ", management);
    }
    printf("\"n_ports\": %d, \"idle_mw\": %d}", device->n_ports, (int)device->idle_mw);
}

static void write_devices(const struct sdm_topology_spec *spec, bool switches)
{
    const char *separator = "";

    printf("  \"%s\": [\n", switches ? "switches" : "bricks");
    for (size_t i = 0; i < spec->n_devices; i++) {
        if (sdm_device_kind_is_switch(spec->devices[i].kind) == switches) {
            fputs(separator, stdout);
            (switches ? write_switch : write_brick)(spec, &spec->devices[i]);
            separator = ",\n";
        }
    }
    puts("\n  ],");
}

static void write_links(const struct sdm_topology_spec *spec)
{
    puts("  \"links\": [");
    for (size_t i = 0; i < spec->n_links; i++) {
        const struct sdm_link *link = &spec->links[i];

        printf("    {\"a\": {\"device\": \"%s\", \"port\": %d}, \"b\": {\"device\": \"%s\", "
               "\"port\": %d}, \"bandwidth_mbps\": %d}%s\n",
               spec->devices[link->a.device_no - 1].id, link->a.port,
               spec->devices[link->b.device_no - 1].id, link->b.port, link->bandwidth_mbps,
               comma(i, spec->n_links));
    }
    puts("  ]\n}");
}

static bool check_sizes(const struct sdm_bench_params *params)
{
    int64_t n_bricks = params->n_compute + params->n_memory + params->n_accelerators;
    int64_t pod_ports = params->pod_optical == 0 ? 0
                                                 : (int64_t)params->n_racks * params->rack_optical *
                                                       params->rack_trunks / params->pod_optical;

    if (params->n_compute < 0 || params->n_memory < 0 || params->n_accelerators < 0 ||
        params->n_racks < 1 || params->n_racks > MAX_RACKS || params->n_trays < 1 || n_bricks < 1 ||
        (int64_t)params->n_racks * params->n_trays > MAX_BRICKS / n_bricks) {
        fprintf(stderr, "topology: want 1 to %d racks and 1 to %d bricks in trays\n", MAX_RACKS,
                MAX_BRICKS);
        return false;
    }
    if (pod_ports + 64 > MAX_SWITCH_PORTS ||
        n_bricks * params->brick_ports + params->tray_trunks + 8 > MAX_SWITCH_PORTS) {
        fprintf(stderr, "topology: a switch has more than %d ports; want fewer trunks\n",
                MAX_SWITCH_PORTS);
        return false;
    }
    if (params->least_units < 1 || params->least_units > params->most_units) {
        fprintf(stderr, "topology: want at least 1 unit, and no more at least than at most\n");
        return false;
    }
    return true;
}

static bool parse(struct sdm_bench_params *params, int argc, char **argv)
{
    int64_t seed = (int64_t)params->seed;
    int least = (int)params->least_units;
    int most = (int)params->most_units;
    int off = 0;
    const GOptionEntry entries[] = {
        {"racks", 'r', 0, G_OPTION_ARG_INT, &params->n_racks, "racks (1)", "R"},
        {"trays", 0, 0, G_OPTION_ARG_INT, &params->n_trays, "trays a rack (8)", "N"},
        {"compute", 0, 0, G_OPTION_ARG_INT, &params->n_compute, "compute bricks a tray (8)", "N"},
        {"memory", 0, 0, G_OPTION_ARG_INT, &params->n_memory, "memory bricks a tray (8)", "N"},
        {"accelerators", 0, 0, G_OPTION_ARG_INT, &params->n_accelerators,
         "accelerator bricks a tray (0)", "N"},
        {"rack-trunks", 0, 0, G_OPTION_ARG_INT, &params->rack_trunks,
         "cables from an optical switch of a rack to the pod's (16)", "N"},
        {"pod-switches", 0, 0, G_OPTION_ARG_INT, &params->pod_optical,
         "optical switches between racks (8)", "N"},
        {"least-units", 0, 0, G_OPTION_ARG_INT, &least, "smallest memory brick, in units (64)",
         "N"},
        {"most-units", 0, 0, G_OPTION_ARG_INT, &most, "largest memory brick, in units (256)", "N"},
        {"off", 0, 0, G_OPTION_ARG_INT, &off, "percent of bricks that are off (0)", "N"},
        {"seed", 0, 0, G_OPTION_ARG_INT64, &seed, "of what is random (1)", "N"},
        {"management", 0, 0, G_OPTION_ARG_STRING, &management,
         "where the hardware answers (127.0.0.1:7400)", "HOST:PORT"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- writes a rack file");
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "topology: %s\n", error != NULL ? error->message : "want options only");
        return false;
    }
    params->seed = (uint64_t)seed;
    params->least_units = (uint32_t)MAX(least, 0);
    params->most_units = (uint32_t)MAX(most, 0);
    params->percent_off = (uint32_t)CLAMP(off, 0, 100);
    return check_sizes(params);
}

int main(int argc, char **argv)
{
    struct sdm_bench_params params = SDM_BENCH_PARAMS_DEFAULT;
    g_autoptr(sdm_bench_topology) topology = NULL;
    const struct sdm_topology_spec *spec;

    params.rack_trunks = 16;
    if (!parse(&params, argc, argv)) {
        return 2;
    }
    topology = sdm_bench_topology_new(&params);
    spec = sdm_bench_topology_spec(topology);
    printf("{\n  \"version\": 1,\n  \"segment_unit_bytes\": %" PRIu64 ",\n",
           spec->segment_unit_bytes);
    write_places(spec);
    write_devices(spec, false);
    write_devices(spec, true);
    write_links(spec);
    return ferror(stdout) || fflush(stdout) != 0 ? 1 : 0;
}
