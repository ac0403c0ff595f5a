/* The undirected multigraph of D4.1 as igraph holds it: vertices are bricks and switches, edges are
 * physical links and, where asked for, the cross-connections that circuits use.
 *
 * For analysis, never on the way of a plan: making one costs O(V + E).  Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <igraph/igraph.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/graph/topology.h"

struct sdm_multigraph {
    igraph_t graph;
    /* Vertex 'v' is device 'device_nos[v]'. */
    int32_t *device_nos;
    /* Edges from 0 to below this are the links of the topology, in their order; those behind are
     * one a circuit, from its compute brick to its other brick. */
    size_t n_links;
    size_t n_circuits;
};

/* Links alone. */
void sdm_multigraph_init(struct sdm_multigraph *multigraph, const struct sdm_topology *topology);
/* Links, and every circuit of the ledger (locked by the caller) in one batch. */
void sdm_graph_materialise(struct sdm_multigraph *multigraph, const struct sdm_ledger *ledger);
void sdm_multigraph_done(struct sdm_multigraph *multigraph);
