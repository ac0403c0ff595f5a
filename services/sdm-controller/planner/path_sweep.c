#include "sdm-controller/planner/path.h"

/* The sweep walks all ways from the compute brick at once, breadth first.  A state is the number of
 * the port at which a switch is reached; 'arrived_from' holds the state before, coded as below, or
 * NOT_REACHED.  An electrical switch connects any arrival with any trunk, so its first arrival
 * stands for all; of an optical switch, the first arrival at a port without peer stands for all
 * such, and a port with a peer leads to that one alone. */
enum {
    NOT_REACHED = -2,
    AT_COMPUTE = -1,
};

struct sweep {
    struct sdm_path_search *search;
    const struct sdm_topology *topology;
    GArray *queue; /* of struct arrival */
    /* By device number: the first arrival from which any other port can be reached, + 1. */
    uint32_t *open_arrival;
};

struct arrival {
    int32_t switch_no;
    int32_t in_port;
    int32_t depth;
};

static uint32_t number_of(const struct sdm_topology *topology, int32_t device_no, int32_t port)
{
    return sdm_ports_number(&topology->nodes[device_no], port);
}

static void arrive(struct sweep *sweep, int32_t from, int32_t switch_no, int32_t in_port,
                   int32_t depth)
{
    uint32_t number = number_of(sweep->topology, switch_no, in_port);
    struct arrival arrival = {switch_no, in_port, depth};

    if (sweep->search->arrived_from[number] != NOT_REACHED || depth > SDM_MAX_HOPS ||
        sweep->search->ledger->uses[switch_no].state != SDM_BRICK_STATE_ACTIVE) {
        return;
    }
    sweep->search->arrived_from[number] = from;
    g_array_append_val(sweep->queue, arrival);
}

/* Leaves a switch by one port, when that leads to another switch and has the bandwidth. */
static void leave(struct sweep *sweep, const struct arrival *arrival, int32_t out_port)
{
    const struct sdm_topology *topology = sweep->topology;
    const struct sdm_ledger *ledger = sweep->search->ledger;
    const struct sdm_port *port =
        &topology->ports[number_of(topology, arrival->switch_no, out_port)];

    if (out_port != arrival->in_port && port->peer_no != 0 &&
        topology->nodes[port->peer_no].kind >= SDM_DEVICE_KIND_ELECTRICAL &&
        ledger->ports.free_mbps[port->link] >= sweep->search->bandwidth_mbps) {
        arrive(sweep, (int32_t)number_of(topology, arrival->switch_no, arrival->in_port),
               port->peer_no, port->peer_port, arrival->depth + 1);
    }
}

static void expand(struct sweep *sweep, const struct arrival *arrival)
{
    const struct sdm_node *node = &sweep->topology->nodes[arrival->switch_no];
    const struct sdm_port_use *uses = sweep->search->ledger->ports.uses;
    int32_t peer = uses[sdm_ports_number(node, arrival->in_port)].peer;
    bool is_optical = node->kind == SDM_DEVICE_KIND_OPTICAL;

    if (is_optical && peer >= 0) {
        leave(sweep, arrival, peer);
        return;
    }
    if (sweep->open_arrival[arrival->switch_no] != 0) {
        return;
    }
    sweep->open_arrival[arrival->switch_no] = sdm_ports_number(node, arrival->in_port) + 1;
    for (uint32_t i = 0; i < node->n_bundles; i++) {
        const struct sdm_bundle *bundle = &sweep->topology->bundles[node->first_bundle + i];

        for (uint32_t k = 0; k < bundle->n; k++) {
            int32_t out = sweep->topology->bundle_ports[bundle->first + k];

            if (!is_optical || uses[sdm_ports_number(node, out)].peer < 0) {
                leave(sweep, arrival, out);
            }
        }
    }
}

static void run(struct sdm_path_search *search)
{
    const struct sdm_topology *topology = search->ledger->topology;
    struct sweep sweep = {
        .search = search,
        .topology = topology,
        .queue = g_array_new(FALSE, FALSE, sizeof(struct arrival)),
        .open_arrival = g_new0(uint32_t, topology->n_nodes),
    };

    if (search->n_ports < topology->n_ports) {
        g_free(search->arrived_from);
        search->arrived_from = g_new(int32_t, topology->n_ports);
        search->n_ports = topology->n_ports;
    }
    for (uint32_t i = 0; i < topology->n_ports; i++) {
        search->arrived_from[i] = NOT_REACHED;
    }
    for (int32_t i = 0; i < search->n_entries; i++) {
        const struct sdm_path_entry *entry = &search->entries[i];
        const struct sdm_port *port =
            &topology->ports[number_of(topology, search->compute_no, entry->port)];

        arrive(&sweep, AT_COMPUTE, port->peer_no, port->peer_port, 1);
    }
    for (guint i = 0; i < sweep.queue->len; i++) {
        struct arrival arrival = g_array_index(sweep.queue, struct arrival, i);

        expand(&sweep, &arrival);
    }
    g_array_unref(sweep.queue);
    g_free(sweep.open_arrival);
    search->swept = true;
}

/* Arrivals are few a switch: its trunks and the compute brick's own ports. */
static int32_t find_arrival(const struct sdm_path_search *search, int32_t switch_no)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_node *node = &topology->nodes[switch_no];

    for (int32_t i = 0; i < node->n_ports; i++) {
        uint32_t number = sdm_ports_number(node, i);

        if (topology->ports[number].peer_no != 0 && search->arrived_from[number] != NOT_REACHED &&
            (node->kind != SDM_DEVICE_KIND_OPTICAL ||
             search->ledger->ports.uses[number].peer < 0)) {
            return i;
        }
    }
    return -1;
}

/* The device of a port number, found by going back over the link that was taken. */
static void trace(const struct sdm_path_search *search, int32_t switch_no, int32_t in_port,
                  int32_t out_port, struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;
    struct sdm_hop hops[SDM_MAX_HOPS];
    int32_t n = 0;

    for (;;) {
        uint32_t number = number_of(topology, switch_no, in_port);
        const struct sdm_port *port = &topology->ports[number];
        int32_t from = search->arrived_from[number];

        g_assert(n < SDM_MAX_HOPS);
        hops[n++] = (struct sdm_hop){switch_no, in_port, out_port, false, false};
        if (from == AT_COMPUTE) {
            path->compute_port = port->peer_port;
            break;
        }
        switch_no = port->peer_no;
        out_port = port->peer_port;
        in_port = from - (int32_t)topology->nodes[switch_no].first_port;
    }
    path->n_hops = n;
    for (int32_t i = 0; i < n; i++) {
        path->hops[i] = hops[n - 1 - i];
    }
}

bool sdm_path_sweep(struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;
    struct sdm_path_entry exits[SDM_PATH_MAX_ENTRIES];
    int32_t n_exits;

    if (sdm_path_find(search, brick_no, path)) {
        return true;
    }
    if (!search->swept) {
        run(search);
    }
    n_exits = sdm_path_entries(search->ledger, brick_no, search->bandwidth_mbps, exits);
    for (int32_t i = 0; i < n_exits; i++) {
        int32_t in_port = find_arrival(search, exits[i].switch_no);

        if (in_port >= 0) {
            int32_t out_port =
                topology->ports[number_of(topology, brick_no, exits[i].port)].peer_port;

            trace(search, exits[i].switch_no, in_port, out_port, path);
            path->brick_port = exits[i].port;
            sdm_path_finish(search, brick_no, path);
            return true;
        }
    }
    return false;
}
