/* Bricks that a plan could use, in the orders in which plans look for them: one set a tray, a rack
 * and the pod, never one a compute brick.
 *
 * A tray's sets hold the active memory bricks with free bytes and a free port.  The sets of racks
 * and of the pod, and the trees, hold those of them that can be reached from outside their tray:
 * "open" bricks, see sdm-controller/graph/state.h.
 *
 * Only for the layers graph and planner.  Thread rule: none of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/layout.h"
#include "sdm-controller/graph/maxtree.h"
#include "sdm-controller/graph/order.h"

enum sdm_index_family {
    SDM_INDEX_BY_FREE,    /* by free bytes */
    SDM_INDEX_BY_LARGEST, /* by the largest free extent */
};
#define SDM_N_INDEX_FAMILY 2

/* On or waking; off. */
enum sdm_index_power {
    SDM_INDEX_POWERED,
    SDM_INDEX_OFF,
};
#define SDM_N_INDEX_POWER 2

struct sdm_sets {
    struct sdm_order orders[SDM_N_INDEX_FAMILY][SDM_N_INDEX_POWER];
};

/* What the index knows of a memory brick. */
struct sdm_index_entry {
    bool in_tray;
    bool is_open;
    enum sdm_index_power power;
    uint64_t keys[SDM_N_INDEX_FAMILY];
};

struct sdm_index {
    /* Borrowed. */
    const struct sdm_topology *topology;
    struct sdm_sets *trays;
    struct sdm_sets *racks;
    struct sdm_sets pod;
    /* By position of the memory brick: free units of open bricks. */
    struct sdm_maxtree trees[SDM_N_INDEX_POWER];
    /* By position. */
    struct sdm_index_entry *entries;
    /* By kind of accelerator and power: positions of those that are free. */
    struct sdm_order (*accelerators)[SDM_N_INDEX_POWER];
};

void sdm_index_init(struct sdm_index *index, const struct sdm_topology *topology);
void sdm_index_done(struct sdm_index *index);

/* A key orders by units first, then by position. */
#define SDM_INDEX_POSITION_BITS 24
#define SDM_INDEX_MAX_UNITS     ((UINT64_C(1) << (64 - SDM_INDEX_POSITION_BITS)) - 1)

static inline uint64_t sdm_index_key(uint64_t units, int32_t position)
{
    return (units < SDM_INDEX_MAX_UNITS ? units : SDM_INDEX_MAX_UNITS) << SDM_INDEX_POSITION_BITS |
           (uint32_t)position;
}

static inline int32_t sdm_index_position(uint64_t key)
{
    return (int32_t)(key & ((UINT64_C(1) << SDM_INDEX_POSITION_BITS) - 1));
}

/* Brings the entry of a memory brick where it has to be.  Cost: O(log bricks) when it moves. */
void sdm_index_place(struct sdm_index *index, int32_t position,
                     const struct sdm_index_entry *entry);
/* Places all memory bricks at once, 'entries' by position, in an index that has none yet.  Cost:
 * O(bricks log bricks), without the search and the moves that each single placement needs. */
void sdm_index_fill(struct sdm_index *index, const struct sdm_index_entry *entries);
/* Puts an accelerator in or takes it out. */
void sdm_index_place_accelerator(struct sdm_index *index, int32_t position, bool is_free,
                                 enum sdm_index_power power);
