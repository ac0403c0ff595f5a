#include "emurack/publish.h"

#include "emurack/rmc.h"
#include "wire/emurack.h"

/* A memory brick's key, in the manner of System V shared memory, made of its module number. */
enum { KEY_BASE = 0x5d000000 };

static void put_path(char *field, size_t size, char *path_take)
{
    g_strlcpy(field, path_take, size);
    g_free(path_take);
}

static void fill_memory(const struct sdm_emu *emu, const struct sdm_emu_device *device,
                        struct sdm_wire_emurack_memory_brick *brick)
{
    g_strlcpy(brick->id, device->id, sizeof brick->id);
    brick->key = KEY_BASE | device->module;
    put_path(brick->path, sizeof brick->path, sdm_emu_extents_image_path(emu->extents, device));
    brick->size_bytes = device->capacity_bytes;
    brick->module = device->module;
}

static void fill_compute(const struct sdm_emu *emu, const struct sdm_emu_device *device, bool sysfs,
                         struct sdm_wire_emurack_compute_brick *brick)
{
    g_strlcpy(brick->id, device->id, sizeof brick->id);
    put_path(brick->rmc_socket, sizeof brick->rmc_socket, sdm_emu_rmc_path(emu, device, ".sock"));
    put_path(brick->registers, sizeof brick->registers, sdm_emu_rmc_path(emu, device, ".regs"));
    if (sysfs) {
        put_path(brick->sysfs, sizeof brick->sysfs,
                 g_strdup_printf("%s/sys/%s", emu->state_dir, device->id));
    }
}

static void fill(const struct sdm_emu *emu, bool sysfs, struct sdm_emurack *file)
{
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        if (device->kind == SDM_EMU_MEMORY) {
            fill_memory(emu, device, &file->memory_bricks[file->n_memory_bricks++]);
        } else if (device->kind == SDM_EMU_COMPUTE) {
            fill_compute(emu, device, sysfs, &file->compute_bricks[file->n_compute_bricks++]);
        }
    }
}

bool sdm_emu_publish(const struct sdm_emu *emu, const char *devices, bool sysfs, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autofree char *path = g_build_filename(emu->state_dir, "rack.json", NULL);
    g_autoptr(sdm_json) value = NULL;
    g_autofree char *text = NULL;
    size_t n_devices = emu->rack->devices->len;
    struct sdm_emurack file = {.version = 1, .segment_unit_bytes = emu->rack->unit_bytes};

    g_strlcpy(file.devices, devices, sizeof file.devices);
    put_path(file.segments_path, sizeof file.segments_path,
             g_build_filename(emu->bytes_dir, "segments", NULL));
    file.memory_bricks = SDM_ARENA_NEW(arena, struct sdm_wire_emurack_memory_brick, n_devices);
    file.compute_bricks = SDM_ARENA_NEW(arena, struct sdm_wire_emurack_compute_brick, n_devices);
    fill(emu, sysfs, &file);
    value = sdm_codec_encode_value(&sdm_emurack_codec, &file);
    text = sdm_json_write(value, SDM_JSON_PRETTY, NULL);
    return g_file_set_contents(path, text, -1, error);
}
