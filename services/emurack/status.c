#include "emurack/status.h"

#include "emurack/blocks.h"
#include "emurack/brick_controller.h"
#include "emurack/cuts.h"
#include "emurack/path.h"
#include "emurack/rmc.h"
#include "emurack/switch.h"

static void fill_counters(const struct sdm_emu *emu, struct sdm_json *status)
{
    struct sdm_json *counters = sdm_json_set_object(status, "counters");

    sdm_json_set_integer(counters, "overlaps", (int64_t)emu->counters.overlaps);
    sdm_json_set_integer(counters, "cut_under_live", (int64_t)emu->counters.cut_under_live);
    sdm_json_set_integer(counters, "unmapped_online", (int64_t)emu->counters.unmapped_online);
    sdm_json_set_integer(counters, "scrubs", (int64_t)emu->counters.scrubs);
}

static void fill_cuts(const struct sdm_emu *emu, struct sdm_json *status)
{
    struct sdm_json *cuts = sdm_json_set_list(status, "cuts");

    for (unsigned i = 0; i < emu->cuts->len; i++) {
        const struct sdm_emu_cut *cut = &g_array_index(emu->cuts, struct sdm_emu_cut, i);
        struct sdm_json *item = sdm_json_append_object(cuts);

        sdm_json_set_integer(item, "number", (int64_t)cut->number);
        sdm_json_set_integer(item, "wall_us", cut->wall_us);
        sdm_json_set_string(item, "switch", cut->at->id);
        sdm_json_set_integer(item, "a", cut->a);
        sdm_json_set_integer(item, "b", cut->b);
        sdm_json_set_string(item, "compute_brick", cut->compute->id);
        sdm_json_set_integer(item, "entry", cut->entry);
        sdm_json_set_integer(item, "port", cut->port);
        sdm_json_set_string(item, "memory_brick", cut->memory->id);
        sdm_json_set_integer(item, "offset_bytes", (int64_t)cut->offset_bytes);
        sdm_json_set_integer(item, "size_bytes", (int64_t)cut->size_bytes);
    }
}

static void fill_switch(const struct sdm_emu_device *device, struct sdm_json *object)
{
    struct sdm_json *connections = sdm_json_set_list(object, "connections");

    for (unsigned i = 0; i < device->connections->len; i++) {
        const struct sdm_emu_connection *connection =
            &g_array_index(device->connections, struct sdm_emu_connection, i);
        struct sdm_json *pair = sdm_json_append_object(connections);

        sdm_json_set_integer(pair, "a", connection->a);
        sdm_json_set_integer(pair, "b", connection->b);
    }
}

static void fill_compute(const struct sdm_emu *emu, const struct sdm_emu_device *device,
                         struct sdm_json *object)
{
    struct sdm_json *entries = sdm_json_set_list(object, "entries");
    unsigned n_online = 0;

    for (unsigned i = 0; i < device->mappings->len; i++) {
        const struct sdm_emu_mapping *mapping = g_ptr_array_index(device->mappings, i);
        struct sdm_json *entry = sdm_json_append_object(entries);
        struct sdm_netport_window window;

        sdm_netport_entry_read(&mapping->entry, &window);
        sdm_json_set_integer(entry, "entry", mapping->index);
        sdm_json_set_integer(entry, "port", window.port);
        sdm_json_set_string(entry, "memory_brick", mapping->memory->id);
        sdm_json_set_integer(entry, "start_bytes", (int64_t)window.start_bytes);
        sdm_json_set_integer(entry, "size_bytes", (int64_t)(window.end_bytes - window.start_bytes));
        sdm_json_set_integer(entry, "offset_bytes", (int64_t)window.brick_bytes);
        sdm_json_set_boolean(entry, "shared", mapping->shared);
        sdm_json_set_boolean(entry, "path_up",
                             sdm_emu_path_exists(device, window.port, mapping->memory));
        sdm_json_set_string(entry, "file", mapping->extent == NULL ? "" : mapping->extent->path);
    }
    for (unsigned i = 0; i < device->blocks->len; i++) {
        n_online +=
            sdm_emu_block_is_online(&g_array_index(device->blocks, struct sdm_emu_block, i));
    }
    sdm_json_set_integer(object, "blocks", device->blocks->len);
    sdm_json_set_integer(object, "blocks_online", n_online);
    (void)emu;
}

