#include "sdm-controller/planner/path.h"

#include <string.h>

void sdm_path_done(struct sdm_path_search *search)
{
    g_free(search->unreachable);
    g_free(search->arrivals);
    g_free(search->open);
    g_clear_pointer(&search->queue, g_array_unref);
    g_clear_pointer(&search->reached, g_array_unref);
    memset(search, 0, sizeof *search);
}

static const struct sdm_port_use *use_of(const struct sdm_path_search *search, uint32_t number)
{
    return &search->ledger->ports.uses[number];
}

static bool has_bandwidth(const struct sdm_ledger *ledger, const struct sdm_port *port,
                          int32_t bandwidth_mbps)
{
    return bandwidth_mbps == 0 || ledger->ports.free_mbps[port->link] >= bandwidth_mbps;
}

int32_t sdm_path_entries(const struct sdm_ledger *ledger, int32_t brick_no, int32_t bandwidth_mbps,
                         struct sdm_path_entry entries[SDM_PATH_MAX_ENTRIES])
{
    const struct sdm_topology *topology = ledger->topology;
    const struct sdm_node *node = &topology->nodes[brick_no];
    int32_t n = 0;

    if (node->sole_switch != 0 && bandwidth_mbps == 0) {
        uint64_t mask = ledger->ports.free_ports[brick_no];

        if (mask == 0 || ledger->uses[node->sole_switch].state != SDM_BRICK_STATE_ACTIVE) {
            return 0;
        }
        entries[0] = (struct sdm_path_entry){node->sole_switch, __builtin_ctzll(mask)};
        return 1;
    }
    for (int32_t i = 0; i < node->n_ports && n < SDM_PATH_MAX_ENTRIES; i++) {
        const struct sdm_port *port = &topology->ports[sdm_ports_number(node, i)];
        int32_t k = 0;

        if (port->peer_no == 0 || ledger->ports.uses[sdm_ports_number(node, i)].n_circuits > 0 ||
            topology->nodes[port->peer_no].kind < SDM_DEVICE_KIND_ELECTRICAL ||
            ledger->uses[port->peer_no].state != SDM_BRICK_STATE_ACTIVE ||
            !has_bandwidth(ledger, port, bandwidth_mbps)) {
            continue;
        }
        while (k < n && entries[k].switch_no != port->peer_no) {
            k++;
        }
        if (k == n) {
            entries[n++] = (struct sdm_path_entry){port->peer_no, i};
        }
    }
    return n;
}

void sdm_path_begin(struct sdm_path_search *search, const struct sdm_ledger *ledger,
                    int32_t compute_no, int32_t bandwidth_mbps)
{
    uint32_t n = (uint32_t)ledger->topology->n_nodes;

    if (search->n_unreachable < n) {
        g_free(search->unreachable);
        search->unreachable = g_new0(uint32_t, n);
        search->n_unreachable = n;
        search->number = 0;
    }
    search->number++;
    if (search->number == 0) {
        memset(search->unreachable, 0, search->n_unreachable * sizeof *search->unreachable);
        /* Made anew by the next sweep. */
        search->n_ports = 0;
        search->n_devices = 0;
        search->number = 1;
    }
    search->ledger = ledger;
    search->compute_no = compute_no;
    search->bandwidth_mbps = bandwidth_mbps;
    search->swept = false;
    search->n_entries = -1;
}

void sdm_path_need_entries(struct sdm_path_search *search)
{
    if (search->n_entries < 0) {
        search->n_entries = sdm_path_entries(search->ledger, search->compute_no,
                                             search->bandwidth_mbps, search->entries);
    }
}

/* A cable from brick to brick. */
static bool find_direct(const struct sdm_path_search *search, int32_t brick_no,
                        struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_node *node = &topology->nodes[search->compute_no];

    for (int32_t i = 0; i < node->n_ports && node->has_cable; i++) {
        uint32_t number = sdm_ports_number(node, i);
        const struct sdm_port *port = &topology->ports[number];

        /* The other end of a cable is used when this one is. */
        if (port->peer_no == brick_no && use_of(search, number)->n_circuits == 0 &&
            has_bandwidth(search->ledger, port, search->bandwidth_mbps)) {
            path->compute_port = i;
            path->brick_port = port->peer_port;
            path->n_hops = 0;
            return true;
        }
    }
    return false;
}

