#include "sdm-controller/model/topology.h"

#include <inttypes.h>

#include "lib/base/error.h"

/* What has been seen so far; all is borrowed from the spec.  Numbers are dense, so tables by number
 * are arrays: with hashes instead the check of a pod took longer than all the rest of its
 * registration. */
struct check {
    const struct sdm_topology_spec *spec;
    const struct sdm_rack **racks;     /* by number; of 'n_racks' elements */
    const struct sdm_tray **trays;     /* by number */
    const struct sdm_device **devices; /* by number */
    int32_t n_racks;
    int32_t n_trays;
    int32_t n_devices;
    GHashTable *modules; /* module -> struct sdm_device */
    GHashTable *ids;     /* id of a rack, tray or device, each in its own space */
    /* By device number: which bit of 'linked' its port 0 has. */
    size_t *first_port;
    uint8_t *linked;
};

/* Numbers have passed insert_id() before they get here. */
static int32_t end_of(int32_t end, int32_t number)
{
    return number >= end && number <= SDM_DEVICE_NO_MAX ? number + 1 : end;
}

static void check_init(struct check *check, const struct sdm_topology_spec *spec)
{
    *check = (struct check){.spec = spec, .n_racks = 1, .n_trays = 1, .n_devices = 1};
    for (size_t i = 0; i < spec->n_racks; i++) {
        check->n_racks = end_of(check->n_racks, spec->racks[i].rack_no);
    }
    for (size_t i = 0; i < spec->n_trays; i++) {
        check->n_trays = end_of(check->n_trays, spec->trays[i].tray_no);
    }
    for (size_t i = 0; i < spec->n_devices; i++) {
        check->n_devices = end_of(check->n_devices, spec->devices[i].device_no);
    }
    check->racks = g_new0(const struct sdm_rack *, check->n_racks);
    check->trays = g_new0(const struct sdm_tray *, check->n_trays);
    check->devices = g_new0(const struct sdm_device *, check->n_devices);
    check->first_port = g_new0(size_t, check->n_devices);
    check->modules = g_hash_table_new(NULL, NULL);
    check->ids = g_hash_table_new(g_str_hash, g_str_equal);
}

static void check_done(struct check *check)
{
    g_free(check->racks);
    g_free(check->trays);
    g_free(check->devices);
    g_free(check->first_port);
    g_free(check->linked);
    g_hash_table_unref(check->modules);
    g_hash_table_unref(check->ids);
}

static const struct sdm_rack *rack_at(const struct check *check, int32_t number)
{
    return number >= 0 && number < check->n_racks ? check->racks[number] : NULL;
}

static const struct sdm_tray *tray_at(const struct check *check, int32_t number)
{
    return number >= 0 && number < check->n_trays ? check->trays[number] : NULL;
}

static const struct sdm_device *device_at(const struct check *check, int32_t number)
{
    return number >= 0 && number < check->n_devices ? check->devices[number] : NULL;
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
        if (check->racks[rack->rack_no] != NULL) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "rack '%s' has number %d, which another rack has", rack->id,
                              rack->rack_no);
        }
        check->racks[rack->rack_no] = rack;
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
        if (check->trays[tray->tray_no] != NULL) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "tray '%s' has number %d, which another tray has", tray->id,
                              tray->tray_no);
        }
        if (rack_at(check, tray->rack_no) == NULL) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                              "tray '%s' is in rack %d, which does not exist", tray->id,
                              tray->rack_no);
        }
        check->trays[tray->tray_no] = tray;
    }
    g_hash_table_remove_all(check->ids);
    return true;
}

static bool check_place(struct check *check, const struct sdm_device *device, GError **error)
{
    const struct sdm_tray *tray = tray_at(check, device->tray_no);

    if (device->tray_no != 0 && tray == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' is in tray %d, which does not exist", device->id,
                          device->tray_no);
    }
    if (device->tray_no == 0 && !sdm_device_kind_is_switch(device->kind)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "brick '%s' is in no tray",
                          device->id);
    }
    if (device->rack_no != 0 && rack_at(check, device->rack_no) == NULL) {
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
    if (check->devices[device->device_no] != NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "device '%s' has number %d, which another device has", device->id,
                          device->device_no);
    }
    check->devices[device->device_no] = device;
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

static const char *name_of(const struct check *check, int32_t device_no)
{
    const struct sdm_device *device = device_at(check, device_no);

    return device != NULL ? device->id : "?";
}

static bool check_end(struct check *check, const struct sdm_port_ref *end,
                      const struct sdm_port_ref *far, GError **error)
{
    const struct sdm_device *device = device_at(check, end->device_no);
    size_t bit;

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
    bit = check->first_port[end->device_no] + (size_t)end->port;
    if ((check->linked[bit / 8] & 1 << bit % 8) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "port %d of '%s' is linked twice",
                          end->port, device->id);
    }
    check->linked[bit / 8] |= (uint8_t)(1 << bit % 8);
    return true;
}

static void number_ports(struct check *check)
{
    size_t n = 0;

    for (int32_t i = 0; i < check->n_devices; i++) {
        check->first_port[i] = n;
        n += check->devices[i] != NULL ? (size_t)check->devices[i]->n_ports : 0;
    }
    check->linked = g_new0(uint8_t, n / 8 + 1);
}

static bool check_links(struct check *check, GError **error)
{
    number_ports(check);
    for (size_t i = 0; i < check->spec->n_links; i++) {
        const struct sdm_link *link = &check->spec->links[i];

        if (!check_end(check, &link->a, &link->b, error) ||
            !check_end(check, &link->b, &link->a, error)) {
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
    struct check check;
    bool good;

    check_init(&check, spec);
    good = check_unit(spec, error) && check_racks(&check, error) && check_trays(&check, error) &&
           check_devices(&check, error) && check_links(&check, error);
    check_done(&check);
    return good;
}
