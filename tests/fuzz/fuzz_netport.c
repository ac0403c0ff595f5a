/* Any bytes as a register file: what is accepted decodes to entries that validate, translate within
 * their windows, and encode to the same bytes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/netport/netport.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_window(const struct sdm_netport_entry *table, unsigned n, unsigned index)
{
    const struct sdm_netport_entry *entry = &table[index];
    struct sdm_netport_window window;
    struct sdm_netport_entry again;
    struct sdm_netport_hit hit;

    if (sdm_netport_entry_is_empty(entry) || !sdm_netport_entry_validate(entry, NULL)) {
        return;
    }
    sdm_netport_entry_read(entry, &window);
    g_assert(window.start_bytes < window.end_bytes);
    g_assert(sdm_netport_entry_make(&window, &again, NULL));
    sdm_netport_entry_read(&again, &window);
    g_assert(sdm_netport_translate(table, n, window.end_bytes - 1, &hit, NULL));
    g_assert(hit.index <= index);
    if (hit.index == index) {
        g_assert(hit.brick_bytes - window.brick_bytes == window.end_bytes - 1 - window.start_bytes);
    }
}

/* The same question asked in two ways. */
static void check_overlaps(const struct sdm_netport_entry *table, unsigned n)
{
    unsigned a = 0;
    unsigned b = 0;
    unsigned other = 0;
    bool is_some = false;

    for (unsigned i = 0; i < n; i++) {
        is_some = is_some || sdm_netport_overlaps(table, n, i, &table[i], &other);
    }
    g_assert(sdm_netport_find_overlap(table, n, &a, &b) == is_some);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct sdm_netport_entry table[SDM_NETPORT_N_ENTRIES];
    static uint8_t file[SDM_NETPORT_FILE_BYTES];
    unsigned n = (unsigned)MIN(size / SDM_NETPORT_ENTRY_BYTES, 64);
    bool is_valid = true;

    memset(table, 0, sizeof table);
    if (!sdm_netport_file_decode(bytes, size, table, NULL)) {
        for (unsigned i = 0; i < n; i++) {
            sdm_netport_entry_decode(bytes + (size_t)i * SDM_NETPORT_ENTRY_BYTES, &table[i]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        is_valid = is_valid && sdm_netport_entry_validate(&table[i], NULL);
    }
    if (is_valid) {
        check_overlaps(table, n);
        for (unsigned i = 0; i < n; i++) {
            check_window(table, n, i);
        }
    }
    sdm_netport_file_encode(table, n, file);
    g_assert(memcmp(file, bytes, (size_t)n * SDM_NETPORT_ENTRY_BYTES) == 0);
    return 0;
}
