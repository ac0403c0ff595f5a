#include "bench/topology.h"

struct sdm_bench_topology {
    struct sdm_topology_spec spec;
    GArray *racks;
    GArray *trays;
    GArray *devices;
    GArray *links;
    /* By device number: ports handed out. */
    int32_t *n_linked;
    uint64_t random;
    int32_t n_modules;
};

uint64_t sdm_bench_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sdm_bench_below(uint64_t *state, uint64_t n)
{
    return sdm_bench_random(state) % n;
}

static int32_t add_device(struct sdm_bench_topology *topology, enum sdm_device_kind kind,
                          int32_t tray_no, int32_t rack_no, int32_t n_ports)
{
    struct sdm_device device = {
        .device_no = (int32_t)topology->devices->len + 1,
        .kind = kind,
        .tray_no = tray_no,
        .rack_no = rack_no,
        .n_ports = n_ports,
        .idle_mw = 5000,
        .active_mw = 12000,
        .wake_ms = 1500,
    };

    g_snprintf(device.id, sizeof device.id, "%s-%d", sdm_device_kind_name(kind), device.device_no);
    g_array_append_val(topology->devices, device);
    return device.device_no;
}

static struct sdm_device *device_at(struct sdm_bench_topology *topology, int32_t device_no)
{
    return &g_array_index(topology->devices, struct sdm_device, device_no - 1);
}

static void add_link(struct sdm_bench_topology *topology, int32_t a, int32_t b,
                     int32_t bandwidth_mbps)
{
    struct sdm_link link = {
        .link_no = (int32_t)topology->links->len + 1,
        .a = {a, topology->n_linked[a]++},
        .b = {b, topology->n_linked[b]++},
        .bandwidth_mbps = bandwidth_mbps,
    };

    g_array_append_val(topology->links, link);
}

static void add_brick(struct sdm_bench_topology *topology, const struct sdm_bench_params *params,
                      enum sdm_device_kind kind, int32_t tray_no, int32_t switch_no)
{
    /* With odd links, a spare port for one. */
    int32_t device_no =
        add_device(topology, kind, tray_no, 0, params->brick_ports + (params->n_odd_links > 0));
    struct sdm_device *device = device_at(topology, device_no);
    uint32_t range = params->most_units - params->least_units + 1;

    if (kind == SDM_DEVICE_KIND_MEMORY) {
        uint64_t units = params->least_units + sdm_bench_below(&topology->random, range);

        device->capacity_bytes = units * params->unit_bytes;
        device->module = (uint32_t)topology->n_modules++;
    } else if (kind == SDM_DEVICE_KIND_ACCELERATOR) {
        g_snprintf(device->accelerator_kind, sizeof device->accelerator_kind, "kind-%d",
                   (int)sdm_bench_below(&topology->random, 2));
    } else {
        device->local_bytes = params->unit_bytes * 64;
    }
    if (kind != SDM_DEVICE_KIND_COMPUTE &&
        sdm_bench_below(&topology->random, 100) < params->percent_off) {
        device->want_power = SDM_POWER_STATE_OFF;
        device->have_power = SDM_POWER_STATE_OFF;
    }
    for (int32_t i = 0; i < params->brick_ports; i++) {
        add_link(topology, device_no, switch_no, 100000);
    }
}

static void add_tray(struct sdm_bench_topology *topology, const struct sdm_bench_params *params,
                     int32_t rack_no, const int32_t *optical)
{
    struct sdm_tray tray = {.tray_no = (int32_t)topology->trays->len + 1, .rack_no = rack_no};
    int32_t n_bricks = params->n_compute + params->n_memory + params->n_accelerators;
    int32_t switch_no;

    g_snprintf(tray.id, sizeof tray.id, "tray-%d", tray.tray_no);
    g_array_append_val(topology->trays, tray);
    switch_no = add_device(topology, SDM_DEVICE_KIND_ELECTRICAL, tray.tray_no, 0,
                           n_bricks * params->brick_ports + params->tray_trunks + 8);
    for (int32_t i = 0; i < params->n_compute; i++) {
        add_brick(topology, params, SDM_DEVICE_KIND_COMPUTE, tray.tray_no, switch_no);
    }
    for (int32_t i = 0; i < params->n_memory; i++) {
        add_brick(topology, params, SDM_DEVICE_KIND_MEMORY, tray.tray_no, switch_no);
    }
    for (int32_t i = 0; i < params->n_accelerators; i++) {
        add_brick(topology, params, SDM_DEVICE_KIND_ACCELERATOR, tray.tray_no, switch_no);
    }
    for (int32_t i = 0; i < params->tray_trunks && params->rack_optical > 0; i++) {
        add_link(topology, switch_no, optical[i % params->rack_optical], 400000);
    }
}

