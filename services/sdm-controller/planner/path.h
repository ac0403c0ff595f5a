/* The way from one compute brick to other bricks: every hop with a free port or a cross-connection
 * to share, and enough bandwidth on every link.
 *
 * First along the fabric's own hierarchy (up from the compute brick's switch to a common one and
 * down again, shortest first, fewest new cross-connections of equals); that costs the same in a
 * rack and in a data centre.  A sweep finds every other way there is, at the cost of the whole
 * fabric.
 *
 * Only for the planner.  Thread rule: a search belongs to one planner. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/state.h"
#include "sdm-controller/model/circuit.h"

/* Switches that a brick's ports lead to. */
#define SDM_PATH_MAX_ENTRIES 32
/* Ports at which a path may arrive at one switch of a route. */
#define SDM_PATH_MAX_STATES 128
/* Trays that existing cross-connections lead to. */
#define SDM_PATH_MAX_TRUNKS 128

/* A brick's lowest free port to a switch. */
struct sdm_path_entry {
    int32_t switch_no;
    int32_t port;
};

/* Arriving at a switch by a port. */
struct sdm_path_state {
    int32_t in_port;
    /* New cross-connections up to here. */
    int32_t cost;
    /* How it came: state of the switch before, and the port by which that was left. */
    int32_t from;
    int32_t out_port;
};

/* Of a sweep; both are of the search whose number they carry. */
struct sdm_path_arrival {
    uint32_t number;
    /* Number of the port by which the switch before was reached. */
    int32_t from;
};
struct sdm_path_open {
    uint32_t number;
    /* Number of the port of a switch by which it was first reached so that any port of it can be
     * left by. */
    uint32_t port;
};

struct sdm_path_search {
    const struct sdm_ledger *ledger;
    int32_t compute_no;
    int32_t bandwidth_mbps;
    struct sdm_path_entry entries[SDM_PATH_MAX_ENTRIES];
    /* -1 until the first way is searched. */
    int32_t n_entries;
    /* Switches found unreachable carry the number of this search, by device number. */
    uint32_t *unreachable;
    uint32_t n_unreachable;
    uint32_t number;
    struct sdm_path_state states[SDM_MAX_HOPS][SDM_PATH_MAX_STATES];
    int32_t n_states[SDM_MAX_HOPS];
    /* Of a sweep, by number of the port at which a switch is reached, and by device number (of
     * bricks: whether they are in 'reached'); see path_sweep.c. */
    struct sdm_path_arrival *arrivals;
    uint32_t n_ports;
    struct sdm_path_open *open;
    int32_t n_devices;
    GArray *queue;
    GArray *reached;
    bool swept;
};

/* All zero is a search that has not begun. */
void sdm_path_done(struct sdm_path_search *search);

/* Begins anew: for another compute brick, or after ports have changed. */
void sdm_path_begin(struct sdm_path_search *search, const struct sdm_ledger *ledger,
                    int32_t compute_no, int32_t bandwidth_mbps);

/* Makes 'entries' known; what searches calls it. */
void sdm_path_need_entries(struct sdm_path_search *search);

/* Finds a path by the hierarchy and writes it; false when there is none.  Cost: O(trunks of the
 * switches on the way), the same for any number of bricks. */
bool sdm_path_find(struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path);

/* Finds a shortest path of any shape; false when there is none.  Cost: O(ports of the switches that
 * can be reached) for the first brick, O(path) for the others. */
bool sdm_path_sweep(struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path);

/* Positions of the memory bricks at which any way of any shape ends, and of those that circuits
 * lead to; each once, in no order.  Valid until the search begins anew.  Cost: as the first of
 * sdm_path_sweep(). */
const int32_t *sdm_path_reached(struct sdm_path_search *search, uint32_t *n);

/* Trays other than the own one that existing cross-connections and electrical links of the compute
 * brick's switches lead to, as dense indices, ascending; returns how many. */
int32_t sdm_path_trunks(struct sdm_path_search *search, int32_t trays[SDM_PATH_MAX_TRUNKS]);

/* The switches that the free ports of a brick lead to, where the link has enough bandwidth. */
int32_t sdm_path_entries(const struct sdm_ledger *ledger, int32_t brick_no, int32_t bandwidth_mbps,
                         struct sdm_path_entry entries[SDM_PATH_MAX_ENTRIES]);

/* Fills both ends, exclusiveness and 'narrowest_mbps' of a path whose hops, ports and 'n_hops' are
 * known. */
void sdm_path_finish(const struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path);
