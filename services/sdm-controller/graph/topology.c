#include "sdm-controller/graph/topology.h"

#include <stdlib.h>
#include <string.h>

#include "sdm-controller/graph/layout.h"

/* Sorts by rack, tray and number; devices outside trays and racks come last. */
static int compare_places(const void *a, const void *b)
{
    const struct sdm_device *left = *(const struct sdm_device *const *)a;
    const struct sdm_device *right = *(const struct sdm_device *const *)b;
    uint32_t keys[2][3] = {
        {(uint32_t)left->rack_no - 1, (uint32_t)left->tray_no - 1, (uint32_t)left->device_no},
        {(uint32_t)right->rack_no - 1, (uint32_t)right->tray_no - 1, (uint32_t)right->device_no},
    };

    for (int i = 0; i < 3; i++) {
        if (keys[0][i] != keys[1][i]) {
            return keys[0][i] < keys[1][i] ? -1 : 1;
        }
    }
    return 0;
}

static void copy_spec(struct sdm_topology *topology, const struct sdm_topology_spec *spec)
{
    g_autoptr(GHashTable) racks = g_hash_table_new(NULL, NULL);
    struct sdm_device *devices = g_memdup2(spec->devices, spec->n_devices * sizeof *devices);

    for (size_t i = 0; i < spec->n_trays; i++) {
        g_hash_table_insert(racks, GINT_TO_POINTER(spec->trays[i].tray_no),
                            GINT_TO_POINTER(spec->trays[i].rack_no));
    }
    for (size_t i = 0; i < spec->n_devices; i++) {
        if (devices[i].tray_no != 0) {
            devices[i].rack_no =
                GPOINTER_TO_INT(g_hash_table_lookup(racks, GINT_TO_POINTER(devices[i].tray_no)));
        }
    }
    topology->spec = *spec;
    topology->spec.segments_end_bytes = NULL;
    topology->spec.devices = devices;
    topology->spec.racks = g_memdup2(spec->racks, spec->n_racks * sizeof *spec->racks);
    topology->spec.trays = g_memdup2(spec->trays, spec->n_trays * sizeof *spec->trays);
    topology->spec.links = g_memdup2(spec->links, spec->n_links * sizeof *spec->links);
}

static void make_names(struct sdm_topology *topology)
{
    const struct sdm_topology_spec *spec = &topology->spec;

    topology->device_by_id = g_hash_table_new(g_str_hash, g_str_equal);
    topology->tray_by_id = g_hash_table_new(g_str_hash, g_str_equal);
    topology->tray_by_no = g_hash_table_new(NULL, NULL);
    topology->rack_by_id = g_hash_table_new(g_str_hash, g_str_equal);
    topology->rack_by_no = g_hash_table_new(NULL, NULL);
    topology->device_by_module = g_hash_table_new(NULL, NULL);
    for (size_t i = 0; i < spec->n_racks; i++) {
        g_hash_table_insert(topology->rack_by_id, (void *)spec->racks[i].id,
                            (void *)&spec->racks[i]);
        g_hash_table_insert(topology->rack_by_no, GINT_TO_POINTER(spec->racks[i].rack_no),
                            (void *)&spec->racks[i]);
    }
    for (size_t i = 0; i < spec->n_trays; i++) {
        g_hash_table_insert(topology->tray_by_id, (void *)spec->trays[i].id,
                            (void *)&spec->trays[i]);
        g_hash_table_insert(topology->tray_by_no, GINT_TO_POINTER(spec->trays[i].tray_no),
                            (void *)&spec->trays[i]);
    }
    for (size_t i = 0; i < spec->n_devices; i++) {
        const struct sdm_device *device = &spec->devices[i];

        g_hash_table_insert(topology->device_by_id, (void *)device->id, (void *)device);
        if (device->kind == SDM_DEVICE_KIND_MEMORY) {
            uint64_t bytes = device->state != SDM_BRICK_STATE_RETIRED ? device->capacity_bytes : 0;

            g_hash_table_insert(topology->device_by_module, GUINT_TO_POINTER(device->module),
                                (void *)device);
            topology->capacity_bytes += bytes;
            topology->largest_capacity_bytes = MAX(topology->largest_capacity_bytes, bytes);
        }
    }
}

