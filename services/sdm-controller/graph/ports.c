#include "sdm-controller/graph/ports.h"

#include "lib/base/error.h"

static void mark_free(struct sdm_ports *ports, int32_t device_no)
{
    const struct sdm_node *node = &ports->topology->nodes[device_no];

    for (int32_t i = 0; i < node->n_ports && node->n_ports <= SDM_MASK_PORTS; i++) {
        if (ports->topology->ports[sdm_ports_number(node, i)].peer_no != 0) {
            ports->free_ports[device_no] |= UINT64_C(1) << i;
        }
    }
}

void sdm_ports_init(struct sdm_ports *ports, const struct sdm_topology *topology)
{
    ports->topology = topology;
    ports->uses = g_new(struct sdm_port_use, topology->n_ports + 1);
    for (uint32_t i = 0; i < topology->n_ports; i++) {
        ports->uses[i] = (struct sdm_port_use){-1, 0};
    }
    ports->free_ports = g_new0(uint64_t, topology->n_nodes);
    for (int32_t i = 1; i < topology->n_nodes; i++) {
        mark_free(ports, i);
    }
    ports->free_mbps = g_new(int32_t, topology->spec.n_links + 1);
    for (size_t i = 0; i < topology->spec.n_links; i++) {
        ports->free_mbps[i] = topology->spec.links[i].bandwidth_mbps;
    }
}

void sdm_ports_done(struct sdm_ports *ports)
{
    g_free(ports->uses);
    g_free(ports->free_ports);
    g_free(ports->free_mbps);
}

static const char *name_of(const struct sdm_ports *ports, int32_t device_no)
{
    return ports->topology->device_of[device_no]->id;
}

/* The layout's port, or NULL when the device or the port is not there or nothing is linked. */
static const struct sdm_port *find_port(const struct sdm_topology *topology, int32_t device_no,
                                        int32_t port)
{
    const struct sdm_node *node = sdm_layout_node(topology, device_no);
    const struct sdm_port *slot;

    if (node == NULL || port < 0 || port >= node->n_ports) {
        return NULL;
    }
    slot = &topology->ports[sdm_ports_number(node, port)];
    return slot->peer_no != 0 ? slot : NULL;
}

/* A cable from one port to the other, with enough bandwidth. */
static bool check_link(const struct sdm_ports *ports, struct sdm_port_ref from,
                       struct sdm_port_ref to, int32_t bandwidth_mbps, GError **error)
{
    const struct sdm_port *slot = find_port(ports->topology, from.device_no, from.port);

    if (slot == NULL || slot->peer_no != to.device_no || slot->peer_port != to.port) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "no link joins port %d of device %d and port %d of device %d", from.port,
                          from.device_no, to.port, to.device_no);
    }
    if (ports->free_mbps[slot->link] < bandwidth_mbps) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "need %d Mbit/s on the link at port %d of '%s', %d are left",
                          bandwidth_mbps, from.port, name_of(ports, from.device_no),
                          ports->free_mbps[slot->link]);
    }
    return true;
}

static bool check_end(const struct sdm_ports *ports, int32_t device_no, int32_t port,
                      GError **error)
{
    const struct sdm_node *node = &ports->topology->nodes[device_no];

    if (ports->uses[sdm_ports_number(node, port)].n_circuits > 0) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "port %d of '%s' has a circuit", port,
                          name_of(ports, device_no));
    }
    return true;
}

static bool check_peer(const struct sdm_ports *ports, const struct sdm_node *node,
                       const struct sdm_hop *hop, int32_t port, int32_t peer, GError **error)
{
    const struct sdm_port *slot = &ports->topology->ports[sdm_ports_number(node, port)];
    const struct sdm_port_use *use = &ports->uses[sdm_ports_number(node, port)];

    if (slot->exclusive && use->n_circuits > 0 && use->peer != peer) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "port %d of '%s' is connected to port %d, not %d", port,
                          name_of(ports, hop->switch_no), use->peer, peer);
    }
    return true;
}

static bool check_hop(const struct sdm_ports *ports, const struct sdm_hop *hop, GError **error)
{
    const struct sdm_node *node = sdm_layout_node(ports->topology, hop->switch_no);

    if (node == NULL || node->kind < SDM_DEVICE_KIND_ELECTRICAL || hop->in_port == hop->out_port ||
        find_port(ports->topology, hop->switch_no, hop->in_port) == NULL ||
        find_port(ports->topology, hop->switch_no, hop->out_port) == NULL) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "device %d cannot connect its ports %d and %d", hop->switch_no,
                          hop->in_port, hop->out_port);
    }
    if (hop->in_exclusive !=
            ports->topology->ports[sdm_ports_number(node, hop->in_port)].exclusive ||
        hop->out_exclusive !=
            ports->topology->ports[sdm_ports_number(node, hop->out_port)].exclusive) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "ports %d and %d of '%s' are not exclusive as planned", hop->in_port,
                          hop->out_port, name_of(ports, hop->switch_no));
    }
    return check_peer(ports, node, hop, hop->in_port, hop->out_port, error) &&
           check_peer(ports, node, hop, hop->out_port, hop->in_port, error);
}