/* Adds an arrival at the switch of step 'at', unless a cheaper one by the same port is there. */
static void add_state(struct sdm_path_search *search, int32_t at, struct sdm_path_state state)
{
    struct sdm_path_state *states = search->states[at];
    int32_t n = search->n_states[at];

    for (int32_t i = 0; i < n; i++) {
        if (states[i].in_port == state.in_port) {
            if (state.cost < states[i].cost) {
                states[i] = state;
            }
            return;
        }
    }
    if (n < SDM_PATH_MAX_STATES) {
        states[n] = state;
        search->n_states[at] = n + 1;
    }
}

/* From an optical switch: by the port's peer, or, if it has none, by the first port without one. */
static void step_optical(struct sdm_path_search *search, int32_t at, const struct sdm_node *node,
                         const struct sdm_bundle *bundle)
{
    const struct sdm_topology *topology = search->ledger->topology;

    for (int32_t i = 0; i < search->n_states[at]; i++) {
        const struct sdm_path_state *state = &search->states[at][i];
        int32_t peer = use_of(search, sdm_ports_number(node, state->in_port))->peer;

        for (uint32_t k = 0; k < bundle->n; k++) {
            int32_t out = topology->bundle_ports[bundle->first + k];
            uint32_t number = sdm_ports_number(node, out);
            const struct sdm_port *port = &topology->ports[number];

            if (peer >= 0 ? out != peer : use_of(search, number)->n_circuits > 0) {
                continue;
            }
            if (has_bandwidth(search->ledger, port, search->bandwidth_mbps)) {
                add_state(
                    search, at + 1,
                    (struct sdm_path_state){port->peer_port, state->cost + (peer < 0), i, out});
                break;
            }
        }
    }
}

/* From an electrical switch, whose trunks go with any port: from the cheapest arrival, by every
 * trunk whose far end is connected already, and by the first other one. */
static void step_electrical(struct sdm_path_search *search, int32_t at, const struct sdm_node *node,
                            const struct sdm_node *next, const struct sdm_bundle *bundle)
{
    const struct sdm_topology *topology = search->ledger->topology;
    bool has_fresh = false;
    int32_t best = 0;

    for (int32_t i = 1; i < search->n_states[at]; i++) {
        if (search->states[at][i].cost < search->states[at][best].cost) {
            best = i;
        }
    }
    for (uint32_t k = 0; k < bundle->n; k++) {
        int32_t out = topology->bundle_ports[bundle->first + k];
        const struct sdm_port *port = &topology->ports[sdm_ports_number(node, out)];
        bool is_fresh = use_of(search, sdm_ports_number(next, port->peer_port))->peer < 0;

        if ((is_fresh && has_fresh) ||
            !has_bandwidth(search->ledger, port, search->bandwidth_mbps)) {
            continue;
        }
        has_fresh = has_fresh || is_fresh;
        add_state(
            search, at + 1,
            (struct sdm_path_state){port->peer_port, search->states[at][best].cost, best, out});
    }
}

/* The cheapest arrival at the last switch from which the brick's port can be connected; -1 for
 * none. */
static int32_t choose_last(const struct sdm_path_search *search, int32_t at, int32_t switch_no)
{
    const struct sdm_node *node = &search->ledger->topology->nodes[switch_no];
    int32_t best = -1;

    for (int32_t i = 0; i < search->n_states[at]; i++) {
        const struct sdm_path_state *state = &search->states[at][i];

        if (node->kind == SDM_DEVICE_KIND_OPTICAL &&
            use_of(search, sdm_ports_number(node, state->in_port))->n_circuits > 0) {
            continue;
        }
        if (best < 0 || state->cost < search->states[at][best].cost) {
            best = i;
        }
    }
    return best;
}

/* Tries one route, a sequence of switches; returns the cost and fills the hops of 'path', or
 * returns -1.  Hop 'n - 1' leaves by the port that the caller knows. */
