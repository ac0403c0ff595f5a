#include "emurack/rack.h"

#include <inttypes.h>

#include "emurack/blocks.h"
#include "emurack/extent.h"
#include "emurack/rmc.h"
#include "lib/base/error.h"
#include "lib/netport/netport.h"

static void free_device(gpointer data)
{
    struct sdm_emu_device *device = data;

    g_free(device->ports);
    g_array_unref(device->connections);
    g_ptr_array_unref(device->mappings);
    g_array_unref(device->blocks);
    g_array_unref(device->scrubs);
    g_free(device);
}

struct sdm_emu_rack *sdm_emu_rack_new(uint64_t unit_bytes)
{
    struct sdm_emu_rack *rack = g_new0(struct sdm_emu_rack, 1);

    g_assert(unit_bytes > 0 && unit_bytes % SDM_NETPORT_PAGE_BYTES == 0);
    rack->unit_bytes = unit_bytes;
    rack->devices = g_ptr_array_new_with_free_func(free_device);
    rack->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    rack->by_module = g_hash_table_new(NULL, NULL);
    rack->rack_of_tray = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    rack->rack_ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return rack;
}

void sdm_emu_rack_free(struct sdm_emu_rack *rack)
{
    if (rack == NULL) {
        return;
    }
    g_hash_table_unref(rack->by_id);
    g_hash_table_unref(rack->by_module);
    g_hash_table_unref(rack->rack_of_tray);
    g_hash_table_unref(rack->rack_ids);
    g_ptr_array_unref(rack->devices);
    g_free(rack);
}

static bool check_new_id(GHashTable *taken, const char *what, const char *id, GError **error)
{
    if (!sdm_id_is_valid(id)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "'%s' is no id for a %s", id, what);
    }
    if (g_hash_table_contains(taken, id)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "two of id '%s', the second a %s", id,
                          what);
    }
    return true;
}

bool sdm_emu_rack_add_rack(struct sdm_emu_rack *rack, const char *id, GError **error)
{
    if (!check_new_id(rack->rack_ids, "rack", id, error)) {
        return false;
    }
    g_hash_table_add(rack->rack_ids, g_strdup(id));
    return true;
}

bool sdm_emu_rack_add_tray(struct sdm_emu_rack *rack, const char *id, const char *rack_id,
                           GError **error)
{
    if (!check_new_id(rack->rack_of_tray, "tray", id, error)) {
        return false;
    }
    if (!g_hash_table_contains(rack->rack_ids, rack_id)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "tray '%s' is in no rack '%s'", id,
                          rack_id);
    }
    g_hash_table_insert(rack->rack_of_tray, g_strdup(id), g_strdup(rack_id));
    return true;
}

/* Finds the rack that the device stands in; '*rack_id' is "" for a switch between racks. */
static bool place(const struct sdm_emu_rack *rack, const struct sdm_emu_device *device,
                  const char **rack_id, GError **error)
{
    const char *of_tray;

    if (device->tray[0] == '\0') {
        if (!sdm_emu_is_switch(device)) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "brick '%s' is in no tray",
                              device->id);
        }
        if (device->rack[0] != '\0' && !g_hash_table_contains(rack->rack_ids, device->rack)) {
            return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "switch '%s' is in no rack '%s'",
                              device->id, device->rack);
        }
        *rack_id = device->rack;
        return true;
    }
    of_tray = g_hash_table_lookup(rack->rack_of_tray, device->tray);
    if (of_tray == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "'%s' is in no tray '%s'", device->id,
                          device->tray);
    }
    *rack_id = of_tray;
    return true;
}

static bool check_memory_brick(const struct sdm_emu_rack *rack, const struct sdm_emu_device *device,
                               GError **error)
{
    if (device->capacity_bytes == 0 || device->capacity_bytes % rack->unit_bytes != 0 ||
        device->capacity_bytes > SDM_NETPORT_CEILING_BYTES) {
        return sdm_refuse(
            error, SDM_ERROR_INVALID_TOPOLOGY,
            "capacity %" PRIu64 " of '%s' is no multiple of %" PRIu64 " up to %" PRIu64,
            device->capacity_bytes, device->id, rack->unit_bytes, SDM_NETPORT_CEILING_BYTES);
    }
    if (device->module > SDM_NETPORT_MODULE_MAX) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "module %" PRIu32 " of '%s' is above %d", device->module, device->id,
                          SDM_NETPORT_MODULE_MAX);
    }
    if (g_hash_table_contains(rack->by_module, GUINT_TO_POINTER(device->module))) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "two of module %" PRIu32 ", the second '%s'", device->module, device->id);
    }
    return true;
}

