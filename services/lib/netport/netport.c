#include "lib/netport/netport.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"

enum { PORT_SHIFT = 24 };

static const uint64_t space_bytes = UINT64_C(1) << 44;

static bool is_live(const struct sdm_netport_entry *entry)
{
    return entry->start < entry->end;
}

static uint64_t bytes_of(uint32_t pages)
{
    return (uint64_t)pages * SDM_NETPORT_PAGE_BYTES;
}

static bool to_pages(const char *what, uint64_t bytes, uint32_t *pages, GError **error)
{
    if (bytes % SDM_NETPORT_PAGE_BYTES != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "%s %" PRIu64 " is not a multiple of a page of %d bytes", what, bytes,
                          SDM_NETPORT_PAGE_BYTES);
    }
    if (bytes > SDM_NETPORT_CEILING_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%s %" PRIu64 " is beyond %" PRIu64, what,
                          bytes, SDM_NETPORT_CEILING_BYTES);
    }
    *pages = (uint32_t)(bytes / SDM_NETPORT_PAGE_BYTES);
    return true;
}

bool sdm_netport_entry_pack(bool add, uint64_t offset_bytes,
                            const struct sdm_netport_window *window,
                            struct sdm_netport_entry *entry, GError **error)
{
    struct sdm_netport_entry made = {0};

    if (window->port > SDM_NETPORT_PORT_MAX) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "port %u is above %d", window->port,
                          SDM_NETPORT_PORT_MAX);
    }
    if (window->module > SDM_NETPORT_MODULE_MAX) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "module %" PRIu32 " is above %d",
                          window->module, SDM_NETPORT_MODULE_MAX);
    }
    made.info =
        (add ? SDM_NETPORT_INFO_ADD : 0) | (uint32_t)window->port << PORT_SHIFT | window->module;
    if (!to_pages("window start", window->start_bytes, &made.start, error) ||
        !to_pages("window end", window->end_bytes, &made.end, error) ||
        !to_pages("offset", offset_bytes, &made.offset, error)) {
        return false;
    }
    if (!sdm_netport_entry_validate(&made, error)) {
        return false;
    }
    *entry = made;
    return true;
}

bool sdm_netport_entry_make(const struct sdm_netport_window *window,
                            struct sdm_netport_entry *entry, GError **error)
{
    bool add = window->brick_bytes >= window->start_bytes;
    uint64_t offset_bytes =
        add ? window->brick_bytes - window->start_bytes : window->start_bytes - window->brick_bytes;

    if (window->start_bytes >= window->end_bytes) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "window from %" PRIu64 " to %" PRIu64 " holds no byte",
                          window->start_bytes, window->end_bytes);
    }
    return sdm_netport_entry_pack(add, offset_bytes, window, entry, error);
}

void sdm_netport_entry_read(const struct sdm_netport_entry *entry,
                            struct sdm_netport_window *window)
{
    bool add = (entry->info & SDM_NETPORT_INFO_ADD) != 0;
    uint64_t start_bytes = bytes_of(entry->start);
    uint64_t offset_bytes = bytes_of(entry->offset);

    window->port = entry->info >> PORT_SHIFT & SDM_NETPORT_PORT_MAX;
    window->module = entry->info & SDM_NETPORT_MODULE_MAX;
    window->start_bytes = start_bytes;
    window->end_bytes = bytes_of(entry->end);
    window->brick_bytes = add ? start_bytes + offset_bytes : start_bytes - offset_bytes;
}

bool sdm_netport_entry_is_empty(const struct sdm_netport_entry *entry)
{
    return entry->start == entry->end;
}

bool sdm_netport_entry_equal(const struct sdm_netport_entry *a, const struct sdm_netport_entry *b)
{
    return a->info == b->info && a->start == b->start && a->end == b->end && a->offset == b->offset;
}

bool sdm_netport_entry_validate(const struct sdm_netport_entry *entry, GError **error)
{
    bool add = (entry->info & SDM_NETPORT_INFO_ADD) != 0;

    if (sdm_netport_entry_is_empty(entry)) {
        return true;
    }
    if (!is_live(entry)) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "window ends at page %" PRIu32 ", below its start at page %" PRIu32,
                          entry->end, entry->start);
    }
    if (bytes_of(entry->start) < SDM_NETPORT_FLOOR_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "window starts at %" PRIu64 ", below %" PRIu64, bytes_of(entry->start),
                          SDM_NETPORT_FLOOR_BYTES);
    }
    if (!add && entry->offset > entry->start) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "offset %" PRIu64 " leads below byte 0 of the module",
                          bytes_of(entry->offset));
    }
    if (add && bytes_of(entry->end) + bytes_of(entry->offset) > space_bytes) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "offset %" PRIu64 " leads beyond byte %" PRIu64 " of the module",
                          bytes_of(entry->offset), space_bytes);
    }
    return true;
}

static void put_le32(uint8_t *bytes, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);

    memcpy(bytes, &little, sizeof little);
}

static uint32_t get_le32(const uint8_t *bytes)
{
    uint32_t little;

    memcpy(&little, bytes, sizeof little);
    return GUINT32_FROM_LE(little);
}

void sdm_netport_entry_encode(const struct sdm_netport_entry *entry,
                              uint8_t bytes[SDM_NETPORT_ENTRY_BYTES])
{
    put_le32(bytes, entry->info);
    put_le32(bytes + 4, entry->start);
    put_le32(bytes + 8, entry->end);
    put_le32(bytes + 12, entry->offset);
}

