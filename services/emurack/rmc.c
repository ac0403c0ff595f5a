#include "emurack/rmc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emurack/blocks.h"
#include "emurack/path.h"
#include "emurack/store.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"

enum { REGISTERS_MODE = 0640 };

char *sdm_emu_rmc_path(const struct sdm_emu *emu, const struct sdm_emu_device *compute,
                       const char *suffix)
{
    return g_strdup_printf("%s/rmc/%s%s", emu->state_dir, compute->id, suffix);
}

static struct sdm_emu_mapping *mapping_at(const struct sdm_emu_device *compute, unsigned position)
{
    return g_ptr_array_index(compute->mappings, position);
}

/* Where the entry's mapping stands, or would stand, in the sorted list. */
static struct sdm_emu_mapping *find_index(const struct sdm_emu_device *compute, unsigned index,
                                          unsigned *position)
{
    for (*position = 0; *position < compute->mappings->len; (*position)++) {
        struct sdm_emu_mapping *mapping = mapping_at(compute, *position);

        if (mapping->index >= index) {
            return mapping->index == index ? mapping : NULL;
        }
    }
    return NULL;
}

static void publish(const struct sdm_emu *emu, const struct sdm_emu_device *compute, unsigned index,
                    const struct sdm_netport_entry *entry)
{
    uint8_t *file = g_hash_table_lookup(emu->registers, compute->id);

    if (file != NULL) {
        sdm_netport_file_store(file, index, entry);
    }
}

static bool open_registers(struct sdm_emu *emu, const struct sdm_emu_device *compute,
                           GError **error)
{
    g_autofree char *path = sdm_emu_rmc_path(emu, compute, ".regs");
    SDM_AUTOCLOSE
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, REGISTERS_MODE);
    struct sdm_netport_entry empty = {0};
    uint8_t *file;

    if (fd < 0) {
        return sdm_set_errno(error, errno, "open '%s'", path);
    }
    if (ftruncate(fd, SDM_NETPORT_FILE_BYTES) != 0) {
        return sdm_set_errno(error, errno, "lengthen '%s'", path);
    }
    file = mmap(NULL, SDM_NETPORT_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (file == MAP_FAILED) {
        return sdm_set_errno(error, errno, "map '%s'", path);
    }
    g_hash_table_insert(emu->registers, (gpointer)compute->id, file);
    /* A hypervisor may read while we start: entries that stay are never cleared on the way. */
    for (unsigned index = 0, position = 0; index < SDM_NETPORT_N_ENTRIES; index++) {
        const struct sdm_emu_mapping *mapping = find_index(compute, index, &position);
        struct sdm_netport_entry wanted = mapping == NULL ? empty : mapping->entry;
        struct sdm_netport_entry found;

        sdm_netport_entry_decode(file + (size_t)index * SDM_NETPORT_ENTRY_BYTES, &found);
        if (!sdm_netport_entry_equal(&wanted, &found)) {
            publish(emu, compute, index, &wanted);
        }
    }
    return true;
}

bool sdm_emu_rmc_open(struct sdm_emu *emu, GError **error)
{
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        if (device->kind == SDM_EMU_COMPUTE && !open_registers(emu, device, error)) {
            return false;
        }
    }
    return true;
}

void sdm_emu_rmc_close(struct sdm_emu *emu)
{
    GHashTableIter iter;
    gpointer file;

    g_hash_table_iter_init(&iter, emu->registers);
    while (g_hash_table_iter_next(&iter, NULL, &file)) {
        munmap(file, SDM_NETPORT_FILE_BYTES);
    }
    g_hash_table_remove_all(emu->registers);
}

static bool check_awake(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                        GError **error)
{
    if (!sdm_emu_is_awake(emu, brick)) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "brick '%s' is %s", brick->id,
                          sdm_emu_power_name(emu, brick));
    }
    return true;
}

static bool check_index(unsigned index, GError **error)
{
    if (index >= SDM_NETPORT_N_ENTRIES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "NetPort entry %u is above %d", index,
                          SDM_NETPORT_N_ENTRIES - 1);
    }
    return true;
}

