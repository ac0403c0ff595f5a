#include "sdm-controller/planner/path.h"

/* The sweep walks all ways from the compute brick at once, breadth first.  A state is the number of
 * the port at which a switch is reached; its arrival holds the state before, or AT_COMPUTE.  An
 * electrical switch connects any arrival with any trunk, so its first arrival stands for all; of an
 * optical switch, the first arrival at a port without peer stands for all such, and a port with a
 * peer leads to that one alone.  What an earlier search has left is told by its number, so that a
 * sweep costs what it reaches. */
enum { AT_COMPUTE = -1 };

struct step {
    int32_t switch_no;
    int32_t in_port;
    int32_t depth;
};

static uint32_t number_of(const struct sdm_topology *topology, int32_t device_no, int32_t port)
{
    return sdm_ports_number(&topology->nodes[device_no], port);
}

static void arrive(struct sdm_path_search *search, int32_t from, int32_t switch_no, int32_t in_port,
                   int32_t depth)
{
    uint32_t number = number_of(search->ledger->topology, switch_no, in_port);
    struct step step = {switch_no, in_port, depth};

    if (search->arrivals[number].number == search->number || depth > SDM_MAX_HOPS ||
        search->ledger->uses[switch_no].state != SDM_BRICK_STATE_ACTIVE) {
        return;
    }
    search->arrivals[number] = (struct sdm_path_arrival){search->number, from};
    g_array_append_val(search->queue, step);
}

/* Leaves a switch by one port, when that leads to another switch and has the bandwidth. */
static void leave(struct sdm_path_search *search, const struct step *step, int32_t out_port)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_port *port = &topology->ports[number_of(topology, step->switch_no, out_port)];

    if (out_port != step->in_port && port->peer_no != 0 &&
        topology->nodes[port->peer_no].kind >= SDM_DEVICE_KIND_ELECTRICAL &&
        search->ledger->ports.free_mbps[port->link] >= search->bandwidth_mbps) {
        arrive(search, (int32_t)number_of(topology, step->switch_no, step->in_port), port->peer_no,
               port->peer_port, step->depth + 1);
    }
}

static void note_brick(struct sdm_path_search *search, int32_t brick_no)
{
    int32_t position;

    if (!sdm_layout_is(search->ledger->topology, brick_no, SDM_DEVICE_KIND_MEMORY) ||
        search->open[brick_no].number == search->number) {
        return;
    }
    search->open[brick_no].number = search->number;
    position = sdm_layout_position(search->ledger->topology, brick_no);
    g_array_append_val(search->reached, position);
}

/* The bricks at the ports of a switch; or of the compute brick itself, by cable. */
static void note_bricks(struct sdm_path_search *search, const struct sdm_node *node)
{
    for (int32_t i = 0; i < node->n_ports; i++) {
        note_brick(search, search->ledger->topology->ports[sdm_ports_number(node, i)].peer_no);
    }
}

static void expand(struct sdm_path_search *search, const struct step *step)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_node *node = &topology->nodes[step->switch_no];
    const struct sdm_port_use *uses = search->ledger->ports.uses;
    struct sdm_path_open *open = &search->open[step->switch_no];
    uint32_t number = sdm_ports_number(node, step->in_port);
    bool is_optical = node->kind == SDM_DEVICE_KIND_OPTICAL;

    if (is_optical && uses[number].peer >= 0) {
        leave(search, step, uses[number].peer);
        return;
    }
    if (open->number == search->number) {
        return;
    }
    *open = (struct sdm_path_open){search->number, number};
    note_bricks(search, node);
    for (uint32_t i = 0; i < node->n_bundles; i++) {
        const struct sdm_bundle *bundle = &topology->bundles[node->first_bundle + i];

        for (uint32_t k = 0; k < bundle->n; k++) {
            int32_t out = topology->bundle_ports[bundle->first + k];

            if (!is_optical || uses[sdm_ports_number(node, out)].peer < 0) {
                leave(search, step, out);
            }
        }
    }
}

static void make_room(struct sdm_path_search *search)
{
    const struct sdm_topology *topology = search->ledger->topology;

    if (search->n_ports < topology->n_ports) {
        g_free(search->arrivals);
        search->arrivals = g_new0(struct sdm_path_arrival, topology->n_ports);
        search->n_ports = topology->n_ports;
    }
    if (search->n_devices < topology->n_nodes) {
        g_free(search->open);
        search->open = g_new0(struct sdm_path_open, topology->n_nodes);
        search->n_devices = topology->n_nodes;
    }
    if (search->queue == NULL) {
        search->queue = g_array_new(FALSE, FALSE, sizeof(struct step));
        search->reached = g_array_new(FALSE, FALSE, sizeof(int32_t));
    }
    g_array_set_size(search->queue, 0);
    g_array_set_size(search->reached, 0);
}

static void run(struct sdm_path_search *search)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_compute *compute = sdm_state_compute(search->ledger, search->compute_no);

    make_room(search);
    for (int32_t i = 0; i < compute->n_circuits; i++) {
        note_brick(search, compute->circuits[i].brick_no);
    }
    note_bricks(search, &topology->nodes[search->compute_no]);
    for (int32_t i = 0; i < search->n_entries; i++) {
        const struct sdm_path_entry *entry = &search->entries[i];
        const struct sdm_port *port =
            &topology->ports[number_of(topology, search->compute_no, entry->port)];

        arrive(search, AT_COMPUTE, port->peer_no, port->peer_port, 1);
    }
    for (guint i = 0; i < search->queue->len; i++) {
        struct step step = g_array_index(search->queue, struct step, i);

        expand(search, &step);
    }
    search->swept = true;
}

const int32_t *sdm_path_reached(struct sdm_path_search *search, uint32_t *n)
{
    sdm_path_need_entries(search);
    if (!search->swept) {
        run(search);
    }
    *n = search->reached->len;
    return (const int32_t *)(const void *)search->reached->data;
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
        int32_t from = search->arrivals[number].from;

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
        const struct sdm_path_open *open = &search->open[exits[i].switch_no];

        if (open->number == search->number) {
            int32_t in_port =
                (int32_t)(open->port - topology->nodes[exits[i].switch_no].first_port);
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
