#include "sdm-controller/registry/draft.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"

#define DEFAULT_UNIT_BYTES (UINT64_C(128) << 20)

static GArray *copy(const void *items, size_t n, size_t size)
{
    GArray *array = g_array_sized_new(FALSE, FALSE, (guint)size, (guint)n + 256);

    if (n > 0) {
        g_array_append_vals(array, items, (guint)n);
    }
    return array;
}

void sdm_draft_init(struct sdm_draft *draft, struct sdm_ledger *ledger)
{
    const struct sdm_topology_spec *spec;

    *draft = (struct sdm_draft){
        .ledger = ledger,
        .rack_nos = g_hash_table_new(g_str_hash, g_str_equal),
        .tray_nos = g_hash_table_new(g_str_hash, g_str_equal),
        .device_nos = g_hash_table_new(g_str_hash, g_str_equal),
    };
    sdm_ledger_lock(ledger);
    draft->base = sdm_topology_ref(sdm_ledger_topology(ledger));
    sdm_ledger_unlock(ledger);
    spec = sdm_topology_spec(draft->base);
    draft->racks = copy(spec->racks, spec->n_racks, sizeof *spec->racks);
    draft->trays = copy(spec->trays, spec->n_trays, sizeof *spec->trays);
    draft->devices = copy(spec->devices, spec->n_devices, sizeof *spec->devices);
    draft->links = copy(spec->links, spec->n_links, sizeof *spec->links);
    draft->old.n_racks = spec->n_racks;
    draft->old.n_trays = spec->n_trays;
    draft->old.n_devices = spec->n_devices;
    draft->old.n_links = spec->n_links;
    draft->segment_unit_bytes = spec->segment_unit_bytes;
}

void sdm_draft_clear(struct sdm_draft *draft)
{
    g_clear_pointer(&draft->racks, g_array_unref);
    g_clear_pointer(&draft->trays, g_array_unref);
    g_clear_pointer(&draft->devices, g_array_unref);
    g_clear_pointer(&draft->links, g_array_unref);
    g_clear_pointer(&draft->rack_nos, g_hash_table_unref);
    g_clear_pointer(&draft->tray_nos, g_hash_table_unref);
    g_clear_pointer(&draft->device_nos, g_hash_table_unref);
    g_clear_pointer(&draft->base, sdm_topology_unref);
}

/* Numbers of a table are dense and sorted, so the last one says the next. */
#define NEXT_NO(array, type, member)                                                               \
    ((array)->len == 0 ? 1 : g_array_index((array), type, (array)->len - 1).member + 1)

static bool differs(GError **error, const char *what, const char *id)
{
    return sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "%s '%s' exists and differs", what, id);
}

/* Numbers by id, of what stands there or is new; 0 for none. */
static int32_t find_rack(const struct sdm_draft *draft, const char *id)
{
    const struct sdm_rack *rack = sdm_topology_find_rack(draft->base, id);

    return rack != NULL ? rack->rack_no : GPOINTER_TO_INT(g_hash_table_lookup(draft->rack_nos, id));
}

static int32_t find_tray(const struct sdm_draft *draft, const char *id)
{
    const struct sdm_tray *tray = sdm_topology_find_tray(draft->base, id);

    return tray != NULL ? tray->tray_no : GPOINTER_TO_INT(g_hash_table_lookup(draft->tray_nos, id));
}

static int32_t find_device(const struct sdm_draft *draft, const char *id)
{
    const struct sdm_device *device = sdm_topology_find(draft->base, id);

    return device != NULL ? device->device_no
                          : GPOINTER_TO_INT(g_hash_table_lookup(draft->device_nos, id));
}

static bool need_rack(const struct sdm_draft *draft, const char *owner, const char *id,
                      int32_t *rack_no, GError **error)
{
    *rack_no = find_rack(draft, id);
    return *rack_no != 0 || sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                                       "'%s' is in rack '%s', which does not exist", owner, id);
}