/* Racks and trays get dense indices in the order in which the devices, once sorted, name them. */
struct places {
    GHashTable *racks;
    GHashTable *trays;
};

static int32_t dense(GHashTable *table, int32_t number)
{
    gpointer value;

    if (number == 0) {
        return -1;
    }
    if (!g_hash_table_lookup_extended(table, GINT_TO_POINTER(number), NULL, &value)) {
        value = GINT_TO_POINTER((int)g_hash_table_size(table));
        g_hash_table_insert(table, GINT_TO_POINTER(number), value);
    }
    return GPOINTER_TO_INT(value);
}

static void extend_range(struct sdm_group *group, uint8_t kind, int32_t position)
{
    struct sdm_range *range = &group->bricks[kind];

    if (range->first == range->end) {
        range->first = position;
    }
    range->end = position + 1;
}

static uint8_t level_of(const struct sdm_device *device)
{
    int scope = device->tray_no != 0 ? 0 : device->rack_no != 0 ? 1 : 2;

    return (uint8_t)(scope * 2 + (device->kind == SDM_DEVICE_KIND_OPTICAL));
}

static void place(struct sdm_topology *topology, struct places *places,
                  const struct sdm_device *device)
{
    struct sdm_node *node = &topology->nodes[device->device_no];

    *node = (struct sdm_node){
        .exists = true,
        .kind = (uint8_t)device->kind,
        .level = level_of(device),
        .tray = dense(places->trays, device->tray_no),
        .rack = dense(places->racks, device->rack_no),
        .position = topology->n_of_kind[device->kind]++,
        .n_ports = device->n_ports,
        .first_port = topology->n_ports,
    };
    topology->n_ports += (uint32_t)device->n_ports;
    topology->places[device->device_no] =
        (uint32_t)device->kind << SDM_PLACE_KIND_SHIFT | (uint32_t)node->position;
    topology->device_of[device->device_no] = device;
    topology->order[device->kind][node->position] = device->device_no;
    if (!sdm_device_kind_is_switch(device->kind)) {
        topology->trays[node->tray].rack = node->rack;
        topology->racks[node->rack].rack = node->rack;
        extend_range(&topology->trays[node->tray], node->kind, node->position);
        extend_range(&topology->racks[node->rack], node->kind, node->position);
    }
}

static void make_nodes(struct sdm_topology *topology)
{
    const struct sdm_topology_spec *spec = &topology->spec;
    g_autofree const struct sdm_device **sorted = g_new(const struct sdm_device *, spec->n_devices);
    g_autoptr(GHashTable) racks = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) trays = g_hash_table_new(NULL, NULL);
    struct places places = {racks, trays};

    topology->n_nodes = 1;
    for (size_t i = 0; i < spec->n_devices; i++) {
        sorted[i] = &spec->devices[i];
        topology->n_nodes = MAX(topology->n_nodes, spec->devices[i].device_no + 1);
    }
    if (spec->n_devices > 0) {
        qsort(sorted, spec->n_devices, sizeof *sorted, compare_places);
    }
    topology->nodes =
        g_aligned_alloc0((size_t)topology->n_nodes, sizeof(struct sdm_node), SDM_CACHE_LINE);
    topology->places = g_new(uint32_t, topology->n_nodes);
    memset(topology->places, 0xff, (size_t)topology->n_nodes * sizeof *topology->places);
    topology->device_of = g_new0(const struct sdm_device *, topology->n_nodes);
    topology->trays = g_new0(struct sdm_group, spec->n_trays + 1);
    topology->racks = g_new0(struct sdm_group, spec->n_racks + 1);
    for (int kind = 0; kind < SDM_N_DEVICE_KIND; kind++) {
        topology->order[kind] = g_new0(int32_t, spec->n_devices + 1);
    }
    for (size_t i = 0; i < spec->n_devices; i++) {
        place(topology, &places, sorted[i]);
    }
    topology->n_trays = (int32_t)g_hash_table_size(trays);
    topology->n_racks = (int32_t)g_hash_table_size(racks);
}