static int32_t try_route(struct sdm_path_search *search, const int32_t *switches, int32_t n,
                         int32_t in_port, int32_t out_port, struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;
    int32_t state;
    int32_t cost;

    search->states[0][0] = (struct sdm_path_state){in_port, 0, -1, -1};
    search->n_states[0] = 1;
    for (int32_t at = 0; at + 1 < n; at++) {
        const struct sdm_node *node = &topology->nodes[switches[at]];
        const struct sdm_bundle *bundle = sdm_layout_bundle(topology, node, switches[at + 1]);

        search->n_states[at + 1] = 0;
        if (search->ledger->uses[switches[at + 1]].state != SDM_BRICK_STATE_ACTIVE) {
            return -1;
        }
        if (node->kind == SDM_DEVICE_KIND_OPTICAL) {
            step_optical(search, at, node, bundle);
        } else {
            step_electrical(search, at, node, &topology->nodes[switches[at + 1]], bundle);
        }
        if (search->n_states[at + 1] == 0) {
            return -1;
        }
    }
    state = choose_last(search, n - 1, switches[n - 1]);
    if (state < 0) {
        return -1;
    }
    cost = search->states[n - 1][state].cost;
    for (int32_t at = n - 1; at >= 0; at--) {
        const struct sdm_path_state *arrival = &search->states[at][state];

        path->hops[at] = (struct sdm_hop){switches[at], arrival->in_port, out_port, false, false};
        out_port = arrival->out_port;
        state = arrival->from;
    }
    path->n_hops = n;
    return cost;
}

/* Two ways up that meet at the top make a route, unless they meet below already; 0 when not. */
static int32_t join_routes(const struct sdm_up_route *up, const struct sdm_up_route *down,
                           int32_t switches[2 * SDM_MAX_LEVELS])
{
    int32_t n = up->n;

    if (up->switches[up->n - 1] != down->switches[down->n - 1]) {
        return 0;
    }
    for (int32_t i = 0; i + 1 < up->n; i++) {
        for (int32_t k = 0; k + 1 < down->n; k++) {
            if (up->switches[i] == down->switches[k]) {
                return 0;
            }
        }
    }
    memcpy(switches, up->switches, (size_t)up->n * sizeof *switches);
    for (int32_t k = down->n - 2; k >= 0; k--) {
        switches[n++] = down->switches[k];
    }
    return n;
}

/* The cheapest of the shortest routes between the switches of two ports that work; false when none
 * does. */
static bool find_between(struct sdm_path_search *search, const struct sdm_path_entry *from,
                         const struct sdm_path_entry *to, int32_t brick_no, struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;
    const struct sdm_node *first = &topology->nodes[from->switch_no];
    const struct sdm_node *last = &topology->nodes[to->switch_no];
    int32_t in_port =
        topology->ports[sdm_ports_number(&topology->nodes[search->compute_no], from->port)]
            .peer_port;
    int32_t out_port =
        topology->ports[sdm_ports_number(&topology->nodes[brick_no], to->port)].peer_port;
    int32_t best_cost = -1;
    int32_t best_n = SDM_MAX_HOPS;

    path->compute_port = from->port;
    path->brick_port = to->port;
    if (from->switch_no == to->switch_no) {
        return try_route(search, &from->switch_no, 1, in_port, out_port, path) >= 0;
    }
    for (uint32_t i = 0; i < first->n_up; i++) {
        const struct sdm_up_route *up = &topology->up_routes[first->first_up + i];

        for (uint32_t k = 0; k < last->n_up; k++) {
            const struct sdm_up_route *down = &topology->up_routes[last->first_up + k];
            int32_t switches[2 * SDM_MAX_LEVELS];
            struct sdm_path tried;
            int32_t cost;
            int32_t n;

            if (up->n + down->n - 1 > best_n) {
                break;
            }
            n = join_routes(up, down, switches);
            cost = n > 0 ? try_route(search, switches, n, in_port, out_port, &tried) : -1;
            if (cost >= 0 && (best_cost < 0 || n < best_n || cost < best_cost)) {
                memcpy(path->hops, tried.hops, (size_t)n * sizeof tried.hops[0]);
                path->n_hops = n;
                best_cost = cost;
                best_n = n;
            }
        }
    }
    return best_cost >= 0;
}

