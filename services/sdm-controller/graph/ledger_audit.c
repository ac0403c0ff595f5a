#include <inttypes.h>

#include "sdm-controller/graph/state.h"

/* What the audit counts again from the ground up. */
struct audit {
    const struct sdm_ledger *ledger;
    uint32_t *n_circuits; /* by port */
    int64_t *claimed;     /* by link */
    size_t n_paths;
};

static void count_port(struct audit *audit, int32_t device_no, int32_t port)
{
    audit->n_circuits[sdm_ports_number(&audit->ledger->topology->nodes[device_no], port)]++;
}

static void count_link(struct audit *audit, int32_t device_no, int32_t port, int32_t bandwidth_mbps)
{
    const struct sdm_topology *topology = audit->ledger->topology;
    uint32_t number = sdm_ports_number(&topology->nodes[device_no], port);

    audit->claimed[topology->ports[number].link] += bandwidth_mbps;
}

static void count_path(const struct sdm_path *path, void *user)
{
    struct audit *audit = user;

    audit->n_paths++;
    count_port(audit, path->compute_no, path->compute_port);
    count_port(audit, path->brick_no, path->brick_port);
    count_link(audit, path->compute_no, path->compute_port, path->bandwidth_mbps);
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];

        count_port(audit, hop->switch_no, hop->in_port);
        count_port(audit, hop->switch_no, hop->out_port);
        count_link(audit, hop->switch_no, hop->out_port, path->bandwidth_mbps);
    }
}

static uint64_t free_ports(const struct audit *audit, int32_t device_no)
{
    const struct sdm_topology *topology = audit->ledger->topology;
    const struct sdm_node *node = &topology->nodes[device_no];
    uint64_t mask = 0;

    for (int32_t i = 0; i < node->n_ports && node->n_ports <= SDM_MASK_PORTS; i++) {
        uint32_t number = sdm_ports_number(node, i);

        if (topology->ports[number].peer_no != 0 && audit->n_circuits[number] == 0) {
            mask |= UINT64_C(1) << i;
        }
    }
    return mask;
}

static char *audit_ports(const struct audit *audit)
{
    const struct sdm_ledger *ledger = audit->ledger;

    for (uint32_t i = 0; i < ledger->topology->n_ports; i++) {
        const struct sdm_port_use *use = &ledger->ports.uses[i];
        bool connected = use->n_circuits > 0 && ledger->topology->ports[i].exclusive;

        if (use->n_circuits != audit->n_circuits[i]) {
            return g_strdup_printf("port %u counts %u circuits, %u pass", i, use->n_circuits,
                                   audit->n_circuits[i]);
        }
        if (connected != (use->peer >= 0)) {
            return g_strdup_printf("port %u has peer %d with %u circuits", i, use->peer,
                                   use->n_circuits);
        }
    }
    for (int32_t i = 1; i < ledger->topology->n_nodes; i++) {
        if (ledger->ports.free_ports[i] != free_ports(audit, i)) {
            return g_strdup_printf("device %d has a wrong mask of free ports", i);
        }
    }
    for (size_t i = 0; i < ledger->topology->spec.n_links; i++) {
        int64_t left = ledger->topology->spec.links[i].bandwidth_mbps - audit->claimed[i];

        if (left != ledger->ports.free_mbps[i] || left < 0) {
            return g_strdup_printf("link %zu has %d Mbit/s left, counted %" PRId64, i,
                                   ledger->ports.free_mbps[i], left);
        }
    }
    return NULL;
}