static void make_port(struct sdm_topology *topology, size_t link, const struct sdm_port_ref *own,
                      const struct sdm_port_ref *peer)
{
    struct sdm_node *node = &topology->nodes[own->device_no];
    const struct sdm_node *far = &topology->nodes[peer->device_no];

    node->has_cable = node->has_cable || (node->kind < SDM_DEVICE_KIND_ELECTRICAL &&
                                          far->kind < SDM_DEVICE_KIND_ELECTRICAL);
    topology->ports[node->first_port + (uint32_t)own->port] = (struct sdm_port){
        .peer_no = peer->device_no,
        .peer_port = peer->port,
        .link = (uint32_t)link & INT32_MAX,
        .bandwidth_mbps = topology->spec.links[link].bandwidth_mbps,
        .exclusive =
            node->kind != SDM_DEVICE_KIND_ELECTRICAL || far->kind < SDM_DEVICE_KIND_ELECTRICAL,
    };
}

static int32_t find_sole_switch(const struct sdm_topology *topology, const struct sdm_node *node)
{
    int32_t sole = 0;

    for (int32_t i = 0; i < node->n_ports; i++) {
        int32_t peer_no = topology->ports[node->first_port + (uint32_t)i].peer_no;

        if (peer_no == 0 || peer_no == sole) {
            continue;
        }
        if (sole != 0 || topology->nodes[peer_no].kind < SDM_DEVICE_KIND_ELECTRICAL) {
            return 0;
        }
        sole = peer_no;
    }
    return sole;
}

static void find_sole_switches(struct sdm_topology *topology)
{
    for (int32_t i = 1; i < topology->n_nodes; i++) {
        struct sdm_node *node = &topology->nodes[i];

        if (node->exists && node->kind < SDM_DEVICE_KIND_ELECTRICAL &&
            node->n_ports <= SDM_MASK_PORTS) {
            node->sole_switch = find_sole_switch(topology, node);
        }
    }
}

static void make_ports(struct sdm_topology *topology)
{
    topology->ports =
        g_aligned_alloc0((size_t)topology->n_ports + 1, sizeof *topology->ports, SDM_CACHE_LINE);
    for (size_t i = 0; i < topology->spec.n_links; i++) {
        const struct sdm_link *link = &topology->spec.links[i];

        make_port(topology, i, &link->a, &link->b);
        make_port(topology, i, &link->b, &link->a);
    }
    find_sole_switches(topology);
}

static void make_accelerator_kinds(struct sdm_topology *topology)
{
    int32_t n = topology->n_of_kind[SDM_DEVICE_KIND_ACCELERATOR];

    topology->accelerator_kinds = g_hash_table_new(g_str_hash, g_str_equal);
    topology->accelerator_kind = g_new0(int32_t, n + 1);
    for (int32_t i = 0; i < n; i++) {
        int32_t device_no = topology->order[SDM_DEVICE_KIND_ACCELERATOR][i];
        const char *kind = topology->device_of[device_no]->accelerator_kind;
        gpointer number;

        if (!g_hash_table_lookup_extended(topology->accelerator_kinds, kind, NULL, &number)) {
            number = GINT_TO_POINTER(topology->n_accelerator_kinds++);
            g_hash_table_insert(topology->accelerator_kinds, (void *)kind, number);
        }
        topology->accelerator_kind[i] = GPOINTER_TO_INT(number);
    }
}

struct sdm_topology *sdm_topology_new(const struct sdm_topology_spec *spec, GError **error)
{
    struct sdm_topology *topology;

