/* Walks the bricks of one latency class in an order of the index, without looking at any other.
 *
 * Only for the planner.  Thread rule: none of its own; a walk ends when the ledger changes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/state.h"
#include "sdm-controller/planner/path.h"
#include "sdm-controller/planner/policy.h"

/* Where a compute brick stands, and where it can go. */
struct sdm_walk_place {
    const struct sdm_ledger *ledger;
    int32_t tray;
    int32_t rack;
    /* One of its free ports can begin a new way out of the tray; known when 'n_trunks' is. */
    bool is_open;
    /* Other trays that ways which exist already lead to; 'n_trunks' is -1 until somebody looks
     * farther than the tray. */
    int32_t trunks[SDM_PATH_MAX_TRUNKS];
    int32_t n_trunks;
};

struct sdm_walk {
    const struct sdm_walk_place *place;
    enum sdm_walk_order order;
    enum sdm_index_power power;
    uint64_t units;
    /* By free bytes or by the largest extent: the sets that are merged. */
    int32_t n_orders;
    const struct sdm_order *orders[SDM_PATH_MAX_TRUNKS + 1];
    struct sdm_order_cursor cursors[SDM_PATH_MAX_TRUNKS + 1];
    uint64_t heads[SDM_PATH_MAX_TRUNKS + 1];
    bool has_head[SDM_PATH_MAX_TRUNKS + 1];
    bool has_last;
    uint64_t last;
    /* Positions of nearer classes, passed over. */
    struct sdm_range skip;
    /* By position: ranges with the tree or, in single trays, one by one.  Of positions that are
     * given: those that count. */
    int32_t n_ranges;
    int32_t range;
    struct sdm_range ranges[SDM_PATH_MAX_TRUNKS + 2];
    bool by_tree[SDM_PATH_MAX_TRUNKS + 2];
    /* Positions to be looked at, whatever the index says; see sdm_walk_begin_reached(). */
    bool only_reached;
    const int32_t *reached;
    uint32_t n_reached;
    uint32_t next_reached;
};

/* Walks bricks of 'latency_class' that are on (or off), have a free port and at least 'units' units
 * free (by largest extent in that family). */
void sdm_walk_begin(struct sdm_walk *walk, const struct sdm_walk_place *place,
                    enum sdm_latency_class latency_class, enum sdm_walk_order order,
                    enum sdm_index_family family, enum sdm_index_power power, uint64_t units);

/* Walks those of 'n' positions that are of the class, active, on (or off) and not full, in the
 * order given. */
void sdm_walk_begin_reached(struct sdm_walk *walk, const struct sdm_walk_place *place,
                            enum sdm_latency_class latency_class, enum sdm_index_power power,
                            const int32_t *positions, uint32_t n);

/* Gives the position of the next memory brick; false at the end. */
bool sdm_walk_next(struct sdm_walk *walk, int32_t *position);

/* The positions of a class: up to two ranges; returns how many. */
int32_t sdm_walk_class_ranges(const struct sdm_walk_place *place,
                              enum sdm_latency_class latency_class, struct sdm_range ranges[2]);