static void fill_memory(const struct sdm_emu *emu, const struct sdm_emu_device *device,
                        struct sdm_json *object)
{
    const GPtrArray *live = sdm_emu_extents_live(emu->extents);
    struct sdm_json *extents = sdm_json_set_list(object, "extents");
    struct sdm_json *scrubs = sdm_json_set_list(object, "scrubs");
    g_autofree char *image = sdm_emu_extents_image_path(emu->extents, device);

    sdm_json_set_integer(object, "capacity_bytes", (int64_t)device->capacity_bytes);
    sdm_json_set_integer(object, "module", device->module);
    sdm_json_set_string(object, "image", image);
    for (unsigned i = 0; i < live->len; i++) {
        const struct sdm_emu_extent *extent = g_ptr_array_index(live, i);
        struct sdm_json *item;

        if (extent->brick != device) {
            continue;
        }
        item = sdm_json_append_object(extents);
        sdm_json_set_integer(item, "offset_bytes", (int64_t)extent->offset_bytes);
        sdm_json_set_integer(item, "size_bytes", (int64_t)extent->size_bytes);
        sdm_json_set_integer(item, "users", extent->n_users);
        sdm_json_set_string(item, "file", extent->path);
    }
    sdm_json_set_integer(object, "n_scrubs", (int64_t)device->n_scrubs);
    for (unsigned i = 0; i < device->scrubs->len; i++) {
        const struct sdm_emu_scrub *scrub = &g_array_index(device->scrubs, struct sdm_emu_scrub, i);
        struct sdm_json *item = sdm_json_append_object(scrubs);

        sdm_json_set_integer(item, "offset_bytes", (int64_t)scrub->offset_bytes);
        sdm_json_set_integer(item, "size_bytes", (int64_t)scrub->size_bytes);
        sdm_json_set_integer(item, "wall_us", scrub->wall_us);
    }
}

static void fill_device(const struct sdm_emu *emu, const struct sdm_emu_device *device,
                        struct sdm_json *object)
{
    sdm_json_set_string(object, "id", device->id);
    sdm_json_set_string(object, "kind", sdm_emu_kind_name(device->kind));
    sdm_json_set_integer(object, "epoch", (int64_t)device->epoch);
    sdm_json_set_string(object, "power", sdm_emu_power_name(emu, device));
    sdm_json_set_boolean(object, "dead", device->dead);
    if (sdm_emu_is_switch(device)) {
        fill_switch(device, object);
    } else if (device->kind == SDM_EMU_COMPUTE) {
        fill_compute(emu, device, object);
    } else if (device->kind == SDM_EMU_MEMORY) {
        fill_memory(emu, device, object);
    }
}

void sdm_emu_status_fill(struct sdm_emu *emu, struct sdm_json *status)
{
    struct sdm_json *devices;

    pthread_mutex_lock(&emu->mutex);
    sdm_json_set_integer(status, "segment_unit_bytes", (int64_t)emu->rack->unit_bytes);
    fill_counters(emu, status);
    fill_cuts(emu, status);
    sdm_json_set_integer(status, "live_extents", sdm_emu_extents_live(emu->extents)->len);
    devices = sdm_json_set_list(status, "devices");
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        fill_device(emu, sdm_emu_rack_device(emu->rack, i), sdm_json_append_object(devices));
    }
    pthread_mutex_unlock(&emu->mutex);
}

struct sdm_json *sdm_emu_status_faults(struct sdm_emu *emu)
{
    struct sdm_json *list = sdm_json_new_list();
    const GArray *armed;

