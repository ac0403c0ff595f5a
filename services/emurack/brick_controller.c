#include "emurack/brick_controller.h"

#include <inttypes.h>

#include "emurack/blocks.h"
#include "emurack/rmc.h"
#include "emurack/switch.h"
#include "lib/base/error.h"

enum { US_PER_MS = 1000 };

unsigned sdm_emu_brick_count_extents(const struct sdm_emu *emu, const struct sdm_emu_device *brick)
{
    const GPtrArray *live = sdm_emu_extents_live(emu->extents);
    unsigned n_extents = 0;

    for (unsigned i = 0; i < live->len; i++) {
        const struct sdm_emu_extent *extent = g_ptr_array_index(live, i);

        n_extents += extent->brick == brick;
    }
    return n_extents;
}

bool sdm_emu_brick_power_on(struct sdm_emu *emu, struct sdm_emu_device *brick, unsigned *wait_ms,
                            GError **error)
{
    int64_t now_us = sdm_clock_monotonic_us(emu->clock);

    if (sdm_emu_is_switch(brick)) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "switch '%s' is always on", brick->id);
    }
    if (!brick->powered) {
        brick->powered = true;
        brick->awake_at_us = now_us + (int64_t)brick->wake_ms * US_PER_MS;
        sdm_emu_blocks_boot(emu->rack, brick);
    }
    *wait_ms = brick->awake_at_us <= now_us
                   ? 0
                   : (unsigned)((brick->awake_at_us - now_us + US_PER_MS - 1) / US_PER_MS);
    return true;
}

static bool check_idle(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                       GError **error)
{
    unsigned n_extents = sdm_emu_brick_count_extents(emu, brick);

    if (n_extents > 0) {
        return sdm_refuse(error, SDM_ERROR_IN_USE, "brick '%s' has %u live extents", brick->id,
                          n_extents);
    }
    if (brick->mappings->len > 0) {
        return sdm_refuse(error, SDM_ERROR_IN_USE, "brick '%s' has %u NetPort entries", brick->id,
                          brick->mappings->len);
    }
    for (unsigned port = 0; port < brick->n_ports; port++) {
        if (sdm_emu_switch_reaches(brick, port)) {
            return sdm_refuse(error, SDM_ERROR_IN_USE, "port %u of brick '%s' is connected", port,
                              brick->id);
        }
    }
    return true;
}

bool sdm_emu_brick_power_off(struct sdm_emu *emu, struct sdm_emu_device *brick, GError **error)
{
    if (sdm_emu_is_switch(brick)) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "switch '%s' is always on", brick->id);
    }
    if (!check_idle(emu, brick, error)) {
        return false;
    }
    brick->powered = false;
    sdm_emu_blocks_boot(emu->rack, brick);
    return true;
}

bool sdm_emu_brick_power_force_off(struct sdm_emu *emu, struct sdm_emu_device *brick,
                                   GError **error)
{
    if (brick->kind != SDM_EMU_COMPUTE && brick->kind != SDM_EMU_ACCELERATOR) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is a %s device", brick->id,
                          sdm_emu_kind_name(brick->kind));
    }
    brick->powered = false;
    sdm_emu_blocks_boot(emu->rack, brick);
    return sdm_emu_rmc_lose_power(emu, brick, error);
}

static bool check_memory(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                         GError **error)
{
    if (brick->kind != SDM_EMU_MEMORY) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is a %s device, not a memory brick",
                          brick->id, sdm_emu_kind_name(brick->kind));
    }
    if (!sdm_emu_is_awake(emu, brick)) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "memory brick '%s' is %s", brick->id,
                          sdm_emu_power_name(emu, brick));
    }
    return true;
}

static void log_scrub(struct sdm_emu *emu, struct sdm_emu_device *brick, uint64_t offset_bytes,
                      uint64_t size_bytes)
{
    struct sdm_emu_scrub scrub = {offset_bytes, size_bytes, sdm_clock_wall_us(emu->clock)};

    if (brick->scrubs->len >= SDM_EMU_SCRUBS_KEPT) {
        g_array_remove_index(brick->scrubs, 0);
    }
    g_array_append_val(brick->scrubs, scrub);
    brick->n_scrubs++;
    emu->counters.scrubs++;
}

bool sdm_emu_brick_scrub(struct sdm_emu *emu, struct sdm_emu_device *brick, uint64_t offset_bytes,
                         uint64_t size_bytes, GError **error)
{
    if (!check_memory(emu, brick, error)) {
        return false;
    }
    if (size_bytes == 0 || offset_bytes > brick->capacity_bytes ||
        size_bytes > brick->capacity_bytes - offset_bytes) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "%" PRIu64 " bytes from %" PRIu64 " are not within the %" PRIu64
                          " of '%s'",
                          size_bytes, offset_bytes, brick->capacity_bytes, brick->id);
    }
    if (!sdm_emu_rmc_strand(emu, brick, offset_bytes, size_bytes, error) ||
        !sdm_emu_extents_clear(emu->extents, brick, offset_bytes, size_bytes, error)) {
        return false;
    }
    log_scrub(emu, brick, offset_bytes, size_bytes);
    return true;
}

static int compare_offsets(gconstpointer a, gconstpointer b)
{
    const struct sdm_emu_extent *extent_a = *(struct sdm_emu_extent *const *)a;
    const struct sdm_emu_extent *extent_b = *(struct sdm_emu_extent *const *)b;

    return extent_a->offset_bytes < extent_b->offset_bytes
               ? -1
               : extent_a->offset_bytes > extent_b->offset_bytes;
}

/* The compute bricks whose entries map it, each once, in the rack's order. */
static void append_users(const struct sdm_emu *emu, const struct sdm_emu_extent *extent,
                         GString *text)
{
    const char *separator = ":";

    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        if (device->kind == SDM_EMU_COMPUTE && sdm_emu_rmc_maps(device, extent)) {
            g_string_append_printf(text, "%s%s", separator, device->id);
            separator = ",";
        }
    }
}

bool sdm_emu_brick_extents(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                           GString *text, GError **error)
{
    const GPtrArray *live = sdm_emu_extents_live(emu->extents);
    g_autoptr(GPtrArray) own = g_ptr_array_new();

    if (!check_memory(emu, brick, error)) {
        return false;
    }
    for (unsigned i = 0; i < live->len; i++) {
        struct sdm_emu_extent *extent = g_ptr_array_index(live, i);

        if (extent->brick == brick) {
            g_ptr_array_add(own, extent);
        }
    }
    g_ptr_array_sort(own, compare_offsets);
    g_string_append_printf(text, " %u", own->len);
    for (unsigned i = 0; i < own->len; i++) {
        const struct sdm_emu_extent *extent = g_ptr_array_index(own, i);

        g_string_append_printf(text, " %" PRIu64 ":%" PRIu64 ":%u", extent->offset_bytes,
                               extent->size_bytes, extent->n_users);
        append_users(emu, extent, text);
    }
    return true;
}

void sdm_emu_brick_status(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                          GString *text)
{
    g_string_append_printf(text, " power=%s", sdm_emu_power_name(emu, brick));
    if (brick->kind == SDM_EMU_MEMORY) {
        g_string_append_printf(
            text, " module=%" PRIu32 " capacity=%" PRIu64 " extents=%u scrubs=%" PRIu64,
            brick->module, brick->capacity_bytes, sdm_emu_brick_count_extents(emu, brick),
            brick->n_scrubs);
    } else if (brick->kind == SDM_EMU_COMPUTE) {
        g_string_append_printf(text, " entries=%u", brick->mappings->len);
    }
}