static bool check_device(const struct sdm_emu_rack *rack, const struct sdm_emu_device *device,
                         GError **error)
{
    if (!check_new_id(rack->by_id, sdm_emu_kind_name(device->kind), device->id, error)) {
        return false;
    }
    if (device->n_ports == 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "'%s' has no port", device->id);
    }
    return device->kind != SDM_EMU_MEMORY || check_memory_brick(rack, device, error);
}

struct sdm_emu_device *sdm_emu_rack_add_device(struct sdm_emu_rack *rack,
                                               const struct sdm_emu_device *device, GError **error)
{
    const char *rack_id = NULL;
    struct sdm_emu_device *added;

    if (!check_device(rack, device, error) || !place(rack, device, &rack_id, error)) {
        return NULL;
    }
    added = g_memdup2(device, sizeof *device);
    if (rack_id != device->rack) {
        g_strlcpy(added->rack, rack_id, sizeof added->rack);
    }
    added->ports = g_new0(struct sdm_emu_port, device->n_ports);
    added->powered = device->powered || sdm_emu_is_switch(device);
    added->epoch = 0;
    added->awake_at_us = 0;
    added->dead = false;
    added->connections = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_connection));
    added->mappings = g_ptr_array_new_with_free_func(g_free);
    added->blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_block));
    added->scrubs = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_scrub));
    added->n_scrubs = 0;
    g_ptr_array_add(rack->devices, added);
    g_hash_table_insert(rack->by_id, added->id, added);
    if (added->kind == SDM_EMU_MEMORY) {
        g_hash_table_insert(rack->by_module, GUINT_TO_POINTER(added->module), added);
    }
    return added;
}

static struct sdm_emu_port *find_free_port(const struct sdm_emu_rack *rack, const char *id,
                                           unsigned port, GError **error)
{
    struct sdm_emu_device *device = sdm_emu_rack_find(rack, id);

    if (device == NULL || port >= device->n_ports) {
        sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                   "a link leads to port %u of '%s', which is "
                   "not there",
                   port, id);
        return NULL;
    }
    if (device->ports[port].device != NULL) {
        sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "port %u of '%s' is linked twice", port, id);
        return NULL;
    }
    return &device->ports[port];
}

bool sdm_emu_rack_add_link(struct sdm_emu_rack *rack, const char *a, unsigned port_a, const char *b,
                           unsigned port_b, GError **error)
{
    struct sdm_emu_port *end_a = find_free_port(rack, a, port_a, error);
    struct sdm_emu_port *end_b = end_a == NULL ? NULL : find_free_port(rack, b, port_b, error);

    if (end_b == NULL) {
        return false;
    }
    if (end_a == end_b) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY, "port %u of '%s' is linked to itself",
                          port_a, a);
    }
    *end_a = (struct sdm_emu_port){sdm_emu_rack_find(rack, b), port_b};
    *end_b = (struct sdm_emu_port){sdm_emu_rack_find(rack, a), port_a};
    return true;
}

struct sdm_emu_device *sdm_emu_rack_find(const struct sdm_emu_rack *rack, const char *id)
{
    return g_hash_table_lookup(rack->by_id, id);
}

struct sdm_emu_device *sdm_emu_rack_find_module(const struct sdm_emu_rack *rack, uint32_t module)
{
    return g_hash_table_lookup(rack->by_module, GUINT_TO_POINTER(module));
}

const char *sdm_emu_kind_name(enum sdm_emu_kind kind)
{
    static const char *const names[] = {"compute", "memory", "accelerator", "electrical",
                                        "optical"};

    return names[kind];
}