    pthread_mutex_lock(&emu->mutex);
    armed = sdm_emu_faults_armed(emu->faults);
    for (unsigned i = 0; i < armed->len; i++) {
        const struct sdm_emu_fault *fault = &g_array_index(armed, struct sdm_emu_fault, i);
        struct sdm_json *object = sdm_json_append_object(list);

        sdm_json_set_string(object, "device", fault->device);
        sdm_json_set_string(object, "operation", fault->operation);
        sdm_json_set_string(object, "action", sdm_emu_action_name(fault->action));
        sdm_json_set_integer(object, "ms", fault->delay_ms);
        sdm_json_set_string(object, "code", sdm_error_code_name(fault->code));
        sdm_json_set_integer(object, "count", fault->n_left);
    }
    pthread_mutex_unlock(&emu->mutex);
    return list;
}

/* Reads a counter under the mutex. */
static double read_counter(struct sdm_emu *emu, const uint64_t *counter)
{
    double value;

    pthread_mutex_lock(&emu->mutex);
    value = (double)*counter;
    pthread_mutex_unlock(&emu->mutex);
    return value;
}

static double read_overlaps(void *user)
{
    struct sdm_emu *emu = user;

    return read_counter(emu, &emu->counters.overlaps);
}

static double read_cut_under_live(void *user)
{
    struct sdm_emu *emu = user;

    return read_counter(emu, &emu->counters.cut_under_live);
}

static double read_unmapped_online(void *user)
{
    struct sdm_emu *emu = user;

    return read_counter(emu, &emu->counters.unmapped_online);
}

static double read_scrubs(void *user)
{
    struct sdm_emu *emu = user;

    return read_counter(emu, &emu->counters.scrubs);
}

static double read_live_extents(void *user)
{
    struct sdm_emu *emu = user;
    double value;

    pthread_mutex_lock(&emu->mutex);
    value = sdm_emu_extents_live(emu->extents)->len;
    pthread_mutex_unlock(&emu->mutex);
    return value;
}

/* Idle or active power of what is on: a brick is active while bytes of it, or entries in it, live.
 */
static double read_power(void *user)
{
    struct sdm_emu *emu = user;
    uint64_t power_mw = 0;

    pthread_mutex_lock(&emu->mutex);
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);
        bool active = device->mappings->len > 0 || sdm_emu_brick_count_extents(emu, device) > 0;

        if (device->powered) {
            power_mw += active ? device->active_mw : device->idle_mw;
        }
    }
    pthread_mutex_unlock(&emu->mutex);
    return (double)power_mw / 1000;
}

void sdm_emu_status_register(struct sdm_emu *emu, struct sdm_metrics *metrics)
{
    static const struct {
        enum sdm_metrics_kind kind;
        const char *name;
        const char *help;
        double (*read)(void *user);
    } series[] = {
        {SDM_METRICS_COUNTER, "sdm_emurack_overlaps_total",
         "Extents granted over live extents; a correct control plane leaves it at 0.",
         read_overlaps},
        {SDM_METRICS_COUNTER, "sdm_emurack_cut_under_live_total",
         "Live NetPort entries that lost their path to a disconnect.", read_cut_under_live},
        {SDM_METRICS_COUNTER, "sdm_emurack_unmapped_online_total",
         "Memory blocks that were online when their NetPort entry was cleared.",
         read_unmapped_online},
        {SDM_METRICS_COUNTER, "sdm_emurack_scrubs_total", "Scrubs done by memory bricks.",
         read_scrubs},
        {SDM_METRICS_GAUGE, "sdm_emurack_live_extents", "Extents that NetPort entries map.",
         read_live_extents},
        {SDM_METRICS_GAUGE, "sdm_emurack_power_watts", "Power that the emulated rack draws.",
         read_power},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(series); i++) {
        sdm_metrics_add_function(metrics, series[i].kind, series[i].name, series[i].help,
                                 series[i].read, emu, NULL);
    }
}
