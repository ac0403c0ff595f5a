/* How the ledger lies in memory: what the planner reads on its hot path.
 *
 * Only for the layers graph and planner; everybody else uses sdm-controller/graph/ledger.h. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/extents.h"
#include "sdm-controller/graph/index.h"
#include "sdm-controller/graph/layout.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/graph/ports.h"
#include "sdm-controller/graph/windows.h"

/* Of every device, by number. */
struct sdm_device_use {
    uint8_t state;
    uint8_t want_power;
    uint8_t have_power;
    /* Bricks: linked ports without a circuit; and those of them that lead out of the tray: to an
     * optical switch, to another brick, or to an electrical switch with an open trunk. */
    int32_t n_free_ports;
    int32_t n_open_ports;
    /* Electrical switches: links to other switches that a new circuit could take to anywhere: the
     * far end is electrical, or optical and not connected. */
    int32_t n_open_trunks;
};

/* By position of the memory brick. */
struct sdm_brick {
    struct sdm_extents free;
    uint64_t capacity_bytes;
    int32_t n_circuits;
} __attribute__((aligned(SDM_CACHE_LINE)));

/* By position of the compute brick. */
struct sdm_compute {
    /* Its circuits by brick, each allocated with the hops that it has.  'shared' of a circuit is
     * false when the claim that made it was undone while another claim shared it: then the
     * database may not know it, and it goes with its last user. */
    struct sdm_path **circuits;
    int32_t n_circuits;
    int32_t room;
    struct sdm_windows windows;
} __attribute__((aligned(SDM_CACHE_LINE)));

struct sdm_ledger {
    pthread_mutex_t mutex;
    struct sdm_topology *topology;
    uint64_t unit_bytes;
    struct sdm_device_use *uses;
    struct sdm_brick *bricks;
    struct sdm_compute *computes;
    /* By position of the accelerator; 0 for none. */
    int32_t *holders;
    struct sdm_ports ports;
    struct sdm_index index;
    uint64_t capacity_bytes;
    uint64_t free_bytes;
    size_t n_circuits;
    size_t n_windows;
    size_t n_holders;
};

static inline enum sdm_index_power sdm_state_power(const struct sdm_device_use *use)
{
    return use->want_power == SDM_POWER_STATE_ON ? SDM_INDEX_POWERED : SDM_INDEX_OFF;
}

/* The memory brick with this number, which must be one. */
static inline struct sdm_brick *sdm_state_brick(const struct sdm_ledger *ledger, int32_t brick_no)
{
    return &ledger->bricks[ledger->topology->nodes[brick_no].position];
}

static inline struct sdm_compute *sdm_state_compute(const struct sdm_ledger *ledger,
                                                    int32_t compute_no)
{
    return &ledger->computes[ledger->topology->nodes[compute_no].position];
}

/* The circuit of a pair; NULL when there is none.  'compute_no' must be a compute brick. */
struct sdm_path *sdm_state_circuit(const struct sdm_ledger *ledger, int32_t compute_no,
                                   int32_t brick_no);
/* Copies a circuit, with no more hops read than it has. */
void sdm_state_copy_circuit(const struct sdm_path *circuit, struct sdm_path *path);
/* Makes a circuit of a path that sdm_ports_check() has passed. */
void sdm_state_add_circuit(struct sdm_ledger *ledger, const struct sdm_path *path);
void sdm_state_remove_circuit(struct sdm_ledger *ledger, struct sdm_path *circuit);
/* Brings the index where the brick has come; for memory bricks and accelerators. */
void sdm_state_refresh(struct sdm_ledger *ledger, int32_t device_no);
/* True when the device is there and of this kind. */
bool sdm_state_is(const struct sdm_ledger *ledger, int32_t device_no, enum sdm_device_kind kind);
/* Everything but the mutex: all free on this topology. */
void sdm_state_init(struct sdm_ledger *ledger, struct sdm_topology *topology);
void sdm_state_done(struct sdm_ledger *ledger);