    if (!sdm_topology_check(spec, error)) {
        return NULL;
    }
    topology = g_new0(struct sdm_topology, 1);
    topology->refs = 1;
    copy_spec(topology, spec);
    make_names(topology);
    make_nodes(topology);
    make_ports(topology);
    make_accelerator_kinds(topology);
    sdm_layout_make_fabric(topology);
    return topology;
}

struct sdm_topology *sdm_topology_ref(struct sdm_topology *topology)
{
    g_atomic_int_inc(&topology->refs);
    return topology;
}

void sdm_topology_unref(struct sdm_topology *topology)
{
    if (topology == NULL || !g_atomic_int_dec_and_test(&topology->refs)) {
        return;
    }
    g_hash_table_unref(topology->device_by_id);
    g_hash_table_unref(topology->tray_by_id);
    g_hash_table_unref(topology->tray_by_no);
    g_hash_table_unref(topology->rack_by_id);
    g_hash_table_unref(topology->rack_by_no);
    g_hash_table_unref(topology->device_by_module);
    g_hash_table_unref(topology->accelerator_kinds);
    g_free((void *)topology->spec.racks);
    g_free((void *)topology->spec.trays);
    g_free((void *)topology->spec.devices);
    g_free((void *)topology->spec.links);
    g_free(topology->places);
    g_aligned_free(topology->nodes);
    g_free((void *)topology->device_of);
    g_aligned_free(topology->ports);
    for (int kind = 0; kind < SDM_N_DEVICE_KIND; kind++) {
        g_free(topology->order[kind]);
    }
    g_free(topology->accelerator_kind);
    g_free(topology->trays);
    g_free(topology->racks);
    g_free(topology->bundles);
    g_free(topology->bundle_ports);
    g_free(topology->up_routes);
    g_free(topology);
}

const struct sdm_topology_spec *sdm_topology_spec(const struct sdm_topology *topology)
{
    return &topology->spec;
}

const struct sdm_device *sdm_topology_device(const struct sdm_topology *topology, int32_t device_no)
{
    return sdm_layout_node(topology, device_no) != NULL ? topology->device_of[device_no] : NULL;
}

const struct sdm_device *sdm_topology_find(const struct sdm_topology *topology, const char *id)
{
    return g_hash_table_lookup(topology->device_by_id, id);
}

const struct sdm_tray *sdm_topology_tray(const struct sdm_topology *topology, int32_t tray_no)
{
    return g_hash_table_lookup(topology->tray_by_no, GINT_TO_POINTER(tray_no));
}

const struct sdm_tray *sdm_topology_find_tray(const struct sdm_topology *topology, const char *id)
{
    return g_hash_table_lookup(topology->tray_by_id, id);
}

const struct sdm_rack *sdm_topology_rack(const struct sdm_topology *topology, int32_t rack_no)
{
    return g_hash_table_lookup(topology->rack_by_no, GINT_TO_POINTER(rack_no));
}

const struct sdm_rack *sdm_topology_find_rack(const struct sdm_topology *topology, const char *id)
{
    return g_hash_table_lookup(topology->rack_by_id, id);
}

const struct sdm_device *sdm_topology_module(const struct sdm_topology *topology, uint32_t module)
{
    return g_hash_table_lookup(topology->device_by_module, GUINT_TO_POINTER(module));
}

bool sdm_topology_peer(const struct sdm_topology *topology, struct sdm_port_ref port,
                       struct sdm_port_ref *peer, const struct sdm_link **link)
{
    const struct sdm_node *node = sdm_layout_node(topology, port.device_no);
    const struct sdm_port *slot;

    if (node == NULL || port.port < 0 || port.port >= node->n_ports) {
        return false;
    }
    slot = &topology->ports[node->first_port + (uint32_t)port.port];
    if (slot->peer_no == 0) {
        return false;
    }
    *peer = (struct sdm_port_ref){slot->peer_no, slot->peer_port};
    if (link != NULL) {
        *link = &topology->spec.links[slot->link];
    }
    return true;
}

uint64_t sdm_topology_capacity_bytes(const struct sdm_topology *topology)
{
    return topology->capacity_bytes;
}
