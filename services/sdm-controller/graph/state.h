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

/* By position of the memory brick: what tells whether it can take part in a plan, and with which
 * extents, in two cache lines; copied here from elsewhere where that costs another. */
struct sdm_brick {
    struct sdm_extents free;
    uint64_t capacity_bytes;
    int32_t n_circuits;
    int32_t brick_no;
    int32_t tray;
    int32_t rack;
    uint8_t state; /* enum sdm_brick_state */
    uint8_t power; /* enum sdm_index_power */
    /* Wanted on and found on: nothing to wake. */
    bool awake;
} __attribute__((aligned(SDM_CACHE_LINE)));
G_STATIC_ASSERT(sizeof(struct sdm_brick) == 2 * SDM_CACHE_LINE);

/* By position of the memory brick: what counts over all bricks read, one after the other. */
struct sdm_brief {
    /* SDM_BRIEF_INACTIVE when the brick is not active. */
    uint64_t free_bytes;
    uint64_t largest_bytes;
};
#define SDM_BRIEF_INACTIVE UINT64_MAX

/* A circuit as its compute brick lists it: enough to pass it over without reading it. */
struct sdm_circuit_ref {
    int32_t brick_no;
    uint32_t is_memory : 1;
    uint32_t n_hops : 7;
    /* Of the memory brick. */
    uint32_t position : SDM_INDEX_POSITION_BITS;
    struct sdm_path *path;
};
G_STATIC_ASSERT(sizeof(struct sdm_circuit_ref) == 16);

/* So many stand in struct sdm_compute itself. */
#define SDM_COMPUTE_REFS 5

/* By device number, of compute bricks; all zero for others.  All that a plan within its circuits
 * reads of it, in two cache lines, and found without a look at anything else; copied here from
 * elsewhere like in struct sdm_brick. */
struct sdm_compute {
    /* Its circuits by brick, each allocated with the hops that it has.  'shared' of a circuit is
     * false when the claim that made it was undone while another claim shared it: then the
     * database may not know it, and it goes with its last user. */
    struct sdm_circuit_ref *circuits;
    uint16_t n_circuits;
    uint16_t room;
    int32_t tray;
    struct sdm_windows windows;
    /* What 'circuits' points to until they are more. */
    struct sdm_circuit_ref first[SDM_COMPUTE_REFS];
    int32_t rack;
    uint8_t state; /* enum sdm_brick_state */
    uint8_t power; /* enum sdm_index_power */
    /* As of a memory brick. */
    bool awake;
    bool exists;
} __attribute__((aligned(SDM_CACHE_LINE)));
G_STATIC_ASSERT(sizeof(struct sdm_compute) == 2 * SDM_CACHE_LINE);

struct sdm_ledger {
    pthread_mutex_t mutex;
    struct sdm_topology *topology;
    uint64_t unit_bytes;
    struct sdm_device_use *uses;
    struct sdm_brick *bricks;
    struct sdm_brief *briefs;
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
    /* Switches that are not active: while there are none, no circuit needs its hops looked at. */
    int32_t n_switches_down;
    /* The index is not kept up; see sdm_ledger_begin_load(). */
    bool loading;
};

static inline enum sdm_index_power sdm_state_power(const struct sdm_device_use *use)
{
    return use->want_power == SDM_POWER_STATE_ON ? SDM_INDEX_POWERED : SDM_INDEX_OFF;
}

static inline bool sdm_state_awake(const struct sdm_device_use *use)
{
    return use->want_power == SDM_POWER_STATE_ON && use->have_power == SDM_POWER_STATE_ON;
}

/* The memory brick with this number, which must be one. */
static inline struct sdm_brick *sdm_state_brick(const struct sdm_ledger *ledger, int32_t brick_no)
{
    return &ledger->bricks[sdm_layout_position(ledger->topology, brick_no)];
}

static inline struct sdm_compute *sdm_state_compute(const struct sdm_ledger *ledger,
                                                    int32_t compute_no)
{
    return &ledger->computes[compute_no];
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
/* Makes the index anew, of everything. */
void sdm_state_index(struct sdm_ledger *ledger);
/* True when the device is there and of this kind. */
bool sdm_state_is(const struct sdm_ledger *ledger, int32_t device_no, enum sdm_device_kind kind);
/* Everything but the mutex: all free on this topology, and loading. */
void sdm_state_init(struct sdm_ledger *ledger, struct sdm_topology *topology);
void sdm_state_done(struct sdm_ledger *ledger);