static bool need_tray(const struct sdm_draft *draft, const char *owner, const char *id,
                      int32_t *tray_no, int32_t *rack_no, GError **error)
{
    const struct sdm_tray *tray;

    *tray_no = find_tray(draft, id);
    if (*tray_no == 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "'%s' is in tray '%s', which does not exist", owner, id);
    }
    for (guint i = draft->trays->len; i > 0; i--) {
        tray = &g_array_index(draft->trays, struct sdm_tray, i - 1);
        if (tray->tray_no == *tray_no) {
            *rack_no = tray->rack_no;
            return true;
        }
    }
    g_assert_not_reached();
}

static bool merge_rack(struct sdm_draft *draft, const struct sdm_wire_rack *wire, GError **error)
{
    const struct sdm_rack *old = sdm_topology_find_rack(draft->base, wire->id);
    struct sdm_rack rack = {.rack_no = NEXT_NO(draft->racks, struct sdm_rack, rack_no)};

    if (old != NULL) {
        draft->n_unchanged++;
        return strcmp(old->management, wire->has_management ? wire->management : "") == 0 ||
               differs(error, "rack", wire->id);
    }
    g_strlcpy(rack.id, wire->id, sizeof rack.id);
    if (wire->has_management) {
        g_strlcpy(rack.management, wire->management, sizeof rack.management);
    }
    g_array_append_val(draft->racks, rack);
    g_hash_table_insert(draft->rack_nos, (void *)wire->id, GINT_TO_POINTER(rack.rack_no));
    return true;
}

static bool merge_tray(struct sdm_draft *draft, const struct sdm_wire_tray *wire, GError **error)
{
    const struct sdm_tray *old = sdm_topology_find_tray(draft->base, wire->id);
    struct sdm_tray tray = {.tray_no = NEXT_NO(draft->trays, struct sdm_tray, tray_no)};

    if (!need_rack(draft, wire->id, wire->rack, &tray.rack_no, error)) {
        return false;
    }
    if (old != NULL) {
        draft->n_unchanged++;
        return old->rack_no == tray.rack_no || differs(error, "tray", wire->id);
    }
    g_strlcpy(tray.id, wire->id, sizeof tray.id);
    g_array_append_val(draft->trays, tray);
    g_hash_table_insert(draft->tray_nos, (void *)wire->id, GINT_TO_POINTER(tray.tray_no));
    return true;
}

/* What only one kind of brick has. */
static bool check_members(const struct sdm_wire_brick *wire, GError **error)
{
    const struct {
        const char *name;
        bool is_given;
        enum sdm_brick_kind owner;
        bool is_required;
    } members[] = {
        {"capacity_bytes", wire->has_capacity_bytes, SDM_BRICK_KIND_MEMORY, true},
        {"module", wire->has_module, SDM_BRICK_KIND_MEMORY, true},
        {"local_bytes", wire->has_local_bytes, SDM_BRICK_KIND_COMPUTE, false},
        {"accelerator_kind", wire->has_accelerator_kind, SDM_BRICK_KIND_ACCELERATOR, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        bool is_owner = wire->kind == members[i].owner;

        if (members[i].is_given ? !is_owner : is_owner && members[i].is_required) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "brick '%s' is of kind %s and has %s%s", wire->id,
                              sdm_brick_kind_name(wire->kind), members[i].is_given ? "" : "no ",
                              members[i].name);
        }
    }
    return true;
}

static enum sdm_device_kind device_kind(enum sdm_brick_kind kind)
{
    static const enum sdm_device_kind kinds[] = {
        [SDM_BRICK_KIND_COMPUTE] = SDM_DEVICE_KIND_COMPUTE,
        [SDM_BRICK_KIND_MEMORY] = SDM_DEVICE_KIND_MEMORY,
        [SDM_BRICK_KIND_ACCELERATOR] = SDM_DEVICE_KIND_ACCELERATOR,
    };

    return kinds[kind];
}

static bool make_brick(const struct sdm_draft *draft, const struct sdm_wire_brick *wire,
                       struct sdm_device *device, GError **error)
{
    enum sdm_power_state power = wire->has_power ? wire->power : SDM_POWER_STATE_ON;