static bool check_window(const struct sdm_emu_device *compute,
                         const struct sdm_netport_entry *entry, GError **error)
{
    if (sdm_netport_entry_is_empty(entry)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "the window holds no page");
    }
    if (!sdm_netport_entry_validate(entry, error)) {
        return false;
    }
    for (unsigned i = 0; i < compute->mappings->len; i++) {
        const struct sdm_emu_mapping *other = mapping_at(compute, i);
        unsigned ignored;

        if (sdm_netport_overlaps(&other->entry, 1, 1, entry, &ignored)) {
            return sdm_refuse(error, SDM_ERROR_IN_USE, "the window overlaps that of entry %u",
                              other->index);
        }
    }
    return true;
}

static struct sdm_emu_device *check_target(const struct sdm_emu *emu,
                                           const struct sdm_emu_device *compute,
                                           const struct sdm_netport_window *window, GError **error)
{
    struct sdm_emu_device *memory = sdm_emu_rack_find_module(emu->rack, window->module);
    uint64_t size_bytes = window->end_bytes - window->start_bytes;

    if (memory == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no memory brick has module %" PRIu32,
                   window->module);
        return NULL;
    }
    if (window->port >= compute->n_ports) {
        sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "brick '%s' has ports 0 to %u, not %u",
                   compute->id, compute->n_ports - 1, window->port);
        return NULL;
    }
    if (window->brick_bytes > memory->capacity_bytes ||
        size_bytes > memory->capacity_bytes - window->brick_bytes) {
        sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                   "%" PRIu64 " bytes from %" PRIu64 " are not within the %" PRIu64 " of '%s'",
                   size_bytes, window->brick_bytes, memory->capacity_bytes, memory->id);
        return NULL;
    }
    if (!check_awake(emu, memory, error)) {
        return NULL;
    }
    if (!sdm_emu_path_exists(compute, window->port, memory)) {
        sdm_refuse(error, SDM_ERROR_NO_PATH, "no circuit leads from port %u of '%s' to '%s'",
                   window->port, compute->id, memory->id);
        return NULL;
    }
    return memory;
}

static struct sdm_emu_mapping *insert_mapping(struct sdm_emu_device *compute, unsigned index,
                                              const struct sdm_netport_entry *entry, bool shared)
{
    struct sdm_emu_mapping *mapping = g_new0(struct sdm_emu_mapping, 1);
    unsigned position;

    mapping->index = index;
    mapping->entry = *entry;
    mapping->shared = shared;
    find_index(compute, index, &position);
    g_ptr_array_insert(compute->mappings, (int)position, mapping);
    return mapping;
}

/* Gives the entry its bytes.  When the state cannot be saved, nothing has happened. */
static struct sdm_emu_mapping *add_mapping(struct sdm_emu *emu, struct sdm_emu_device *compute,
                                           unsigned index, const struct sdm_netport_entry *entry,
                                           bool shared, struct sdm_emu_device *memory,
                                           GError **error)
{
    struct sdm_netport_window window;
    struct sdm_emu_extent *extent;
    struct sdm_emu_mapping *mapping;
    unsigned n_overlaps = 0;

    sdm_netport_entry_read(entry, &window);
    extent =
        sdm_emu_extents_assign(emu->extents, memory, window.brick_bytes,
                               window.end_bytes - window.start_bytes, shared, &n_overlaps, error);
    if (extent == NULL) {
        return NULL;
    }
    mapping = insert_mapping(compute, index, entry, shared);
    mapping->memory = memory;
    mapping->extent = extent;
    emu->counters.overlaps += n_overlaps;
    if (!sdm_emu_store_save(emu, error)) {
        emu->counters.overlaps -= n_overlaps;
        g_ptr_array_remove(compute->mappings, mapping);
        sdm_emu_extents_drop(emu->extents, extent, shared);
        return NULL;
    }
    return mapping;
}

bool sdm_emu_rmc_map(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                     const struct sdm_netport_entry *entry, bool shared, const char **path,
                     GError **error)
{
    struct sdm_netport_window window;
    struct sdm_emu_device *memory;
    struct sdm_emu_mapping *mapping;
    unsigned position;

    if (!check_awake(emu, compute, error) || !check_index(index, error)) {
        return false;
    }
    mapping = find_index(compute, index, &position);
    if (mapping != NULL) {
        if (!sdm_netport_entry_equal(&mapping->entry, entry) || mapping->shared != shared ||
            mapping->extent == NULL) {
            return sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS,
                              "entry %u of '%s' is set and differs", index, compute->id);
        }
        *path = mapping->extent->path;
        return true;
    }
    if (!check_window(compute, entry, error)) {
        return false;
    }
    sdm_netport_entry_read(entry, &window);
    memory = check_target(emu, compute, &window, error);
    if (memory == NULL) {
        return false;
    }
    mapping = add_mapping(emu, compute, index, entry, shared, memory, error);
    if (mapping == NULL || !sdm_emu_extents_settle(emu->extents, mapping->extent, error)) {
        return false;
    }
    publish(emu, compute, index, entry);
    *path = mapping->extent->path;
    return true;
}

