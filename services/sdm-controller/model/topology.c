#include "sdm-controller/model/topology.h"

#include <inttypes.h>

#include "lib/base/error.h"

/* What has been seen so far; keys are borrowed from the spec. */
struct check {
    const struct sdm_topology_spec *spec;
    GHashTable *racks;   /* number -> struct sdm_rack */
    GHashTable *trays;   /* number -> struct sdm_tray */
    GHashTable *devices; /* number -> struct sdm_device */
    GHashTable *modules; /* module -> struct sdm_device */
    GHashTable *ids;     /* id of a rack, tray or device, each in its own space */
    GHashTable *ports;   /* "device << 16 | port" -> struct sdm_link */
};

static bool insert_number(GHashTable *table, int32_t number, const void *value)
{
    return g_hash_table_insert(table, GINT_TO_POINTER(number), (void *)value);
}

static bool insert_id(struct check *check, const char *what, int32_t number, const char *id,
                      GError **error)
{
    if (number < 1 || number > SDM_DEVICE_NO_MAX) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "%s '%s' has number %d, not 1 to %d",
                          what, id, number, SDM_DEVICE_NO_MAX);
    }
    if (!sdm_id_is_valid(id)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "%s %d has id '%s', which is no id",
                          what, number, id);
    }
    if (!g_hash_table_add(check->ids, (void *)id)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "two %ss have the id '%s'", what, id);
    }
    return true;
}

static bool check_racks(struct check *check, GError **error)
{
    for (size_t i = 0; i < check->spec->n_racks; i++) {
        const struct sdm_rack *rack = &check->spec->racks[i];

        if (!insert_id(check, "rack", rack->rack_no, rack->id, error)) {
            return false;
        }
        if (!insert_number(check->racks, rack->rack_no, rack)) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "rack '%s' has number %d, which another rack has", rack->id,
                              rack->rack_no);
        }
    }
    g_hash_table_remove_all(check->ids);
    return true;
}

static bool check_trays(struct check *check, GError **error)
{
    for (size_t i = 0; i < check->spec->n_trays; i++) {
        const struct sdm_tray *tray = &check->spec->trays[i];

        if (!insert_id(check, "tray", tray->tray_no, tray->id, error)) {
            return false;
        }
        if (!insert_number(check->trays, tray->tray_no, tray)) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "tray '%s' has number %d, which another tray has", tray->id,
                              tray->tray_no);
        }
        if (!g_hash_table_contains(check->racks, GINT_TO_POINTER(tray->rack_no))) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "tray '%s' is in rack %d, which does not exist", tray->id,
                              tray->rack_no);
        }
    }
    g_hash_table_remove_all(check->ids);
    return true;
}

static bool check_place(struct check *check, const struct sdm_device *device, GError **error)
{
    const struct sdm_tray *tray =
        g_hash_table_lookup(check->trays, GINT_TO_POINTER(device->tray_no));

    if (device->tray_no != 0 && tray == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' is in tray %d, which does not exist", device->id,
                          device->tray_no);
    }
    if (device->tray_no == 0 && !sdm_device_kind_is_switch(device->kind)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "brick '%s' is in no tray",
                          device->id);
    }
    if (device->rack_no != 0 &&
        !g_hash_table_contains(check->racks, GINT_TO_POINTER(device->rack_no))) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' is in rack %d, which does not exist", device->id,
                          device->rack_no);
    }
    if (tray != NULL && device->rack_no != 0 && device->rack_no != tray->rack_no) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' is in rack %d, but its tray '%s' in rack %d", device->id,
                          device->rack_no, tray->id, tray->rack_no);
    }
    return true;
}

static bool check_memory(struct check *check, const struct sdm_device *device, uint64_t end_bytes,
                         GError **error)
{
    uint64_t unit = check->spec->segment_unit_bytes;
    const struct sdm_device *other =
        g_hash_table_lookup(check->modules, GUINT_TO_POINTER(device->module));

    if (device->capacity_bytes == 0 || device->capacity_bytes % unit != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "memory brick '%s' has a capacity of %" PRIu64
                          " bytes, not a multiple of the unit of %" PRIu64,
                          device->id, device->capacity_bytes, unit);
    }
    if (device->capacity_bytes < end_bytes) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "memory brick '%s' has a capacity of %" PRIu64
                          " bytes, but a segment that ends at %" PRIu64,
                          device->id, device->capacity_bytes, end_bytes);
    }
    if (device->module > 0xffffff) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "memory brick '%s' has module %" PRIu32 ", above 16777215", device->id,
                          device->module);
    }
    if (other != NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "memory bricks '%s' and '%s' have the module %" PRIu32, other->id,
                          device->id, device->module);
    }
    g_hash_table_insert(check->modules, GUINT_TO_POINTER(device->module), (void *)device);
    return true;
}