    *device = (struct sdm_device){
        .device_no = NEXT_NO(draft->devices, struct sdm_device, device_no),
        .kind = device_kind(wire->kind),
        .n_ports = (int32_t)wire->n_ports,
        .module = wire->has_module ? (uint32_t)wire->module : 0,
        .capacity_bytes = wire->has_capacity_bytes ? wire->capacity_bytes : 0,
        .local_bytes = wire->has_local_bytes ? wire->local_bytes : 0,
        .idle_mw = wire->has_idle_mw ? (int32_t)wire->idle_mw : 0,
        .active_mw = wire->has_active_mw ? (int32_t)wire->active_mw : 0,
        .wake_ms = wire->has_wake_ms ? (int32_t)wire->wake_ms : 0,
        .want_power = power,
        .have_power = power,
    };
    g_strlcpy(device->id, wire->id, sizeof device->id);
    if (wire->has_accelerator_kind) {
        g_strlcpy(device->accelerator_kind, wire->accelerator_kind,
                  sizeof device->accelerator_kind);
    }
    if (wire->has_management) {
        g_strlcpy(device->management, wire->management, sizeof device->management);
    }
    return check_members(wire, error) &&
           need_tray(draft, wire->id, wire->tray, &device->tray_no, &device->rack_no, error);
}

static bool is_same(const struct sdm_device *old, const struct sdm_device *device)
{
    /* A switch that serves a tray may be stored without its rack. */
    return old->kind == device->kind && old->tray_no == device->tray_no &&
           (device->tray_no != 0 || old->rack_no == device->rack_no) &&
           old->n_ports == device->n_ports && old->module == device->module &&
           old->capacity_bytes == device->capacity_bytes &&
           old->local_bytes == device->local_bytes && old->idle_mw == device->idle_mw &&
           old->active_mw == device->active_mw && old->wake_ms == device->wake_ms &&
           strcmp(old->accelerator_kind, device->accelerator_kind) == 0 &&
           strcmp(old->management, device->management) == 0;
}

/* A device of this id stands there. */
static bool compare_device(struct sdm_draft *draft, const struct sdm_device *old,
                           const struct sdm_device *device, GError **error)
{
    struct sdm_ledger_use use = {0};

    draft->n_unchanged++;
    sdm_ledger_lock(draft->ledger);
    sdm_ledger_use(draft->ledger, old->device_no, &use);
    sdm_ledger_unlock(draft->ledger);
    if (use.state == SDM_BRICK_STATE_RETIRED) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "'%s' has been retired", old->id);
    }
    if (is_same(old, device)) {
        return true;
    }
    if (old->kind == SDM_DEVICE_KIND_MEMORY && device->kind == SDM_DEVICE_KIND_MEMORY &&
        device->capacity_bytes < use.used_end_bytes) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "brick '%s' would shrink to %" PRIu64
                          " bytes, its segments reach up to %" PRIu64,
                          old->id, device->capacity_bytes, use.used_end_bytes);
    }
    return differs(error, "device", old->id);
}

static bool merge_device(struct sdm_draft *draft, const struct sdm_device *device, const char *id,
                         GError **error)
{
    const struct sdm_device *old = sdm_topology_find(draft->base, id);

    if (old != NULL) {
        return compare_device(draft, old, device, error);
    }
    g_array_append_vals(draft->devices, device, 1);
    g_hash_table_insert(draft->device_nos, (void *)id, GINT_TO_POINTER(device->device_no));
    return true;
}

static bool merge_brick(struct sdm_draft *draft, const struct sdm_wire_brick *wire, GError **error)
{
    struct sdm_device device;

    return make_brick(draft, wire, &device, error) && merge_device(draft, &device, wire->id, error);
}

static bool merge_switch(struct sdm_draft *draft, const struct sdm_wire_switch *wire,
                         GError **error)
{
    int32_t rack_of_tray = 0;
    struct sdm_device device = {
        .device_no = NEXT_NO(draft->devices, struct sdm_device, device_no),
        .kind = wire->kind == SDM_SWITCH_KIND_OPTICAL ? SDM_DEVICE_KIND_OPTICAL
                                                      : SDM_DEVICE_KIND_ELECTRICAL,
        .n_ports = (int32_t)wire->n_ports,
        .idle_mw = wire->has_idle_mw ? (int32_t)wire->idle_mw : 0,
    };

    g_strlcpy(device.id, wire->id, sizeof device.id);
    if (wire->has_management) {
        g_strlcpy(device.management, wire->management, sizeof device.management);
    }
    if (!wire->has_tray && !wire->has_rack && !wire->has_management) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "switch '%s' stands between racks and has no management", wire->id);
    }
    if (wire->has_tray &&
        !need_tray(draft, wire->id, wire->tray, &device.tray_no, &rack_of_tray, error)) {
        return false;
    }
    if (wire->has_rack && !need_rack(draft, wire->id, wire->rack, &device.rack_no, error)) {
        return false;
    }
    if (!wire->has_rack) {
        device.rack_no = rack_of_tray;
    }
    return merge_device(draft, &device, wire->id, error);
}

