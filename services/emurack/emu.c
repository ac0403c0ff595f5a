#include "emurack/emu.h"

#include <errno.h>

#include "emurack/blocks.h"
#include "emurack/cuts.h"
#include "emurack/rmc.h"
#include "emurack/store.h"
#include "lib/base/error.h"

static bool make_dir(const char *parent, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);

    return g_mkdir_with_parents(path, 0755) == 0 || sdm_set_errno(error, errno, "make '%s'", path);
}

static void boot(struct sdm_emu *emu)
{
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        sdm_emu_blocks_boot(emu->rack, sdm_emu_rack_device(emu->rack, i));
    }
}

struct sdm_emu *sdm_emu_open(struct sdm_emu_rack *rack, const char *state_dir,
                             const char *bytes_dir, const struct sdm_clock *clock, GError **error)
{
    g_autoptr(sdm_emu) emu = g_new0(struct sdm_emu, 1);

    pthread_mutex_init(&emu->mutex, NULL);
    emu->rack = rack;
    emu->clock = clock;
    emu->faults = sdm_emu_faults_new();
    emu->cuts = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_cut));
    emu->state_dir = g_strdup(state_dir);
    emu->bytes_dir = g_strdup(bytes_dir);
    emu->registers = g_hash_table_new(g_str_hash, g_str_equal);
    boot(emu);
    if (!make_dir(state_dir, "rmc", error)) {
        return NULL;
    }
    emu->extents = sdm_emu_extents_open(bytes_dir, rack, error);
    if (emu->extents == NULL || !sdm_emu_store_load(emu, error) ||
        !sdm_emu_extents_recover(emu->extents, error) || !sdm_emu_rmc_open(emu, error) ||
        !sdm_emu_store_save(emu, error)) {
        return NULL;
    }
    return g_steal_pointer(&emu);
}

void sdm_emu_close(struct sdm_emu *emu)
{
    if (emu == NULL) {
        return;
    }
    sdm_emu_rmc_close(emu);
    g_hash_table_unref(emu->registers);
    sdm_emu_extents_close(emu->extents);
    sdm_emu_faults_free(emu->faults);
    g_array_unref(emu->cuts);
    sdm_emu_rack_free(emu->rack);
    pthread_mutex_destroy(&emu->mutex);
    g_free(emu->state_dir);
    g_free(emu->bytes_dir);
    g_free(emu->save_failure);
    g_free(emu);
}

bool sdm_emu_is_awake(const struct sdm_emu *emu, const struct sdm_emu_device *device)
{
    return device->powered && device->awake_at_us <= sdm_clock_monotonic_us(emu->clock);
}

const char *sdm_emu_power_name(const struct sdm_emu *emu, const struct sdm_emu_device *device)
{
    if (!device->powered) {
        return "off";
    }
    return sdm_emu_is_awake(emu, device) ? "on" : "waking";
}