bool sdm_ports_check(const struct sdm_ports *ports, const struct sdm_path *path, GError **error)
{
    struct sdm_port_ref from = {path->compute_no, path->compute_port};
    struct sdm_port_ref to = {path->brick_no, path->brick_port};

    if (path->n_hops < 0 || path->n_hops > SDM_MAX_HOPS) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "a path of %d hops", path->n_hops);
    }
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];

        if (!check_hop(ports, hop, error) ||
            !check_link(ports, from, (struct sdm_port_ref){hop->switch_no, hop->in_port},
                        path->bandwidth_mbps, error)) {
            return false;
        }
        from = (struct sdm_port_ref){hop->switch_no, hop->out_port};
    }
    return check_link(ports, from, to, path->bandwidth_mbps, error) &&
           check_end(ports, path->compute_no, path->compute_port, error) &&
           check_end(ports, path->brick_no, path->brick_port, error);
}

/* One more or one fewer circuit at a port. */
static void count(struct sdm_ports *ports, int32_t device_no, int32_t port, int32_t peer,
                  int change)
{
    const struct sdm_node *node = &ports->topology->nodes[device_no];
    uint32_t number = sdm_ports_number(node, port);
    struct sdm_port_use *use = &ports->uses[number];

    use->n_circuits += (uint32_t)change;
    use->peer = use->n_circuits > 0 && ports->topology->ports[number].exclusive ? peer : -1;
    if (node->n_ports <= SDM_MASK_PORTS) {
        uint64_t bit = UINT64_C(1) << port;

        ports->free_ports[device_no] =
            (ports->free_ports[device_no] & ~bit) | (use->n_circuits == 0 ? bit : 0);
    }
}

static void count_all(struct sdm_ports *ports, const struct sdm_path *path, int change)
{
    count(ports, path->compute_no, path->compute_port, path->compute_port, change);
    count(ports, path->brick_no, path->brick_port, path->brick_port, change);
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];

        count(ports, hop->switch_no, hop->in_port, hop->out_port, change);
        count(ports, hop->switch_no, hop->out_port, hop->in_port, change);
    }
}

void sdm_ports_apply(struct sdm_ports *ports, const struct sdm_path *path)
{
    count_all(ports, path, 1);
    sdm_ports_claim_bandwidth(ports, path, path->bandwidth_mbps);
}

void sdm_ports_undo(struct sdm_ports *ports, const struct sdm_path *path)
{
    count_all(ports, path, -1);
    sdm_ports_claim_bandwidth(ports, path, -path->bandwidth_mbps);
}

static uint32_t link_of(const struct sdm_topology *topology, int32_t device_no, int32_t port)
{
    return topology->ports[sdm_ports_number(&topology->nodes[device_no], port)].link;
}

void sdm_ports_claim_bandwidth(struct sdm_ports *ports, const struct sdm_path *path,
                               int32_t bandwidth_mbps)
{
    if (bandwidth_mbps == 0) {
        return;
    }
    ports->free_mbps[link_of(ports->topology, path->compute_no, path->compute_port)] -=
        bandwidth_mbps;
    for (int32_t i = 0; i < path->n_hops; i++) {
        ports->free_mbps[link_of(ports->topology, path->hops[i].switch_no,
                                 path->hops[i].out_port)] -= bandwidth_mbps;
    }
}

int32_t sdm_ports_free_bandwidth(const struct sdm_ports *ports, const struct sdm_path *path)
{
    int32_t least =
        ports->free_mbps[link_of(ports->topology, path->compute_no, path->compute_port)];

    for (int32_t i = 0; i < path->n_hops; i++) {
        least = MIN(least, ports->free_mbps[link_of(ports->topology, path->hops[i].switch_no,
                                                    path->hops[i].out_port)]);
    }
    return least;
}

static int32_t width_of(const struct sdm_topology *topology, int32_t device_no, int32_t port)
{
    return topology->ports[sdm_ports_number(&topology->nodes[device_no], port)].bandwidth_mbps;
}

int32_t sdm_ports_narrowest(const struct sdm_topology *topology, const struct sdm_path *path)
{
    int32_t least = MIN(width_of(topology, path->compute_no, path->compute_port),
                        width_of(topology, path->brick_no, path->brick_port));

    for (int32_t i = 0; i + 1 < path->n_hops; i++) {
        least = MIN(least, width_of(topology, path->hops[i].switch_no, path->hops[i].out_port));
    }
    return least;
}
