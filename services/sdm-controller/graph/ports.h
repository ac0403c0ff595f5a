/* What of every port, cross-connection and link is taken.
 *
 * Applying and undoing a path are exact inverses and touch nothing but the path's own ports, so
 * that the planner may apply the paths of an unfinished plan and take them back.
 *
 * Only for the layers graph and planner.  Thread rule: none of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/graph/layout.h"
#include "sdm-controller/model/circuit.h"

struct sdm_port_use {
    /* Exclusive ports in use: the other port of the cross-connection, or the own port number at the
     * end of a circuit; else -1. */
    int32_t peer;
    /* Circuits that pass or end here. */
    uint32_t n_circuits;
};

struct sdm_ports {
    /* Borrowed. */
    const struct sdm_topology *topology;
    /* By number of the port in the layout. */
    struct sdm_port_use *uses;
    /* By device number: a bit for each port that is linked and has no circuit; 0 for devices of
     * more than SDM_MASK_PORTS ports. */
    uint64_t *free_ports;
    /* By link. */
    int32_t *free_mbps;
};

void sdm_ports_init(struct sdm_ports *ports, const struct sdm_topology *topology);
void sdm_ports_done(struct sdm_ports *ports);

static inline uint32_t sdm_ports_number(const struct sdm_node *node, int32_t port)
{
    return node->first_port + (uint32_t)port;
}

/* Asks for the memory of a device's free ports ahead of a search that will read them. */
static inline void sdm_ports_prefetch(const struct sdm_ports *ports, const struct sdm_node *node,
                                      int32_t device_no)
{
    uint64_t mask = ports->free_ports[device_no];
    uint32_t first = mask != 0 ? (uint32_t)__builtin_ctzll(mask) : 0;

    __builtin_prefetch(&ports->topology->ports[node->first_port + first]);
}

/* Checks that the path is connected link by link and switch by switch, that its ports are free or
 * shareable and that every link has 'path->bandwidth_mbps' left.  Refuses PLAN_STALE with what is
 * not so.  Marks of exclusiveness in the path must be what the topology says. */
bool sdm_ports_check(const struct sdm_ports *ports, const struct sdm_path *path, GError **error);

/* Takes the ports and cross-connections of a new circuit, and the bandwidth; 'path' has been
 * checked. */
void sdm_ports_apply(struct sdm_ports *ports, const struct sdm_path *path);
void sdm_ports_undo(struct sdm_ports *ports, const struct sdm_path *path);

/* Takes (or with a negative number gives back) bandwidth on every link of a path. */
void sdm_ports_claim_bandwidth(struct sdm_ports *ports, const struct sdm_path *path,
                               int32_t bandwidth_mbps);
/* The least left on any of its links. */
int32_t sdm_ports_free_bandwidth(const struct sdm_ports *ports, const struct sdm_path *path);
/* Fills 'narrowest_mbps'. */
int32_t sdm_ports_narrowest(const struct sdm_topology *topology, const struct sdm_path *path);