static char *audit_extents(const struct sdm_ledger *ledger)
{
    uint64_t pod = 0;

    for (int32_t i = 0; i < ledger->topology->n_of_kind[SDM_DEVICE_KIND_MEMORY]; i++) {
        const struct sdm_extents *free = &ledger->bricks[i].free;
        uint64_t sum = 0;
        uint64_t largest = 0;
        uint64_t end = 0;

        for (uint32_t k = 0; k < free->n; k++) {
            const struct sdm_free_extent *item = &free->items[k];

            if (item->size_bytes == 0 || (k > 0 && item->offset_bytes <= end)) {
                return g_strdup_printf("brick at %d: extent %u is out of order", i, k);
            }
            end = item->offset_bytes + item->size_bytes;
            sum += item->size_bytes;
            largest = MAX(largest, item->size_bytes);
        }
        if (end > ledger->bricks[i].capacity_bytes || sum != free->free_bytes ||
            largest != free->largest_bytes) {
            return g_strdup_printf("brick at %d: %" PRIu64 " free, counted %" PRIu64, i,
                                   free->free_bytes, sum);
        }
        pod += sum;
    }
    return pod == ledger->free_bytes ? NULL
                                     : g_strdup_printf("%" PRIu64 " bytes free, counted %" PRIu64,
                                                       ledger->free_bytes, pod);
}

/* Trunks of an electrical switch whose far end is not connected. */
static int32_t count_trunks(const struct sdm_ledger *ledger, const struct sdm_node *node)
{
    const struct sdm_topology *topology = ledger->topology;
    int32_t n = 0;

    for (int32_t i = 0; i < node->n_ports; i++) {
        const struct sdm_port *port = &topology->ports[sdm_ports_number(node, i)];
        const struct sdm_node *far = &topology->nodes[port->peer_no];

        if (port->peer_no == 0 || far->kind < SDM_DEVICE_KIND_ELECTRICAL) {
            continue;
        }
        n += far->kind == SDM_DEVICE_KIND_ELECTRICAL ||
             ledger->ports.uses[sdm_ports_number(far, port->peer_port)].n_circuits == 0;
    }
    return n;
}

static char *audit_entry(const struct sdm_ledger *ledger, int32_t device_no)
{
    const struct sdm_topology *topology = ledger->topology;
    const struct sdm_node *node = &topology->nodes[device_no];
    const struct sdm_index_entry *entry = &ledger->index.entries[node->position];
    const struct sdm_extents *free = &ledger->bricks[node->position].free;
    bool usable = ledger->uses[device_no].state == SDM_BRICK_STATE_ACTIVE && free->free_bytes > 0;
    const struct sdm_brick *brick = &ledger->bricks[node->position];
    const struct sdm_brief *brief = &ledger->briefs[node->position];
    int32_t n_free = 0;
    int32_t n_open = 0;

    if (brick->brick_no != device_no || brick->tray != node->tray || brick->rack != node->rack ||
        brick->state != ledger->uses[device_no].state ||
        brick->power != sdm_state_power(&ledger->uses[device_no]) ||
        brick->awake != sdm_state_awake(&ledger->uses[device_no]) ||
        brief->free_bytes !=
            (brick->state == SDM_BRICK_STATE_ACTIVE ? free->free_bytes : SDM_BRIEF_INACTIVE) ||
        brief->largest_bytes != free->largest_bytes) {
        return g_strdup_printf("'%s' is copied wrongly", topology->device_of[device_no]->id);
    }
    for (int32_t i = 0; i < node->n_ports; i++) {
        uint32_t number = sdm_ports_number(node, i);
        const struct sdm_port *port = &topology->ports[number];
        const struct sdm_node *far = &topology->nodes[port->peer_no];

        if (port->peer_no != 0 && ledger->ports.uses[number].n_circuits == 0) {
            n_free++;
            n_open += far->kind != SDM_DEVICE_KIND_ELECTRICAL || count_trunks(ledger, far) > 0;
        }
    }
    for (int family = 0; family < SDM_N_INDEX_FAMILY; family++) {
        uint64_t bytes = family == SDM_INDEX_BY_FREE ? free->free_bytes : free->largest_bytes;
        uint64_t key = sdm_index_key(bytes / ledger->unit_bytes, node->position);

        for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
            bool here = power == (int)sdm_state_power(&ledger->uses[device_no]);
            bool in_tray = usable && n_free > 0 && here;
            bool is_open = usable && n_open > 0 && here;

            if (sdm_order_contains(&ledger->index.trays[node->tray].orders[family][power], key) !=
                    in_tray ||
                sdm_order_contains(&ledger->index.racks[node->rack].orders[family][power], key) !=
                    is_open ||
                sdm_order_contains(&ledger->index.pod.orders[family][power], key) != is_open) {
                return g_strdup_printf("'%s' is indexed wrongly (%d, %d)",
                                       topology->device_of[device_no]->id, entry->in_tray,
                                       entry->is_open);
            }
        }
    }
    return NULL;
}

