#include <stdlib.h>
#include <string.h>

#include "sdm-controller/graph/layout.h"

/* A link between switches, seen from one end. */
struct trunk {
    int32_t own_no;
    int32_t peer_no;
    int32_t port;
};

static int compare_trunks(const void *a, const void *b)
{
    const struct trunk *left = a;
    const struct trunk *right = b;

    if (left->own_no != right->own_no) {
        return left->own_no < right->own_no ? -1 : 1;
    }
    if (left->peer_no != right->peer_no) {
        return left->peer_no < right->peer_no ? -1 : 1;
    }
    return (left->port > right->port) - (left->port < right->port);
}

static GArray *collect_trunks(const struct sdm_topology *topology)
{
    GArray *trunks = g_array_new(FALSE, FALSE, sizeof(struct trunk));

    for (size_t i = 0; i < topology->spec.n_links; i++) {
        const struct sdm_link *link = &topology->spec.links[i];
        struct trunk ends[2] = {{link->a.device_no, link->b.device_no, link->a.port},
                                {link->b.device_no, link->a.device_no, link->b.port}};

        if (topology->nodes[link->a.device_no].kind >= SDM_DEVICE_KIND_ELECTRICAL &&
            topology->nodes[link->b.device_no].kind >= SDM_DEVICE_KIND_ELECTRICAL) {
            g_array_append_vals(trunks, ends, 2);
        }
    }
    g_array_sort(trunks, compare_trunks);
    return trunks;
}

static void make_bundles(struct sdm_topology *topology)
{
    g_autoptr(GArray) trunks = collect_trunks(topology);
    uint32_t n = 0;

    topology->bundles = g_new0(struct sdm_bundle, trunks->len + 1);
    topology->bundle_ports = g_new0(int32_t, trunks->len + 1);
    for (uint32_t i = 0; i < trunks->len; i++) {
        const struct trunk *trunk = &g_array_index(trunks, struct trunk, i);
        struct sdm_node *own = &topology->nodes[trunk->own_no];

        topology->bundle_ports[i] = trunk->port;
        if (own->n_bundles == 0 || topology->bundles[n - 1].peer_no != trunk->peer_no) {
            own->first_bundle = own->n_bundles == 0 ? n : own->first_bundle;
            own->n_bundles++;
            topology->bundles[n++] = (struct sdm_bundle){trunk->peer_no, i, 0};
        }
        topology->bundles[n - 1].n++;
    }
}

const struct sdm_bundle *sdm_layout_bundle(const struct sdm_topology *topology,
                                           const struct sdm_node *from, int32_t to_no)
{
    uint32_t low = from->first_bundle;
    uint32_t high = low + from->n_bundles;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (topology->bundles[middle].peer_no < to_no) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < from->first_bundle + from->n_bundles && topology->bundles[low].peer_no == to_no
               ? &topology->bundles[low]
               : NULL;
}

/* Appends the ways up from 'switch_no', shortest first: each way found is extended in turn. */
static void append_up_routes(const struct sdm_topology *topology, int32_t switch_no, GArray *routes)
{
    struct sdm_up_route start = {1, {switch_no}};
    uint32_t first = routes->len;

    g_array_append_val(routes, start);
    for (uint32_t i = first; i < routes->len; i++) {
        struct sdm_up_route route = g_array_index(routes, struct sdm_up_route, i);
        const struct sdm_node *top = &topology->nodes[route.switches[route.n - 1]];

        for (uint32_t k = 0; k < top->n_bundles && routes->len - first < SDM_MAX_UP_ROUTES; k++) {
            int32_t next = topology->bundles[top->first_bundle + k].peer_no;

            if (topology->nodes[next].level > top->level) {
                struct sdm_up_route longer = route;

                longer.switches[longer.n++] = next;
                g_array_append_val(routes, longer);
            }
        }
    }
}

static void make_up_routes(struct sdm_topology *topology)
{
    GArray *routes = g_array_new(FALSE, FALSE, sizeof(struct sdm_up_route));

    for (int32_t i = 1; i < topology->n_nodes; i++) {
        struct sdm_node *node = &topology->nodes[i];

        if (node->exists && node->kind >= SDM_DEVICE_KIND_ELECTRICAL) {
            node->first_up = routes->len;
            append_up_routes(topology, i, routes);
            node->n_up = routes->len - node->first_up;
        }
    }
    topology->up_routes = (struct sdm_up_route *)(void *)g_array_free(routes, FALSE);
}

void sdm_layout_make_fabric(struct sdm_topology *topology)
{
    make_bundles(topology);
    make_up_routes(topology);
}
