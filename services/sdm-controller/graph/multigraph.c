#include "sdm-controller/graph/multigraph.h"

#include "sdm-controller/graph/layout.h"

/* Edges are collected first: adding one at a time rebuilds igraph's indexes each time. */
struct collect {
    igraph_vector_int_t edges;
    int32_t *vertex_of;
    size_t n_circuits;
};

static void collect_begin(struct collect *collect, const struct sdm_topology *topology,
                          struct sdm_multigraph *multigraph)
{
    const struct sdm_topology_spec *spec = &topology->spec;

    igraph_vector_int_init(&collect->edges, 0);
    collect->vertex_of = g_new0(int32_t, topology->n_nodes);
    collect->n_circuits = 0;
    multigraph->device_nos = g_new0(int32_t, spec->n_devices + 1);
    for (size_t i = 0; i < spec->n_devices; i++) {
        multigraph->device_nos[i] = spec->devices[i].device_no;
        collect->vertex_of[spec->devices[i].device_no] = (int32_t)i;
    }
    for (size_t i = 0; i < spec->n_links; i++) {
        igraph_vector_int_push_back(&collect->edges,
                                    collect->vertex_of[spec->links[i].a.device_no]);
        igraph_vector_int_push_back(&collect->edges,
                                    collect->vertex_of[spec->links[i].b.device_no]);
    }
}

static void collect_circuit(const struct sdm_path *path, void *user)
{
    struct collect *collect = user;

    igraph_vector_int_push_back(&collect->edges, collect->vertex_of[path->compute_no]);
    igraph_vector_int_push_back(&collect->edges, collect->vertex_of[path->brick_no]);
    collect->n_circuits++;
}

static void collect_end(struct collect *collect, const struct sdm_topology *topology,
                        struct sdm_multigraph *multigraph)
{
    igraph_create(&multigraph->graph, &collect->edges, (igraph_integer_t)topology->spec.n_devices,
                  IGRAPH_UNDIRECTED);
    multigraph->n_links = topology->spec.n_links;
    multigraph->n_circuits = collect->n_circuits;
    igraph_vector_int_destroy(&collect->edges);
    g_free(collect->vertex_of);
}

void sdm_multigraph_init(struct sdm_multigraph *multigraph, const struct sdm_topology *topology)
{
    struct collect collect;

    collect_begin(&collect, topology, multigraph);
    collect_end(&collect, topology, multigraph);
}

void sdm_graph_materialise(struct sdm_multigraph *multigraph, const struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = sdm_ledger_topology(ledger);
    struct collect collect;

    collect_begin(&collect, topology, multigraph);
    sdm_ledger_each_circuit(ledger, collect_circuit, &collect);
    collect_end(&collect, topology, multigraph);
}

void sdm_multigraph_done(struct sdm_multigraph *multigraph)
{
    igraph_destroy(&multigraph->graph);
    g_free(multigraph->device_nos);
}
