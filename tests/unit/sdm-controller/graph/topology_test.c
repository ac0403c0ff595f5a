#include "sdm-controller/graph/topology.h"

#include <string.h>

#include "../pod_fixture.h"
#include "sdm-controller/graph/analysis.h"
#include "sdm-controller/graph/layout.h"
#include "sdm-controller/graph/multigraph.h"

Test(topology, looks_everything_up)
{
    struct sdm_bench_params params = pod_params();
    const struct sdm_link *link;
    struct sdm_port_ref peer;
    struct pod pod;

    pod_init(&pod, &params);
    cr_assert_eq(sdm_topology_find(pod.topology, "memory-6")->device_no, T1_M1);
    cr_assert_null(sdm_topology_find(pod.topology, "memory-4"));
    cr_assert_eq(sdm_topology_device(pod.topology, T3_ACC)->kind, SDM_DEVICE_KIND_ACCELERATOR);
    cr_assert_eq(sdm_topology_device(pod.topology, T3_ACC)->rack_no, 2, "the rack of its tray");
    cr_assert_null(sdm_topology_device(pod.topology, 0));
    cr_assert_null(sdm_topology_device(pod.topology, T4_ACC + 1));
    cr_assert_null(sdm_topology_device(pod.topology, -1));
    cr_assert_eq(sdm_topology_find_tray(pod.topology, "tray-3")->tray_no, 3);
    cr_assert_str_eq(sdm_topology_tray(pod.topology, 2)->id, "tray-2");
    cr_assert_null(sdm_topology_tray(pod.topology, 5));
    cr_assert_eq(sdm_topology_find_rack(pod.topology, "rack-2")->rack_no, 2);
    cr_assert_str_eq(sdm_topology_rack(pod.topology, 1)->id, "rack-1");
    cr_assert_eq(sdm_topology_module(pod.topology, 2)->device_no, T2_M1);
    cr_assert_null(sdm_topology_module(pod.topology, 99));
    cr_assert_eq(sdm_topology_capacity_bytes(pod.topology), 8 * 8 * POD_UNIT);
    cr_assert_eq(sdm_topology_unit_bytes(pod.topology), POD_UNIT);
    cr_assert(sdm_topology_peer(pod.topology, (struct sdm_port_ref){T1_C1, 0}, &peer, &link));
    cr_assert_eq(peer.device_no, T1_SWITCH);
    cr_assert_eq(link->bandwidth_mbps, 100000);
    cr_assert_not(sdm_topology_peer(pod.topology, (struct sdm_port_ref){T1_C1, 2}, &peer, NULL));
    cr_assert_not(sdm_topology_peer(pod.topology, (struct sdm_port_ref){T1_C1, -1}, &peer, NULL));
    cr_assert_not(sdm_topology_peer(pod.topology, (struct sdm_port_ref){99, 0}, &peer, NULL));
    cr_assert_not(
        sdm_topology_peer(pod.topology, (struct sdm_port_ref){T1_SWITCH, 17}, &peer, NULL));
    pod_done(&pod);
}

Test(topology, refuses_what_does_not_fit_and_takes_nothing)
{
    g_autoptr(sdm_topology) empty = sdm_topology_new(&(struct sdm_topology_spec){0}, NULL);
    struct sdm_topology_spec wrong = {.segment_unit_bytes = 5};
    g_autoptr(GError) error = NULL;

    cr_assert_not_null(empty);
    cr_assert_eq(sdm_topology_capacity_bytes(empty), 0);
    cr_assert_null(sdm_topology_new(&wrong, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_INVALID_TOPOLOGY);
    sdm_topology_unref(NULL);
}

Test(topology, retired_bricks_hold_nothing)
{
    struct sdm_bench_params params = pod_params();
    g_autoptr(sdm_bench_topology) made = sdm_bench_topology_new(&params);
    struct sdm_topology_spec spec = *sdm_bench_topology_spec(made);
    g_autofree struct sdm_device *devices =
        g_memdup2(spec.devices, spec.n_devices * sizeof *devices);
    g_autoptr(sdm_topology) topology = NULL;

    devices[T1_M1 - 1].state = SDM_BRICK_STATE_RETIRED;
    spec.devices = devices;
    topology = sdm_topology_new(&spec, NULL);
    cr_assert_eq(sdm_topology_capacity_bytes(topology), 7 * 8 * POD_UNIT);
}

Test(topology, ways_up_begin_at_every_switch)
{
    struct sdm_bench_params params = pod_params();
    const struct sdm_node *node;
    struct pod pod;

    pod_init(&pod, &params);
    node = &pod.topology->nodes[T1_SWITCH];
    cr_assert_eq(node->n_up, 3);
    cr_assert_eq(pod.topology->up_routes[node->first_up + 2].switches[1], RACK1_OPTICAL);
    cr_assert_eq(pod.topology->up_routes[node->first_up + 2].switches[2], POD_OPTICAL);
    cr_assert_eq(sdm_layout_bundle(pod.topology, node, RACK1_OPTICAL)->n, 2);
    cr_assert_null(sdm_layout_bundle(pod.topology, node, POD_OPTICAL));
    cr_assert_null(sdm_layout_bundle(pod.topology, node, T4_ACC));
    pod_done(&pod);
}

Test(multigraph, holds_links_and_circuits)
{
    struct sdm_bench_params params = pod_params();
    struct sdm_path path = {.compute_no = T1_C1,
                            .brick_no = T1_M1,
                            .n_hops = 1,
                            .hops = {{T1_SWITCH, 0, 4, true, true}}};
    struct sdm_graph_analysis analysis;
    struct sdm_multigraph graph;
    g_autofree char *dot = NULL;
    struct pod pod;

    pod_init(&pod, &params);
    cr_assert(sdm_ledger_add_circuit(pod.ledger, &path, NULL));
    sdm_graph_materialise(&graph, pod.ledger);
    cr_assert_eq(igraph_vcount(&graph.graph), T4_ACC);
    cr_assert_eq((size_t)igraph_ecount(&graph.graph), graph.n_links + 1);
    cr_assert_eq(graph.n_circuits, 1);
    cr_assert_eq(graph.device_nos[IGRAPH_FROM(&graph.graph, igraph_ecount(&graph.graph) - 1)] +
                     graph.device_nos[IGRAPH_TO(&graph.graph, igraph_ecount(&graph.graph) - 1)],
                 T1_C1 + T1_M1);
    sdm_multigraph_done(&graph);
    sdm_graph_analyse(pod.ledger, &analysis);
    cr_assert_eq(analysis.n_vertices, T4_ACC);
    cr_assert_eq(analysis.n_links, pod.topology->spec.n_links);
    cr_assert_eq(analysis.n_circuits, 1);
    cr_assert_eq(analysis.n_components, 1);
    cr_assert_eq(analysis.n_bridges, 0, "every cable is doubled");
    cr_assert_eq(analysis.n_cut_vertices, 7, "every switch");
    dot = sdm_graph_to_dot(pod.ledger);
    cr_assert_not_null(strstr(dot, "[style=dashed];"));
    pod_done(&pod);
}
