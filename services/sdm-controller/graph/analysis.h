/* What the multigraph as a whole tells: for the 'graph' control command and for reports.
 *
 * Never on the way of a plan: costs O(V + E).  Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sdm-controller/graph/ledger.h"

struct sdm_graph_analysis {
    size_t n_vertices;
    size_t n_links;
    size_t n_circuits;
    size_t n_components;
    /* Links whose loss alone cuts some bricks off. */
    size_t n_bridges;
    /* Devices whose loss alone cuts others off. */
    size_t n_cut_vertices;
};

/* Of links alone; 'n_circuits' is counted beside.  The ledger is locked by the caller, who had
 * better not do this often on a large one. */
void sdm_graph_analyse(const struct sdm_ledger *ledger, struct sdm_graph_analysis *analysis);

/* The ways to the numbers: links that a circuit's loss would not matter to are bridges too.  Writes
 * the graph as text in the DOT language, circuits as dashed edges; g_free(). */
char *sdm_graph_to_dot(const struct sdm_ledger *ledger);
