#include "sdm-controller/graph/state.h"

#include <string.h>

bool sdm_state_is(const struct sdm_ledger *ledger, int32_t device_no, enum sdm_device_kind kind)
{
    return sdm_layout_is(ledger->topology, device_no, kind);
}

/* True when a circuit that begins at a free port could leave the tray by what the port leads to. */
static bool switch_is_open(const struct sdm_ledger *ledger, int32_t peer_no)
{
    return ledger->topology->nodes[peer_no].kind != SDM_DEVICE_KIND_ELECTRICAL ||
           ledger->uses[peer_no].n_open_trunks > 0;
}

static void count_ports(struct sdm_ledger *ledger, int32_t device_no)
{
    const struct sdm_node *node = &ledger->topology->nodes[device_no];
    struct sdm_device_use *use = &ledger->uses[device_no];

    if (node->sole_switch != 0) {
        use->n_free_ports = __builtin_popcountll(ledger->ports.free_ports[device_no]);
        use->n_open_ports = switch_is_open(ledger, node->sole_switch) ? use->n_free_ports : 0;
        return;
    }
    use->n_free_ports = 0;
    use->n_open_ports = 0;
    for (int32_t i = 0; i < node->n_ports; i++) {
        const struct sdm_port *port = &ledger->topology->ports[sdm_ports_number(node, i)];

        if (port->peer_no != 0 && ledger->ports.uses[sdm_ports_number(node, i)].n_circuits == 0) {
            use->n_free_ports++;
            use->n_open_ports += switch_is_open(ledger, port->peer_no);
        }
    }
}

static struct sdm_index_entry make_entry(const struct sdm_ledger *ledger,
                                         const struct sdm_node *node,
                                         const struct sdm_device_use *use)
{
    const struct sdm_extents *free = &ledger->bricks[node->position].free;
    bool usable = use->state == SDM_BRICK_STATE_ACTIVE && free->free_bytes > 0;

    return (struct sdm_index_entry){
        .in_tray = usable && use->n_free_ports > 0,
        .is_open = usable && use->n_open_ports > 0,
        .power = sdm_state_power(use),
        .keys = {sdm_index_key(free->free_bytes / ledger->unit_bytes, node->position),
                 sdm_index_key(free->largest_bytes / ledger->unit_bytes, node->position)},
    };
}

/* What of a memory brick is kept where plans look first. */
static void note_memory(struct sdm_ledger *ledger, const struct sdm_node *node,
                        const struct sdm_device_use *use)
{
    struct sdm_brick *brick = &ledger->bricks[node->position];

    brick->state = use->state;
    brick->power = (uint8_t)sdm_state_power(use);
    brick->awake = sdm_state_awake(use);
    ledger->briefs[node->position] = (struct sdm_brief){
        use->state == SDM_BRICK_STATE_ACTIVE ? brick->free.free_bytes : SDM_BRIEF_INACTIVE,
        brick->free.largest_bytes,
    };
}

static void note_compute(struct sdm_ledger *ledger, int32_t compute_no)
{
    struct sdm_compute *compute = sdm_state_compute(ledger, compute_no);
    const struct sdm_device_use *use = &ledger->uses[compute_no];

    compute->state = use->state;
    compute->power = (uint8_t)sdm_state_power(use);
    compute->awake = sdm_state_awake(use);
}

static void place_accelerator(struct sdm_ledger *ledger, const struct sdm_node *node,
                              const struct sdm_device_use *use)
{
    sdm_index_place_accelerator(&ledger->index, node->position,
                                use->state == SDM_BRICK_STATE_ACTIVE && use->n_free_ports > 0 &&
                                    ledger->holders[node->position] == 0,
                                sdm_state_power(use));
}

void sdm_state_refresh(struct sdm_ledger *ledger, int32_t device_no)
{
    const struct sdm_node *node = &ledger->topology->nodes[device_no];
    const struct sdm_device_use *use = &ledger->uses[device_no];

    if (ledger->loading) {
        return;
    }
    if (node->kind == SDM_DEVICE_KIND_MEMORY) {
        struct sdm_index_entry entry = make_entry(ledger, node, use);

        note_memory(ledger, node, use);
        sdm_index_place(&ledger->index, node->position, &entry);
    } else if (node->kind == SDM_DEVICE_KIND_ACCELERATOR) {
        place_accelerator(ledger, node, use);
    } else if (node->kind == SDM_DEVICE_KIND_COMPUTE) {
        note_compute(ledger, device_no);
    }
}

