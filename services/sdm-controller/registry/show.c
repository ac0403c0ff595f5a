#include "lib/base/error.h"
#include "sdm-controller/registry/brick.h"
#include "sdm-controller/registry/registry.h"

/* What a rack shown holds; lists of the reply are bounded by its schema. */
#define MAX_RACKS    256
#define MAX_TRAYS    256
#define MAX_BRICKS   4096
#define MAX_SWITCHES 1024
#define MAX_LINKS    8192
#define MAX_CIRCUITS 4096

struct view {
    struct sdm_registry *registry;
    struct sdm_pg *pg;
    struct sdm_topology *topology;
    const struct sdm_topology_spec *spec;
    struct sdm_arena *arena;
    struct sdm_s11_show_reply *reply;
};

static void add_rack(struct view *view, const struct sdm_rack *rack)
{
    struct sdm_wire_rack *wire = &view->reply->racks[view->reply->n_racks++];

    g_strlcpy(wire->id, rack->id, sizeof wire->id);
    wire->has_management = rack->management[0] != '\0';
    g_strlcpy(wire->management, rack->management, sizeof wire->management);
}

static void add_trays(struct view *view, const struct sdm_rack *rack)
{
    struct sdm_s11_show_reply *reply = view->reply;

    reply->trays = SDM_ARENA_NEW(view->arena, struct sdm_wire_tray, MAX_TRAYS);
    for (size_t i = 0; i < view->spec->n_trays && reply->n_trays < MAX_TRAYS; i++) {
        const struct sdm_tray *tray = &view->spec->trays[i];

        if (tray->rack_no == rack->rack_no) {
            struct sdm_wire_tray *wire = &reply->trays[reply->n_trays++];

            g_strlcpy(wire->id, tray->id, sizeof wire->id);
            g_strlcpy(wire->rack, rack->id, sizeof wire->rack);
        }
    }
}

static void fill_switch(const struct view *view, const struct sdm_device *device,
                        const struct sdm_device_usage *usage, struct sdm_wire_switch_status *wire)
{
    const struct sdm_tray *tray = sdm_topology_tray(view->topology, device->tray_no);
    const struct sdm_rack *rack = sdm_topology_rack(view->topology, device->rack_no);

    *wire = (struct sdm_wire_switch_status){
        .kind = device->kind == SDM_DEVICE_KIND_OPTICAL ? SDM_SWITCH_KIND_OPTICAL
                                                        : SDM_SWITCH_KIND_ELECTRICAL,
        .has_tray = tray != NULL,
        .has_rack = rack != NULL,
        .state = usage->state,
        .n_ports = (uint64_t)device->n_ports,
        .n_ports_used = (uint64_t)usage->n_ports_used,
        .want_generation = (uint64_t)usage->want_generation,
        .have_generation = (uint64_t)usage->have_generation,
    };
    g_strlcpy(wire->id, device->id, sizeof wire->id);
    g_strlcpy(wire->tray, tray != NULL ? tray->id : "", sizeof wire->tray);
    g_strlcpy(wire->rack, rack != NULL ? rack->id : "", sizeof wire->rack);
}

static void add_device(struct view *view, const struct sdm_device *device,
                       const struct sdm_device_usage *usage)
{
    struct sdm_s11_show_reply *reply = view->reply;

    if (sdm_device_kind_is_switch(device->kind)) {
        if (reply->n_switches < MAX_SWITCHES) {
            fill_switch(view, device, usage, &reply->switches[reply->n_switches++]);
        }
        return;
    }
    if (reply->n_bricks < MAX_BRICKS) {
        struct sdm_wire_brick_status *wire = &reply->bricks[reply->n_bricks++];

        sdm_brick_fill(view->registry, view->topology, device, usage, wire);
        reply->capacity_bytes += wire->state == SDM_BRICK_STATE_RETIRED ? 0 : wire->capacity_bytes;
        reply->live_bytes += wire->live_bytes;
        reply->power_mw += wire->power_mw;
    }
}

