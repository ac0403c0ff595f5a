#include "sdm-controller/graph/analysis.h"

#include "sdm-controller/graph/multigraph.h"

void sdm_graph_analyse(const struct sdm_ledger *ledger, struct sdm_graph_analysis *analysis)
{
    struct sdm_ledger_totals totals;
    struct sdm_multigraph links;
    igraph_vector_int_t found;
    igraph_integer_t n_components;

    sdm_ledger_totals(ledger, &totals);
    sdm_multigraph_init(&links, sdm_ledger_topology(ledger));
    igraph_vector_int_init(&found, 0);
    analysis->n_vertices = (size_t)igraph_vcount(&links.graph);
    analysis->n_links = links.n_links;
    analysis->n_circuits = totals.n_circuits;
    igraph_connected_components(&links.graph, NULL, NULL, &n_components, IGRAPH_WEAK);
    analysis->n_components = (size_t)n_components;
    igraph_bridges(&links.graph, &found);
    analysis->n_bridges = (size_t)igraph_vector_int_size(&found);
    igraph_articulation_points(&links.graph, &found);
    analysis->n_cut_vertices = (size_t)igraph_vector_int_size(&found);
    igraph_vector_int_destroy(&found);
    sdm_multigraph_done(&links);
}

char *sdm_graph_to_dot(const struct sdm_ledger *ledger)
{
    struct sdm_topology *topology = sdm_ledger_topology(ledger);
    struct sdm_multigraph multigraph;
    GString *text = g_string_new("graph sdm {\n");

    sdm_graph_materialise(&multigraph, ledger);
    for (igraph_integer_t i = 0; i < igraph_vcount(&multigraph.graph); i++) {
        const struct sdm_device *device = sdm_topology_device(topology, multigraph.device_nos[i]);

        g_string_append_printf(text, "  \"%s\" [class=%s];\n", device->id,
                               sdm_device_kind_name(device->kind));
    }
    for (igraph_integer_t i = 0; i < igraph_ecount(&multigraph.graph); i++) {
        int32_t from = multigraph.device_nos[IGRAPH_FROM(&multigraph.graph, i)];
        int32_t to = multigraph.device_nos[IGRAPH_TO(&multigraph.graph, i)];

        g_string_append_printf(text, "  \"%s\" -- \"%s\"%s;\n",
                               sdm_topology_device(topology, from)->id,
                               sdm_topology_device(topology, to)->id,
                               (size_t)i < multigraph.n_links ? "" : " [style=dashed]");
    }
    g_string_append(text, "}\n");
    sdm_multigraph_done(&multigraph);
    return g_string_free(text, FALSE);
}