void sdm_state_index(struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = ledger->topology;
    const int32_t *n = topology->n_of_kind;
    g_autofree struct sdm_index_entry *entries =
        g_new(struct sdm_index_entry, n[SDM_DEVICE_KIND_MEMORY] + 1);

    sdm_index_done(&ledger->index);
    sdm_index_init(&ledger->index, topology);
    for (int32_t i = 0; i < n[SDM_DEVICE_KIND_MEMORY]; i++) {
        int32_t device_no = topology->order[SDM_DEVICE_KIND_MEMORY][i];

        note_memory(ledger, &topology->nodes[device_no], &ledger->uses[device_no]);
        entries[i] = make_entry(ledger, &topology->nodes[device_no], &ledger->uses[device_no]);
    }
    sdm_index_fill(&ledger->index, entries);
    for (int32_t i = 0; i < n[SDM_DEVICE_KIND_COMPUTE]; i++) {
        note_compute(ledger, topology->order[SDM_DEVICE_KIND_COMPUTE][i]);
    }
    for (int32_t i = 0; i < n[SDM_DEVICE_KIND_ACCELERATOR]; i++) {
        int32_t device_no = topology->order[SDM_DEVICE_KIND_ACCELERATOR][i];

        place_accelerator(ledger, &topology->nodes[device_no], &ledger->uses[device_no]);
    }
}

static void recount(struct sdm_ledger *ledger, int32_t device_no)
{
    count_ports(ledger, device_no);
    sdm_state_refresh(ledger, device_no);
}

/* An optical port has got or lost its peer: the electrical switch behind it has one trunk fewer or
 * more to offer, and with the last one its bricks close, with the first one they open. */
static void trunk_changed(struct sdm_ledger *ledger, const struct sdm_port *port, int change)
{
    const struct sdm_topology *topology = ledger->topology;
    const struct sdm_node *node = &topology->nodes[port->peer_no];
    struct sdm_device_use *use = &ledger->uses[port->peer_no];
    bool was_open = use->n_open_trunks > 0;

    if (node->kind != SDM_DEVICE_KIND_ELECTRICAL) {
        return;
    }
    use->n_open_trunks += change;
    if (was_open == (use->n_open_trunks > 0)) {
        return;
    }
    for (int32_t i = 0; i < node->n_ports; i++) {
        int32_t brick_no = topology->ports[sdm_ports_number(node, i)].peer_no;

        if (brick_no != 0 && topology->nodes[brick_no].kind < SDM_DEVICE_KIND_ELECTRICAL) {
            recount(ledger, brick_no);
        }
    }
}

/* After a path was applied (change 1: ports with their first circuit) or undone (-1: with none). */
static void path_changed(struct sdm_ledger *ledger, const struct sdm_path *path, int change)
{
    uint32_t expected = change > 0 ? 1 : 0;

    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];
        const struct sdm_node *node = &ledger->topology->nodes[hop->switch_no];
        uint32_t numbers[2] = {sdm_ports_number(node, hop->in_port),
                               sdm_ports_number(node, hop->out_port)};

        for (int k = 0; k < 2 && node->kind == SDM_DEVICE_KIND_OPTICAL; k++) {
            if (ledger->ports.uses[numbers[k]].n_circuits == expected) {
                trunk_changed(ledger, &ledger->topology->ports[numbers[k]], -change);
            }
        }
    }
    recount(ledger, path->compute_no);
    recount(ledger, path->brick_no);
}

struct sdm_path *sdm_state_circuit(const struct sdm_ledger *ledger, int32_t compute_no,
                                   int32_t brick_no)
{
    const struct sdm_compute *compute = sdm_state_compute(ledger, compute_no);

    for (int32_t i = 0; i < compute->n_circuits; i++) {
        if (compute->circuits[i].brick_no == brick_no) {
            return compute->circuits[i].path;
        }
    }
    return NULL;
}