void sdm_path_finish(const struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path)
{
    const struct sdm_topology *topology = search->ledger->topology;

    path->compute_no = search->compute_no;
    path->brick_no = brick_no;
    path->bandwidth_mbps = search->bandwidth_mbps;
    path->shared = false;
    path->n_users = 0;
    for (int32_t i = 0; i < path->n_hops; i++) {
        struct sdm_hop *hop = &path->hops[i];
        const struct sdm_node *node = &topology->nodes[hop->switch_no];

        /* A port that leads to a brick always is. */
        hop->in_exclusive =
            i == 0 || topology->ports[sdm_ports_number(node, hop->in_port)].exclusive;
        hop->out_exclusive = i + 1 == path->n_hops ||
                             topology->ports[sdm_ports_number(node, hop->out_port)].exclusive;
    }
    path->narrowest_mbps = sdm_ports_narrowest(topology, path);
}

bool sdm_path_find(struct sdm_path_search *search, int32_t brick_no, struct sdm_path *path)
{
    struct sdm_path_entry exits[SDM_PATH_MAX_ENTRIES];
    struct sdm_path found;
    int32_t n_exits;
    bool has_found = false;

    if (find_direct(search, brick_no, path)) {
        sdm_path_finish(search, brick_no, path);
        return true;
    }
    sdm_path_need_entries(search);
    n_exits = sdm_path_entries(search->ledger, brick_no, search->bandwidth_mbps, exits);
    for (int32_t i = 0; i < n_exits; i++) {
        bool reached = false;

        if (search->unreachable[exits[i].switch_no] == search->number) {
            continue;
        }
        for (int32_t k = 0; k < search->n_entries; k++) {
            if (!find_between(search, &search->entries[k], &exits[i], brick_no, &found)) {
                continue;
            }
            reached = true;
            if (!has_found || found.n_hops < path->n_hops) {
                memcpy(path, &found, sizeof found);
                has_found = true;
            }
        }
        if (!reached) {
            search->unreachable[exits[i].switch_no] = search->number;
        }
    }
    if (has_found) {
        sdm_path_finish(search, brick_no, path);
    }
    return has_found;
}

/* Follows the cross-connections from an optical port on to the electrical switch at their end; 0
 * when there is none. */
static int32_t follow(const struct sdm_path_search *search, int32_t switch_no, int32_t port)
{
    const struct sdm_topology *topology = search->ledger->topology;

    for (int i = 0; i < SDM_MAX_HOPS; i++) {
        const struct sdm_node *node = &topology->nodes[switch_no];
        int32_t peer;

        if (node->kind == SDM_DEVICE_KIND_ELECTRICAL) {
            return switch_no;
        }
        peer = use_of(search, sdm_ports_number(node, port))->peer;
        if (node->kind != SDM_DEVICE_KIND_OPTICAL || peer < 0) {
            return 0;
        }
        switch_no = topology->ports[sdm_ports_number(node, peer)].peer_no;
        port = topology->ports[sdm_ports_number(node, peer)].peer_port;
    }
    return 0;
}

static int32_t insert_tray(int32_t *trays, int32_t n, int32_t tray)
{
    int32_t at = n;

    for (int32_t i = 0; i < n; i++) {
        if (trays[i] == tray) {
            return n;
        }
    }
    if (n == SDM_PATH_MAX_TRUNKS) {
        return n;
    }
    while (at > 0 && trays[at - 1] > tray) {
        trays[at] = trays[at - 1];
        at--;
    }
    trays[at] = tray;
    return n + 1;
}

int32_t sdm_path_trunks(struct sdm_path_search *search, int32_t trays[SDM_PATH_MAX_TRUNKS])
{
    const struct sdm_topology *topology = search->ledger->topology;
    int32_t own = topology->nodes[search->compute_no].tray;
    int32_t n = 0;

    sdm_path_need_entries(search);
    for (int32_t i = 0; i < search->n_entries; i++) {
        const struct sdm_node *node = &topology->nodes[search->entries[i].switch_no];

        for (uint32_t k = 0; k < node->n_bundles && node->kind == SDM_DEVICE_KIND_ELECTRICAL; k++) {
            const struct sdm_bundle *bundle = &topology->bundles[node->first_bundle + k];

            for (uint32_t m = 0; m < bundle->n; m++) {
                int32_t out = topology->bundle_ports[bundle->first + m];
                const struct sdm_port *port = &topology->ports[sdm_ports_number(node, out)];
                int32_t end = follow(search, port->peer_no, port->peer_port);
                int32_t tray = end != 0 ? topology->nodes[end].tray : -1;

                n = tray >= 0 && tray != own ? insert_tray(trays, n, tray) : n;
            }
        }
    }
    return n;
}