static bool check_device(struct check *check, const struct sdm_device *device, uint64_t end_bytes,
                         GError **error)
{
    if (!insert_id(check, "device", device->device_no, device->id, error) ||
        !check_place(check, device, error)) {
        return false;
    }
    if (!insert_number(check->devices, device->device_no, device)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' has number %d, which another device has", device->id,
                          device->device_no);
    }
    if (device->n_ports < 1 || device->n_ports > 4096) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' has %d ports, not 1 to 4096", device->id, device->n_ports);
    }
    if (device->kind == SDM_DEVICE_KIND_ACCELERATOR && device->accelerator_kind[0] == '\0') {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "accelerator brick '%s' has no accelerator kind", device->id);
    }
    return device->kind != SDM_DEVICE_KIND_MEMORY || check_memory(check, device, end_bytes, error);
}

static bool check_devices(struct check *check, GError **error)
{
    const struct sdm_topology_spec *spec = check->spec;

    for (size_t i = 0; i < spec->n_devices; i++) {
        uint64_t end_bytes = spec->segments_end_bytes != NULL ? spec->segments_end_bytes[i] : 0;

        if (!check_device(check, &spec->devices[i], end_bytes, error)) {
            return false;
        }
    }
    return true;
}

static const char *name_of(struct check *check, int32_t device_no)
{
    const struct sdm_device *device =
        g_hash_table_lookup(check->devices, GINT_TO_POINTER(device_no));

    return device != NULL ? device->id : "?";
}

static bool check_end(struct check *check, const struct sdm_link *link,
                      const struct sdm_port_ref *end, const struct sdm_port_ref *far,
                      GError **error)
{
    const struct sdm_device *device =
        g_hash_table_lookup(check->devices, GINT_TO_POINTER(end->device_no));
    uint64_t key;

    if (device == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "the link at port %d of '%s' leads to device %d, which does not exist",
                          far->port, name_of(check, far->device_no), end->device_no);
    }
    if (end->port < 0 || end->port >= device->n_ports) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "a link ends at port %d of '%s', which has ports 0 to %d", end->port,
                          device->id, device->n_ports - 1);
    }
    key = (uint64_t)end->device_no << 16 | (uint32_t)end->port;
    if (!g_hash_table_insert(check->ports, (gpointer)(uintptr_t)key, (void *)link)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "port %d of '%s' is linked twice",
                          end->port, device->id);
    }
    return true;
}

static bool check_links(struct check *check, GError **error)
{
    for (size_t i = 0; i < check->spec->n_links; i++) {
        const struct sdm_link *link = &check->spec->links[i];

        if (!check_end(check, link, &link->a, &link->b, error) ||
            !check_end(check, link, &link->b, &link->a, error)) {
            return false;
        }
        if (link->a.device_no == link->b.device_no) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "a link joins ports %d and %d of one device, '%s'", link->a.port,
                              link->b.port, name_of(check, link->a.device_no));
        }
        if (link->bandwidth_mbps < 1) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "the link at port %d of '%s' has no bandwidth", link->a.port,
                              name_of(check, link->a.device_no));
        }
    }
    return true;
}

static bool check_unit(const struct sdm_topology_spec *spec, GError **error)
{
    uint64_t unit = spec->segment_unit_bytes;

    /* Before the first registration there is no unit, and nothing that would need one. */
    if (unit == 0 && spec->n_devices == 0) {
        return true;
    }
    if (unit < 4096 || (unit & (unit - 1)) != 0) {
        return sdm_refuse(
            error, SDM_ERROR_INVALID_TOPOLOGY,
            "the segment unit is %" PRIu64 " bytes, not a power of two of at least 4096", unit);
    }
    return true;
}

bool sdm_topology_check(const struct sdm_topology_spec *spec, GError **error)
{
    g_autoptr(GHashTable) racks = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) trays = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) devices = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) modules = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) ports = g_hash_table_new(NULL, NULL);
    struct check check = {spec, racks, trays, devices, modules, ids, ports};

    return check_unit(spec, error) && check_racks(&check, error) && check_trays(&check, error) &&
           check_devices(&check, error) && check_links(&check, error);
}