void sdm_state_copy_circuit(const struct sdm_path *circuit, struct sdm_path *path)
{
    size_t size =
        offsetof(struct sdm_path, hops) + (size_t)circuit->n_hops * sizeof circuit->hops[0];

    memset(path, 0, sizeof *path);
    memcpy(path, circuit, size);
    path->shared = true;
}

static void count_end(struct sdm_ledger *ledger, int32_t brick_no, int change)
{
    if (ledger->topology->nodes[brick_no].kind == SDM_DEVICE_KIND_MEMORY) {
        sdm_state_brick(ledger, brick_no)->n_circuits += change;
    }
}

static void make_room(struct sdm_compute *compute)
{
    if (compute->room == 0) {
        compute->circuits = compute->first;
        compute->room = SDM_COMPUTE_REFS;
    } else if (compute->n_circuits == compute->room) {
        struct sdm_circuit_ref *more = g_new(struct sdm_circuit_ref, (size_t)compute->room * 2);

        memcpy(more, compute->circuits, (size_t)compute->n_circuits * sizeof *more);
        if (compute->circuits != compute->first) {
            g_free(compute->circuits);
        }
        compute->circuits = more;
        compute->room = (uint16_t)(compute->room * 2);
    }
}

static struct sdm_circuit_ref make_ref(const struct sdm_ledger *ledger, struct sdm_path *circuit)
{
    const struct sdm_node *node = &ledger->topology->nodes[circuit->brick_no];

    return (struct sdm_circuit_ref){
        .brick_no = circuit->brick_no,
        .is_memory = node->kind == SDM_DEVICE_KIND_MEMORY,
        .n_hops = (uint32_t)circuit->n_hops & 0x7f,
        .position = (uint32_t)node->position & ((1U << SDM_INDEX_POSITION_BITS) - 1),
        .path = circuit,
    };
}

void sdm_state_add_circuit(struct sdm_ledger *ledger, const struct sdm_path *path)
{
    struct sdm_compute *compute = sdm_state_compute(ledger, path->compute_no);
    size_t size = offsetof(struct sdm_path, hops) + (size_t)path->n_hops * sizeof path->hops[0];
    struct sdm_path *circuit = g_malloc(size);
    int32_t at = compute->n_circuits;

    memcpy(circuit, path, size);
    circuit->shared = true;
    make_room(compute);
    /* By brick, so that the same circuits are walked in the same order however they came. */
    while (at > 0 && compute->circuits[at - 1].brick_no > path->brick_no) {
        compute->circuits[at] = compute->circuits[at - 1];
        at--;
    }
    compute->circuits[at] = make_ref(ledger, circuit);
    compute->n_circuits++;
    ledger->n_circuits++;
    sdm_ports_apply(&ledger->ports, path);
    count_end(ledger, path->brick_no, 1);
    path_changed(ledger, path, 1);
}

void sdm_state_remove_circuit(struct sdm_ledger *ledger, struct sdm_path *circuit)
{
    struct sdm_compute *compute = sdm_state_compute(ledger, circuit->compute_no);
    int32_t at = 0;

    while (compute->circuits[at].path != circuit) {
        at++;
    }
    compute->n_circuits--;
    memmove(&compute->circuits[at], &compute->circuits[at + 1],
            (size_t)(compute->n_circuits - at) * sizeof *compute->circuits);
    ledger->n_circuits--;
    sdm_ports_undo(&ledger->ports, circuit);
    count_end(ledger, circuit->brick_no, -1);
    path_changed(ledger, circuit, -1);
    g_free(circuit);
}

static void count_trunks(struct sdm_ledger *ledger, int32_t switch_no)
{
    const struct sdm_topology *topology = ledger->topology;
    const struct sdm_node *node = &topology->nodes[switch_no];

    for (uint32_t i = 0; i < node->n_bundles; i++) {
        ledger->uses[switch_no].n_open_trunks +=
            (int32_t)topology->bundles[node->first_bundle + i].n;
    }
}