static bool is_shown(const struct sdm_device *device, int32_t rack_no)
{
    return device->rack_no == rack_no || (device->rack_no == 0 && device->tray_no == 0);
}

static bool add_devices(struct view *view, const struct sdm_rack *rack, GArray *device_nos,
                        GError **error)
{
    struct sdm_s11_show_reply *reply = view->reply;
    struct sdm_device_usage *usages;
    size_t n;

    for (size_t i = 0; i < view->spec->n_devices; i++) {
        int64_t device_no = view->spec->devices[i].device_no;

        if (is_shown(&view->spec->devices[i], rack->rack_no)) {
            g_array_append_val(device_nos, device_no);
        }
    }
    if (!sdm_usage_of_devices(view->pg, (const int64_t *)device_nos->data, device_nos->len,
                              view->arena, &usages, &n, error)) {
        return false;
    }
    reply->bricks = SDM_ARENA_NEW(view->arena, struct sdm_wire_brick_status, MIN(n, MAX_BRICKS));
    reply->switches =
        SDM_ARENA_NEW(view->arena, struct sdm_wire_switch_status, MIN(n, MAX_SWITCHES));
    for (size_t i = 0; i < n; i++) {
        add_device(view, sdm_topology_device(view->topology, usages[i].device_no), &usages[i]);
    }
    return true;
}

static void fill_end(const struct view *view, const struct sdm_port_ref *end,
                     struct sdm_wire_endpoint_port *wire)
{
    const struct sdm_device *device = sdm_topology_device(view->topology, end->device_no);

    g_strlcpy(wire->device, device->id, sizeof wire->device);
    wire->port = (uint64_t)end->port;
}

static void add_links(struct view *view, const struct sdm_rack *rack)
{
    struct sdm_s11_show_reply *reply = view->reply;

    reply->links =
        SDM_ARENA_NEW(view->arena, struct sdm_wire_link, MIN(view->spec->n_links, MAX_LINKS));
    for (size_t i = 0; i < view->spec->n_links && reply->n_links < MAX_LINKS; i++) {
        const struct sdm_link *link = &view->spec->links[i];
        int32_t rack_a = sdm_topology_device(view->topology, link->a.device_no)->rack_no;
        int32_t rack_b = sdm_topology_device(view->topology, link->b.device_no)->rack_no;

        if (rack_a == rack->rack_no || rack_b == rack->rack_no) {
            struct sdm_wire_link *wire = &reply->links[reply->n_links++];

            fill_end(view, &link->a, &wire->a);
            fill_end(view, &link->b, &wire->b);
            wire->bandwidth_mbps = (uint64_t)link->bandwidth_mbps;
        }
    }
}

static void fill_hops(const struct view *view, const struct sdm_path *path,
                      struct sdm_wire_path *wire)
{
    wire->hops = SDM_ARENA_NEW(view->arena, struct sdm_wire_hop, (size_t)path->n_hops);
    wire->n_hops = (size_t)path->n_hops;
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];
        const struct sdm_device *device = sdm_topology_device(view->topology, hop->switch_no);

        g_strlcpy(wire->hops[i].switch_, device->id, sizeof wire->hops[i].switch_);
        wire->hops[i].in_port = (uint64_t)hop->in_port;
        wire->hops[i].out_port = (uint64_t)hop->out_port;
    }
}

static void fill_circuit(const struct view *view, const struct sdm_circuit_usage *usage,
                         struct sdm_wire_circuit_status *wire)
{
    struct sdm_path path;
    bool is_known;