static bool make_end(const struct sdm_draft *draft, const struct sdm_wire_endpoint_port *wire,
                     struct sdm_port_ref *end, GError **error)
{
    end->device_no = find_device(draft, wire->device);
    end->port = (int32_t)wire->port;
    return end->device_no != 0 ||
           sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                      "a link leads to '%s', which does not exist", wire->device);
}

static bool is_end(const struct sdm_port_ref *a, const struct sdm_port_ref *b)
{
    return a->device_no == b->device_no && a->port == b->port;
}

static bool merge_link(struct sdm_draft *draft, const struct sdm_wire_link *wire, GError **error)
{
    struct sdm_link link = {
        .link_no = NEXT_NO(draft->links, struct sdm_link, link_no),
        .bandwidth_mbps = (int32_t)wire->bandwidth_mbps,
    };
    struct sdm_port_ref peer;
    const struct sdm_link *old;

    if (!make_end(draft, &wire->a, &link.a, error) || !make_end(draft, &wire->b, &link.b, error)) {
        return false;
    }
    if (sdm_topology_device(draft->base, link.a.device_no) != NULL &&
        sdm_topology_peer(draft->base, link.a, &peer, &old) && is_end(&peer, &link.b)) {
        draft->n_unchanged++;
        return old->bandwidth_mbps == link.bandwidth_mbps ||
               differs(error, "the link at", wire->a.device);
    }
    g_array_append_val(draft->links, link);
    return true;
}

static bool merge_unit(struct sdm_draft *draft, const struct sdm_s11_register *request,
                       GError **error)
{
    uint64_t unit =
        request->has_segment_unit_bytes ? request->segment_unit_bytes : DEFAULT_UNIT_BYTES;

    if (draft->segment_unit_bytes == 0) {
        draft->segment_unit_bytes = unit;
        return true;
    }
    return !request->has_segment_unit_bytes || unit == draft->segment_unit_bytes ||
           sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS,
                      "want a segment unit of %" PRIu64 " bytes, %" PRIu64 " is set", unit,
                      draft->segment_unit_bytes);
}

bool sdm_draft_merge(struct sdm_draft *draft, const struct sdm_s11_register *request,
                     GError **error)
{
    const struct sdm_wire_topology *topology = &request->topology;

    if (!merge_unit(draft, request, error)) {
        return false;
    }
    for (size_t i = 0; i < topology->n_racks; i++) {
        if (!merge_rack(draft, &topology->racks[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < topology->n_trays; i++) {
        if (!merge_tray(draft, &topology->trays[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < topology->n_bricks; i++) {
        if (!merge_brick(draft, &topology->bricks[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < topology->n_switches; i++) {
        if (!merge_switch(draft, &topology->switches[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < topology->n_links; i++) {
        if (!merge_link(draft, &topology->links[i], error)) {
            return false;
        }
    }
    return true;
}

struct sdm_topology *sdm_draft_build(const struct sdm_draft *draft, GError **error)
{
    struct sdm_topology_spec spec = {
        .racks = (const struct sdm_rack *)draft->racks->data,
        .n_racks = draft->racks->len,
        .trays = (const struct sdm_tray *)draft->trays->data,
        .n_trays = draft->trays->len,
        .devices = (const struct sdm_device *)draft->devices->data,
        .n_devices = draft->devices->len,
        .links = (const struct sdm_link *)draft->links->data,
        .n_links = draft->links->len,
        .segment_unit_bytes = draft->segment_unit_bytes,
    };

    return sdm_topology_new(&spec, error);
}
