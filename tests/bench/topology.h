/* Makes racks, pods and data centres: seeded, so that the same parameters give the same hardware.
 *
 * A tray has an electrical switch that all its bricks lead to; its trunks go round the optical
 * switches of the rack; those have trunks round the optical switches of the pod.  Odd links join
 * random free ports of random devices on top: bricks to bricks, to foreign switches, switches to
 * each other. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/topology.h"

struct sdm_bench_params {
    uint64_t seed;
    int32_t n_racks;
    int32_t n_trays;   /* a rack */
    int32_t n_compute; /* a tray */
    int32_t n_memory;
    int32_t n_accelerators;
    int32_t brick_ports;
    int32_t tray_trunks;
    int32_t rack_optical; /* optical switches a rack */
    int32_t rack_trunks;  /* an optical switch of a rack */
    int32_t pod_optical;
    uint64_t unit_bytes;
    /* Capacity of a memory brick: from least to most units, evenly. */
    uint32_t least_units;
    uint32_t most_units;
    /* Of bricks that are off. */
    uint32_t percent_off;
    uint32_t n_odd_links;
};

/* 16 bricks a tray, 8 trays a rack; memory bricks of 64 to 256 units. */
#define SDM_BENCH_PARAMS_DEFAULT                                                                   \
    {                                                                                              \
        .seed = 1, .n_racks = 1, .n_trays = 8, .n_compute = 8, .n_memory = 8, .brick_ports = 8,    \
        .tray_trunks = 16, .rack_optical = 2, .rack_trunks = 32, .pod_optical = 8,                 \
        .unit_bytes = UINT64_C(1) << 27, .least_units = 64, .most_units = 256                      \
    }

struct sdm_bench_topology;
typedef struct sdm_bench_topology sdm_bench_topology;

struct sdm_bench_topology *sdm_bench_topology_new(const struct sdm_bench_params *params);
void sdm_bench_topology_free(struct sdm_bench_topology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_bench_topology, sdm_bench_topology_free)

/* Borrowed. */
const struct sdm_topology_spec *sdm_bench_topology_spec(const struct sdm_bench_topology *topology);

/* The next number of a seeded sequence (splitmix64), and one below 'n'. */
uint64_t sdm_bench_random(uint64_t *state);
uint64_t sdm_bench_below(uint64_t *state, uint64_t n);