static char *audit_index(const struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = ledger->topology;
    uint32_t n_indexed = 0;
    uint32_t n_in_pod = 0;

    for (int32_t i = 0; i < topology->n_of_kind[SDM_DEVICE_KIND_MEMORY]; i++) {
        char *wrong = audit_entry(ledger, topology->order[SDM_DEVICE_KIND_MEMORY][i]);

        if (wrong != NULL) {
            return wrong;
        }
        n_indexed += ledger->index.entries[i].is_open;
    }
    for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
        n_in_pod += ledger->index.pod.orders[SDM_INDEX_BY_FREE][power].n;
    }
    return n_indexed == n_in_pod
               ? NULL
               : g_strdup_printf("%u bricks are open, %u indexed", n_indexed, n_in_pod);
}

static char *audit_computes(const struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = ledger->topology;

    for (int32_t i = 0; i < topology->n_of_kind[SDM_DEVICE_KIND_COMPUTE]; i++) {
        int32_t device_no = topology->order[SDM_DEVICE_KIND_COMPUTE][i];
        const struct sdm_node *node = &topology->nodes[device_no];
        const struct sdm_device_use *use = &ledger->uses[device_no];
        const struct sdm_compute *compute = sdm_state_compute(ledger, device_no);

        if (!compute->exists || compute->tray != node->tray || compute->rack != node->rack ||
            compute->state != use->state || compute->power != sdm_state_power(use) ||
            compute->awake != sdm_state_awake(use)) {
            return g_strdup_printf("'%s' is copied wrongly", topology->device_of[device_no]->id);
        }
    }
    return NULL;
}

static char *audit_switches(const struct sdm_ledger *ledger)
{
    const struct sdm_topology *topology = ledger->topology;
    int32_t n_down = 0;

    for (int32_t i = 1; i < topology->n_nodes; i++) {
        n_down += topology->nodes[i].exists && sdm_device_kind_is_switch(topology->nodes[i].kind) &&
                  ledger->uses[i].state != SDM_BRICK_STATE_ACTIVE;
    }
    return n_down == ledger->n_switches_down ? NULL
                                             : g_strdup_printf("%d switches are down, counted %d",
                                                               n_down, ledger->n_switches_down);
}

char *sdm_ledger_audit(const struct sdm_ledger *ledger)
{
    struct audit audit = {
        .ledger = ledger,
        .n_circuits = g_new0(uint32_t, ledger->topology->n_ports + 1),
        .claimed = g_new0(int64_t, ledger->topology->spec.n_links + 1),
    };
    char *wrong;

    sdm_ledger_each_circuit(ledger, count_path, &audit);
    wrong = audit.n_paths == ledger->n_circuits ? audit_ports(&audit)
                                                : g_strdup("circuits are miscounted");
    g_free(audit.n_circuits);
    g_free(audit.claimed);
    if (wrong == NULL) {
        wrong = audit_extents(ledger);
    }
    if (wrong == NULL) {
        wrong = audit_switches(ledger);
    }
    if (wrong == NULL) {
        wrong = audit_computes(ledger);
    }
    return wrong != NULL ? wrong : audit_index(ledger);
}