static void init_devices(struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = ledger->topology;

    for (int32_t i = 1; i < topology->n_nodes; i++) {
        const struct sdm_device *device = topology->device_of[i];

        if (device == NULL) {
            continue;
        }
        ledger->uses[i] = (struct sdm_device_use){
            .state = (uint8_t)device->state,
            .want_power = (uint8_t)device->want_power,
            .have_power = (uint8_t)device->have_power,
        };
        ledger->n_switches_down +=
            sdm_device_kind_is_switch(device->kind) && device->state != SDM_BRICK_STATE_ACTIVE;
        if (device->kind == SDM_DEVICE_KIND_ELECTRICAL) {
            count_trunks(ledger, i);
        }
        if (device->kind == SDM_DEVICE_KIND_COMPUTE) {
            struct sdm_compute *compute = sdm_state_compute(ledger, i);

            compute->exists = true;
            compute->tray = topology->nodes[i].tray;
            compute->rack = topology->nodes[i].rack;
        }
        if (device->kind == SDM_DEVICE_KIND_MEMORY) {
            struct sdm_brick *brick = sdm_state_brick(ledger, i);

            sdm_extents_init(&brick->free, device->capacity_bytes);
            brick->capacity_bytes = device->capacity_bytes;
            brick->brick_no = i;
            brick->tray = topology->nodes[i].tray;
            brick->rack = topology->nodes[i].rack;
            ledger->free_bytes += device->capacity_bytes;
            ledger->capacity_bytes += device->capacity_bytes;
        }
    }
    for (int32_t i = 1; i < topology->n_nodes; i++) {
        if (topology->device_of[i] != NULL &&
            !sdm_device_kind_is_switch(topology->device_of[i]->kind)) {
            count_ports(ledger, i);
        }
    }
}

void sdm_state_init(struct sdm_ledger *ledger, struct sdm_topology *topology)
{
    const int32_t *n = topology->n_of_kind;

    ledger->topology = sdm_topology_ref(topology);
    ledger->unit_bytes = MAX(topology->spec.segment_unit_bytes, 1);
    ledger->uses = g_new0(struct sdm_device_use, topology->n_nodes);
    ledger->bricks = g_aligned_alloc0((size_t)n[SDM_DEVICE_KIND_MEMORY] + 1, sizeof *ledger->bricks,
                                      SDM_CACHE_LINE);
    ledger->briefs = g_new0(struct sdm_brief, n[SDM_DEVICE_KIND_MEMORY] + 1);
    ledger->computes =
        g_aligned_alloc0((size_t)topology->n_nodes, sizeof *ledger->computes, SDM_CACHE_LINE);
    ledger->holders = g_new0(int32_t, n[SDM_DEVICE_KIND_ACCELERATOR] + 1);
    sdm_ports_init(&ledger->ports, topology);
    sdm_index_init(&ledger->index, topology);
    ledger->loading = true;
    init_devices(ledger);
}

void sdm_state_done(struct sdm_ledger *ledger)
{
    const int32_t *n = ledger->topology->n_of_kind;

    for (int32_t i = 0; i < n[SDM_DEVICE_KIND_MEMORY]; i++) {
        sdm_extents_done(&ledger->bricks[i].free);
    }
    for (int32_t i = 0; i < n[SDM_DEVICE_KIND_COMPUTE]; i++) {
        struct sdm_compute *compute =
            sdm_state_compute(ledger, ledger->topology->order[SDM_DEVICE_KIND_COMPUTE][i]);

        for (int32_t k = 0; k < compute->n_circuits; k++) {
            g_free(compute->circuits[k].path);
        }
        if (compute->circuits != compute->first) {
            g_free(compute->circuits);
        }
        sdm_windows_done(&compute->windows);
    }
    sdm_index_done(&ledger->index);
    sdm_ports_done(&ledger->ports);
    g_free(ledger->uses);
    g_aligned_free(ledger->bricks);
    g_free(ledger->briefs);
    g_aligned_free(ledger->computes);
    g_free(ledger->holders);
    sdm_topology_unref(ledger->topology);
}