void sdm_netport_entry_decode(const uint8_t bytes[SDM_NETPORT_ENTRY_BYTES],
                              struct sdm_netport_entry *entry)
{
    entry->info = get_le32(bytes);
    entry->start = get_le32(bytes + 4);
    entry->end = get_le32(bytes + 8);
    entry->offset = get_le32(bytes + 12);
}

bool sdm_netport_file_decode(const uint8_t *file, size_t size, struct sdm_netport_entry *table,
                             GError **error)
{
    size_t n_entries = size / SDM_NETPORT_ENTRY_BYTES;

    if (size > SDM_NETPORT_FILE_BYTES || size % SDM_NETPORT_ENTRY_BYTES != 0) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "register file of %zu bytes, not a multiple of %d up to %d", size,
                          SDM_NETPORT_ENTRY_BYTES, SDM_NETPORT_FILE_BYTES);
    }
    for (size_t i = 0; i < n_entries; i++) {
        sdm_netport_entry_decode(file + i * SDM_NETPORT_ENTRY_BYTES, &table[i]);
    }
    memset(table + n_entries, 0, (SDM_NETPORT_N_ENTRIES - n_entries) * sizeof *table);
    return true;
}

void sdm_netport_file_encode(const struct sdm_netport_entry *table, unsigned n_entries,
                             uint8_t *file)
{
    for (unsigned i = 0; i < n_entries; i++) {
        sdm_netport_entry_encode(&table[i], file + (size_t)i * SDM_NETPORT_ENTRY_BYTES);
    }
}

void sdm_netport_file_store(uint8_t *file, unsigned index, const struct sdm_netport_entry *entry)
{
    uint32_t *fields = (void *)(file + (size_t)index * SDM_NETPORT_ENTRY_BYTES);

    __atomic_store_n(&fields[2], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&fields[0], GUINT32_TO_LE(entry->info), __ATOMIC_SEQ_CST);
    __atomic_store_n(&fields[1], GUINT32_TO_LE(entry->start), __ATOMIC_SEQ_CST);
    __atomic_store_n(&fields[3], GUINT32_TO_LE(entry->offset), __ATOMIC_SEQ_CST);
    __atomic_store_n(&fields[2], GUINT32_TO_LE(entry->end), __ATOMIC_SEQ_CST);
}

bool sdm_netport_translate(const struct sdm_netport_entry *table, unsigned n_entries,
                           uint64_t address_bytes, struct sdm_netport_hit *hit, GError **error)
{
    if (address_bytes < SDM_NETPORT_FLOOR_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "address %" PRIu64 " is below %" PRIu64 " and never reaches the RMC",
                          address_bytes, SDM_NETPORT_FLOOR_BYTES);
    }
    for (unsigned i = 0; i < n_entries; i++) {
        struct sdm_netport_window window;

        if (address_bytes < bytes_of(table[i].start) || address_bytes >= bytes_of(table[i].end)) {
            continue;
        }
        if (!sdm_netport_entry_validate(&table[i], error)) {
            return false;
        }
        sdm_netport_entry_read(&table[i], &window);
        hit->index = i;
        hit->port = window.port;
        hit->module = window.module;
        hit->brick_bytes = window.brick_bytes + (address_bytes - window.start_bytes);
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no NetPort entry maps address %" PRIu64,
                      address_bytes);
}

static bool share_a_page(const struct sdm_netport_entry *a, const struct sdm_netport_entry *b)
{
    return is_live(a) && is_live(b) && a->start < b->end && b->start < a->end;
}

bool sdm_netport_overlaps(const struct sdm_netport_entry *table, unsigned n_entries, unsigned index,
                          const struct sdm_netport_entry *entry, unsigned *other)
{
    for (unsigned i = 0; i < n_entries; i++) {
        if (i != index && share_a_page(&table[i], entry)) {
            *other = i;
            return true;
        }
    }
    return false;
}

static int compare_starts(gconstpointer a, gconstpointer b, gpointer table)
{
    const struct sdm_netport_entry *entries = table;
    uint32_t start_a = entries[*(const uint16_t *)a].start;
    uint32_t start_b = entries[*(const uint16_t *)b].start;

    return start_a < start_b ? -1 : start_a > start_b;
}

bool sdm_netport_find_overlap(const struct sdm_netport_entry *table, unsigned n_entries,
                              unsigned *a, unsigned *b)
{
    uint16_t order[SDM_NETPORT_N_ENTRIES];
    int n_live = 0;

    g_assert(n_entries <= SDM_NETPORT_N_ENTRIES);
    for (unsigned i = 0; i < n_entries; i++) {
        if (is_live(&table[i])) {
            order[n_live++] = (uint16_t)i;
        }
    }
    if (n_live < 2) {
        return false;
    }
    g_qsort_with_data(order, n_live, sizeof order[0], compare_starts, (gpointer)table);
    /* Sorted by start, some two windows overlap exactly when some two neighbours do. */
    for (int i = 1; i < n_live; i++) {
        if (share_a_page(&table[order[i - 1]], &table[order[i]])) {
            *a = MIN(order[i - 1], order[i]);
            *b = MAX(order[i - 1], order[i]);
            return true;
        }
    }
    return false;
}