static void add_rack(struct sdm_bench_topology *topology, const struct sdm_bench_params *params,
                     const int32_t *pod)
{
    struct sdm_rack rack = {.rack_no = (int32_t)topology->racks->len + 1};
    g_autofree int32_t *optical = g_new0(int32_t, params->rack_optical + 1);

    g_snprintf(rack.id, sizeof rack.id, "rack-%d", rack.rack_no);
    g_array_append_val(topology->racks, rack);
    for (int32_t i = 0; i < params->rack_optical; i++) {
        optical[i] = add_device(topology, SDM_DEVICE_KIND_OPTICAL, 0, rack.rack_no,
                                params->n_trays * params->tray_trunks + params->rack_trunks + 8);
        for (int32_t k = 0; k < params->rack_trunks && params->pod_optical > 0; k++) {
            add_link(topology, optical[i], pod[(i + k) % params->pod_optical], 400000);
        }
    }
    for (int32_t i = 0; i < params->n_trays; i++) {
        add_tray(topology, params, rack.rack_no, optical);
    }
}

/* Brick to brick of one kind makes no sense, but does no harm either. */
static void add_odd_link(struct sdm_bench_topology *topology)
{
    for (int tries = 0; tries < 100; tries++) {
        int32_t n = (int32_t)topology->devices->len;
        int32_t a = 1 + (int32_t)sdm_bench_below(&topology->random, (uint64_t)n);
        int32_t b = 1 + (int32_t)sdm_bench_below(&topology->random, (uint64_t)n);

        if (a != b && topology->n_linked[a] < device_at(topology, a)->n_ports &&
            topology->n_linked[b] < device_at(topology, b)->n_ports) {
            add_link(topology, a, b, 100000);
            return;
        }
    }
}

struct sdm_bench_topology *sdm_bench_topology_new(const struct sdm_bench_params *params)
{
    struct sdm_bench_topology *topology = g_new0(struct sdm_bench_topology, 1);
    int32_t n_bricks = params->n_compute + params->n_memory + params->n_accelerators;
    int32_t n_devices = params->pod_optical +
                        params->n_racks * (params->rack_optical + params->n_trays * (1 + n_bricks));
    g_autofree int32_t *pod = g_new0(int32_t, params->pod_optical + 1);

    topology->random = params->seed;
    topology->racks = g_array_new(FALSE, TRUE, sizeof(struct sdm_rack));
    topology->trays = g_array_new(FALSE, TRUE, sizeof(struct sdm_tray));
    topology->devices = g_array_new(FALSE, TRUE, sizeof(struct sdm_device));
    topology->links = g_array_new(FALSE, TRUE, sizeof(struct sdm_link));
    topology->n_linked = g_new0(int32_t, n_devices + 1);
    for (int32_t i = 0; i < params->pod_optical; i++) {
        int32_t n_ports =
            params->n_racks * params->rack_optical * params->rack_trunks / params->pod_optical;

        pod[i] = add_device(topology, SDM_DEVICE_KIND_OPTICAL, 0, 0, n_ports + 64);
    }
    for (int32_t i = 0; i < params->n_racks; i++) {
        add_rack(topology, params, pod);
    }
    for (uint32_t i = 0; i < params->n_odd_links; i++) {
        add_odd_link(topology);
    }
    topology->spec = (struct sdm_topology_spec){
        .racks = (struct sdm_rack *)(void *)topology->racks->data,
        .n_racks = topology->racks->len,
        .trays = (struct sdm_tray *)(void *)topology->trays->data,
        .n_trays = topology->trays->len,
        .devices = (struct sdm_device *)(void *)topology->devices->data,
        .n_devices = topology->devices->len,
        .links = (struct sdm_link *)(void *)topology->links->data,
        .n_links = topology->links->len,
        .segment_unit_bytes = params->unit_bytes,
    };
    return topology;
}

void sdm_bench_topology_free(struct sdm_bench_topology *topology)
{
    if (topology == NULL) {
        return;
    }
    g_array_unref(topology->racks);
    g_array_unref(topology->trays);
    g_array_unref(topology->devices);
    g_array_unref(topology->links);
    g_free(topology->n_linked);
    g_free(topology);
}

const struct sdm_topology_spec *sdm_bench_topology_spec(const struct sdm_bench_topology *topology)
{
    return &topology->spec;
}
