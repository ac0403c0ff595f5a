#include "emurack/rack_file.h"

#include <inttypes.h>

#include "lib/base/error.h"
#include "lib/netport/netport.h"
#include "wire/rack.h"

/* A rack file of a hundred thousand bricks and their links. */
static const struct sdm_json_limits limits = {.size_bytes = 512 << 20, .n_levels = 8};

static bool add_brick(struct sdm_emu_rack *rack, const struct sdm_wire_brick *brick, GError **error)
{
    static const enum sdm_emu_kind kinds[] = {
        [SDM_BRICK_KIND_COMPUTE] = SDM_EMU_COMPUTE,
        [SDM_BRICK_KIND_MEMORY] = SDM_EMU_MEMORY,
        [SDM_BRICK_KIND_ACCELERATOR] = SDM_EMU_ACCELERATOR,
    };
    struct sdm_emu_device device = {
        .kind = kinds[brick->kind],
        .n_ports = (unsigned)brick->n_ports,
        .capacity_bytes = brick->capacity_bytes,
        .local_bytes = brick->local_bytes,
        .module = (uint32_t)brick->module,
        .wake_ms = (unsigned)brick->wake_ms,
        .idle_mw = brick->idle_mw,
        .active_mw = brick->active_mw,
        .powered = !brick->has_power || brick->power == SDM_POWER_STATE_ON,
    };

    if (device.kind == SDM_EMU_MEMORY && !(brick->has_capacity_bytes && brick->has_module)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "memory brick '%s' needs capacity_bytes and module", brick->id);
    }
    g_strlcpy(device.id, brick->id, sizeof device.id);
    g_strlcpy(device.tray, brick->tray, sizeof device.tray);
    return sdm_emu_rack_add_device(rack, &device, error) != NULL;
}

static bool add_switch(struct sdm_emu_rack *rack, const struct sdm_wire_switch *description,
                       GError **error)
{
    struct sdm_emu_device device = {
        .kind = description->kind == SDM_SWITCH_KIND_OPTICAL ? SDM_EMU_OPTICAL : SDM_EMU_ELECTRICAL,
        .n_ports = (unsigned)description->n_ports,
        .idle_mw = description->idle_mw,
        .active_mw = description->idle_mw,
    };

    g_strlcpy(device.id, description->id, sizeof device.id);
    if (description->has_tray) {
        g_strlcpy(device.tray, description->tray, sizeof device.tray);
    }
    if (description->has_rack) {
        g_strlcpy(device.rack, description->rack, sizeof device.rack);
    }
    return sdm_emu_rack_add_device(rack, &device, error) != NULL;
}

static bool add_parts(struct sdm_emu_rack *rack, const struct sdm_rack *file, GError **error)
{
    for (size_t i = 0; i < file->n_racks; i++) {
        if (!sdm_emu_rack_add_rack(rack, file->racks[i].id, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_trays; i++) {
        if (!sdm_emu_rack_add_tray(rack, file->trays[i].id, file->trays[i].rack, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_bricks; i++) {
        if (!add_brick(rack, &file->bricks[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_switches; i++) {
        if (!add_switch(rack, &file->switches[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < file->n_links; i++) {
        const struct sdm_wire_link *link = &file->links[i];

        if (!sdm_emu_rack_add_link(rack, link->a.device, (unsigned)link->a.port, link->b.device,
                                   (unsigned)link->b.port, error)) {
            return false;
        }
    }
    return true;
}

struct sdm_emu_rack *sdm_emu_rack_file_read(const char *bytes, size_t size, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(sdm_json) value = sdm_json_parse(bytes, size, &limits, error);
    g_autoptr(sdm_emu_rack) rack = NULL;
    struct sdm_rack file;

    if (value == NULL || !sdm_codec_decode_value(&sdm_rack_codec, value, arena, &file, error)) {
        return NULL;
    }
    if (file.segment_unit_bytes % SDM_NETPORT_PAGE_BYTES != 0) {
        sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                   "segment unit %" PRIu64 " is no multiple of a page", file.segment_unit_bytes);
        return NULL;
    }
    rack = sdm_emu_rack_new(file.segment_unit_bytes);
    return add_parts(rack, &file, error) ? g_steal_pointer(&rack) : NULL;
}

struct sdm_emu_rack *sdm_emu_rack_file_load(const char *path, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize size;
    struct sdm_emu_rack *rack;

    if (!g_file_get_contents(path, &bytes, &size, error)) {
        return NULL;
    }
    rack = sdm_emu_rack_file_read(bytes, size, error);
    if (rack == NULL) {
        g_prefix_error(error, "rack file '%s': ", path);
    }
    return rack;
}