bool sdm_emu_rmc_unmap(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                       GError **error)
{
    static const struct sdm_netport_entry empty;
    struct sdm_emu_mapping *mapping;
    g_autofree struct sdm_emu_mapping *gone = NULL;
    unsigned position;
    bool saved;

    if (!check_awake(emu, compute, error) || !check_index(index, error)) {
        return false;
    }
    mapping = find_index(compute, index, &position);
    if (mapping == NULL) {
        return true;
    }
    if (mapping->extent != NULL && !sdm_emu_extents_return(emu->extents, mapping->extent, error)) {
        return false;
    }
    /* Nobody decodes by this entry any more before its file goes. */
    publish(emu, compute, index, &empty);
    gone = g_ptr_array_steal_index(compute->mappings, position);
    emu->counters.unmapped_online += sdm_emu_blocks_unmap(emu->rack, compute, &gone->entry);
    saved = sdm_emu_store_save(emu, error);
    if (gone->extent != NULL) {
        sdm_emu_extents_drop(emu->extents, gone->extent, gone->shared);
    }
    return saved;
}

void sdm_emu_rmc_list(const struct sdm_emu_device *compute, GString *text)
{
    g_string_append_printf(text, " %u", compute->mappings->len);
    for (unsigned i = 0; i < compute->mappings->len; i++) {
        const struct sdm_emu_mapping *mapping = mapping_at(compute, i);

        g_string_append_printf(
            text, " %u:%08" PRIx32 ":%08" PRIx32 ":%08" PRIx32 ":%08" PRIx32 ":%s", mapping->index,
            mapping->entry.info, mapping->entry.start, mapping->entry.end, mapping->entry.offset,
            mapping->extent == NULL ? "-" : mapping->extent->path);
    }
}

bool sdm_emu_rmc_lose_power(struct sdm_emu *emu, struct sdm_emu_device *compute, GError **error)
{
    static const struct sdm_netport_entry empty;

    while (compute->mappings->len > 0) {
        g_autofree struct sdm_emu_mapping *gone = NULL;
        bool saved;

        if (mapping_at(compute, 0)->extent != NULL &&
            !sdm_emu_extents_return(emu->extents, mapping_at(compute, 0)->extent, error)) {
            return false;
        }
        gone = g_ptr_array_steal_index(compute->mappings, 0);
        publish(emu, compute, gone->index, &empty);
        saved = sdm_emu_store_save(emu, error);
        if (gone->extent != NULL) {
            sdm_emu_extents_drop(emu->extents, gone->extent, gone->shared);
        }
        if (!saved) {
            return false;
        }
    }
    return true;
}

bool sdm_emu_rmc_maps(const struct sdm_emu_device *compute, const struct sdm_emu_extent *extent)
{
    for (unsigned i = 0; i < compute->mappings->len; i++) {
        if (mapping_at(compute, i)->extent == extent) {
            return true;
        }
    }
    return false;
}

typedef bool visit_fn(const struct sdm_emu_device *compute, struct sdm_emu_mapping *mapping,
                      gpointer data);

/* Stops and returns false as soon as a visit does. */
static bool each_mapping(const struct sdm_emu *emu, visit_fn *visit, gpointer data)
{
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        for (unsigned j = 0; j < device->mappings->len; j++) {
            if (!visit(device, mapping_at(device, j), data)) {
                return false;
            }
        }
    }
    return true;
}

static bool is_reachable(const struct sdm_emu_device *compute,
                         const struct sdm_emu_mapping *mapping)
{
    struct sdm_netport_window window;

    sdm_netport_entry_read(&mapping->entry, &window);
    return mapping->extent != NULL && sdm_emu_path_exists(compute, window.port, mapping->memory);
}