    g_strlcpy(wire->circuit, usage->circuit, sizeof wire->circuit);
    g_strlcpy(wire->compute_brick, sdm_topology_device(view->topology, usage->compute_no)->id,
              sizeof wire->compute_brick);
    g_strlcpy(wire->path.brick, sdm_topology_device(view->topology, usage->brick_no)->id,
              sizeof wire->path.brick);
    wire->path.shared = true;
    wire->path.compute_port = (uint64_t)usage->compute_port;
    wire->path.brick_port = (uint64_t)usage->brick_port;
    wire->path.bandwidth_mbps = (uint64_t)usage->bandwidth_mbps;
    wire->up = usage->have_up;
    wire->n_windows = (uint64_t)usage->n_windows;
    /* The ledger has the way; a circuit that was cut between the two reads is shown without. */
    sdm_ledger_lock(view->registry->ledger);
    is_known =
        sdm_ledger_circuit(view->registry->ledger, usage->compute_no, usage->brick_no, &path);
    sdm_ledger_unlock(view->registry->ledger);
    if (is_known) {
        fill_hops(view, &path, &wire->path);
        wire->path.bandwidth_mbps = (uint64_t)path.narrowest_mbps;
    }
}

static bool add_circuits(struct view *view, const GArray *device_nos, GError **error)
{
    struct sdm_circuit_usage *usages;
    size_t n;

    if (!sdm_usage_of_circuits(view->pg, (const int64_t *)device_nos->data, device_nos->len,
                               MAX_CIRCUITS, view->arena, &usages, &n, error)) {
        return false;
    }
    view->reply->circuits = SDM_ARENA_NEW(view->arena, struct sdm_wire_circuit_status, n);
    view->reply->n_circuits = n;
    for (size_t i = 0; i < n; i++) {
        fill_circuit(view, &usages[i], &view->reply->circuits[i]);
    }
    return true;
}

static bool show_rack(struct view *view, const char *id, GError **error)
{
    g_autoptr(GArray) device_nos = g_array_new(FALSE, FALSE, sizeof(int64_t));
    const struct sdm_rack *rack = sdm_topology_find_rack(view->topology, id);

    if (rack == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no rack '%s'", id);
    }
    view->reply->racks = SDM_ARENA_NEW(view->arena, struct sdm_wire_rack, 1);
    add_rack(view, rack);
    add_trays(view, rack);
    add_links(view, rack);
    return add_devices(view, rack, device_nos, error) && add_circuits(view, device_nos, error);
}

static bool show_all(struct view *view, GError **error)
{
    struct sdm_usage_totals totals;

    if (!sdm_usage_total(view->pg, &totals, error)) {
        return false;
    }
    view->reply->racks =
        SDM_ARENA_NEW(view->arena, struct sdm_wire_rack, MIN(view->spec->n_racks, MAX_RACKS));
    for (size_t i = 0; i < view->spec->n_racks && i < MAX_RACKS; i++) {
        add_rack(view, &view->spec->racks[i]);
    }
    view->reply->capacity_bytes = sdm_topology_capacity_bytes(view->topology);
    view->reply->live_bytes = (uint64_t)totals.live_bytes;
    view->reply->power_mw = (uint64_t)totals.power_mw;
    return true;
}

bool sdm_registry_show(struct sdm_registry *registry, struct sdm_pg *pg,
                       const struct sdm_caller *caller, const struct sdm_s11_show *request,
                       struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    struct view view = {.registry = registry, .pg = pg, .arena = arena};

    (void)caller;
    sdm_ledger_lock(registry->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_unlock(registry->ledger);
    view.topology = topology;
    view.spec = sdm_topology_spec(topology);
    view.reply = SDM_ARENA_NEW(arena, struct sdm_s11_show_reply, 1);
    view.reply->segment_unit_bytes = MAX(sdm_topology_unit_bytes(topology), 1);
    if (request->has_rack ? !show_rack(&view, request->rack, error) : !show_all(&view, error)) {
        return false;
    }
    outcome->done = true;
    outcome->reply_type = sdm_s11_show_reply_codec.type;
    outcome->reply_codec = &sdm_s11_show_reply_codec;
    outcome->reply = view.reply;
    return true;
}