bool sdm_emu_rmc_reaches(const struct sdm_emu_use *use)
{
    return is_reachable(use->compute, use->mapping);
}

static bool use_visit(const struct sdm_emu_device *compute, struct sdm_emu_mapping *mapping,
                      gpointer data)
{
    const struct sdm_emu_use use = {compute, mapping};

    if (sdm_emu_rmc_reaches(&use)) {
        g_array_append_val((GArray *)data, use);
    }
    return true;
}

GArray *sdm_emu_rmc_reachable(const struct sdm_emu *emu)
{
    GArray *uses = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_use));

    each_mapping(emu, use_visit, uses);
    return uses;
}

struct range {
    const struct sdm_emu_device *memory;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    GPtrArray *stranded; /* of struct sdm_emu_extent, one for each user */
};

static bool is_in_range(const struct sdm_emu_mapping *mapping, const struct range *range)
{
    return mapping->extent != NULL &&
           sdm_emu_extent_touches(mapping->extent, range->memory, range->offset_bytes,
                                  range->size_bytes);
}

static bool unreached_visit(const struct sdm_emu_device *compute, struct sdm_emu_mapping *mapping,
                            gpointer data)
{
    return !is_in_range(mapping, data) || !is_reachable(compute, mapping);
}

static bool strand_visit(const struct sdm_emu_device *compute, struct sdm_emu_mapping *mapping,
                         gpointer data)
{
    struct range *range = data;

    (void)compute;
    if (is_in_range(mapping, range)) {
        mapping->extent->n_shared -= mapping->shared;
        mapping->shared = false;
        g_ptr_array_add(range->stranded, g_steal_pointer(&mapping->extent));
    }
    return true;
}

bool sdm_emu_rmc_strand(struct sdm_emu *emu, const struct sdm_emu_device *memory,
                        uint64_t offset_bytes, uint64_t size_bytes, GError **error)
{
    g_autoptr(GPtrArray) stranded = g_ptr_array_new();
    struct range range = {memory, offset_bytes, size_bytes, stranded};
    bool saved;

    if (!each_mapping(emu, unreached_visit, &range)) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "a live extent of '%s' is within %" PRIu64 " bytes from %" PRIu64,
                          memory->id, size_bytes, offset_bytes);
    }
    each_mapping(emu, strand_visit, &range);
    saved = stranded->len == 0 || sdm_emu_store_save(emu, error);
    for (unsigned i = 0; i < stranded->len; i++) {
        sdm_emu_extents_drop(emu->extents, g_ptr_array_index(stranded, i), false);
    }
    return saved;
}

const struct sdm_emu_mapping *sdm_emu_rmc_find(const struct sdm_emu_device *compute,
                                               uint64_t address_bytes)
{
    for (unsigned i = 0; i < compute->mappings->len; i++) {
        struct sdm_netport_hit hit;

        if (sdm_netport_translate(&mapping_at(compute, i)->entry, 1, address_bytes, &hit, NULL)) {
            return mapping_at(compute, i);
        }
    }
    return NULL;
}

bool sdm_emu_rmc_restore(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                         const struct sdm_netport_entry *entry, bool shared, bool stranded,
                         GError **error)
{
    struct sdm_netport_window window;
    struct sdm_emu_mapping *mapping;
    struct sdm_emu_device *memory;
    struct sdm_emu_extent *extent = NULL;

    if (!check_index(index, error) || !check_window(compute, entry, error)) {
        return false;
    }
    sdm_netport_entry_read(entry, &window);
    memory = sdm_emu_rack_find_module(emu->rack, window.module);
    if (memory == NULL || window.end_bytes - window.start_bytes > memory->capacity_bytes ||
        window.brick_bytes > memory->capacity_bytes - (window.end_bytes - window.start_bytes)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_TOPOLOGY,
                          "entry %u of '%s' leads to bytes that the rack file no longer has", index,
                          compute->id);
    }
    if (!stranded) {
        extent = sdm_emu_extents_adopt(emu->extents, memory, window.brick_bytes,
                                       window.end_bytes - window.start_bytes, shared, error);
        if (extent == NULL) {
            return false;
        }
    }
    mapping = insert_mapping(compute, index, entry, shared);
    mapping->memory = memory;
    mapping->extent = extent;
    return true;
}
