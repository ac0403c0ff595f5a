/* The NetPort table of a remote memory controller (RMC): entries, register file, address decoder.
 *
 * An entry maps a window of a compute brick's physical addresses to bytes of one memory module
 * (dReDBox D4.1, figure 16 and the text below it).  It is 16 bytes, four 32-bit fields: network
 * information, window start, window end, offset.  Start, end and offset count pages of 4 KiB; end
 * is exclusive; start = end is an empty entry.  The register file is a plain array of entries,
 * every field little-endian, at physical address SDM_NETPORT_FILE_ADDRESS.
 *
 * Pure: no I/O, no clock, no globals.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum {
    SDM_NETPORT_PAGE_BYTES = 4096,
    SDM_NETPORT_ENTRY_BYTES = 16,
    SDM_NETPORT_N_ENTRIES = 4096,
    SDM_NETPORT_FILE_BYTES = SDM_NETPORT_N_ENTRIES * SDM_NETPORT_ENTRY_BYTES,
    SDM_NETPORT_PORT_MAX = 0x7f,
    SDM_NETPORT_MODULE_MAX = 0xffffff,
};

/* Where the register file stands in a compute brick's physical addresses. */
#define SDM_NETPORT_FILE_ADDRESS UINT64_C(0xff080000)
/* Lower addresses are the brick's own memory and never reach the RMC. */
#define SDM_NETPORT_FLOOR_BYTES (UINT64_C(1) << 30)
/* A 32-bit page number names 16 TiB; the last page cannot be in a window, for its end would not fit
 * the field. */
#define SDM_NETPORT_CEILING_BYTES ((UINT64_C(1) << 44) - SDM_NETPORT_PAGE_BYTES)

/* Bits of the network information: 31 adds the offset (else it is subtracted), 30-24 are the port
 * of the compute brick, 23-0 the memory module. */
#define SDM_NETPORT_INFO_ADD UINT32_C(0x80000000)

/* An entry as the registers hold it: pages. */
struct sdm_netport_entry {
    uint32_t info;
    uint32_t start;
    uint32_t end;
    uint32_t offset;
};

/* What an entry means: bytes. */
struct sdm_netport_window {
    unsigned port;
    uint32_t module;
    uint64_t start_bytes;
    uint64_t end_bytes;
    /* The module's byte that 'start_bytes' stands for. */
    uint64_t brick_bytes;
};

/* Where an address goes. */
struct sdm_netport_hit {
    unsigned index;
    unsigned port;
    uint32_t module;
    uint64_t brick_bytes;
};

/* Makes the entry of a window: adds when the module's byte lies above the address, subtracts when
 * below.  Refuses with OUT_OF_RANGE a port, module or address that the fields cannot hold, and with
 * NOT_ALIGNED what is not a multiple of a page; an empty or reversed window is OUT_OF_RANGE. */
bool sdm_netport_entry_make(const struct sdm_netport_window *window,
                            struct sdm_netport_entry *entry, GError **error);

/* The same with the direction and the offset given: brick byte = address + offset when 'add', else
 * address - offset.  'window->brick_bytes' is not read.  Refuses as sdm_netport_entry_validate().
 */
bool sdm_netport_entry_pack(bool add, uint64_t offset_bytes,
                            const struct sdm_netport_window *window,
                            struct sdm_netport_entry *entry, GError **error);

/* Says what a valid, not empty entry means. */
void sdm_netport_entry_read(const struct sdm_netport_entry *entry,
                            struct sdm_netport_window *window);

/* True for start = end: such an entry maps nothing, whatever else it holds. */
bool sdm_netport_entry_is_empty(const struct sdm_netport_entry *entry);

bool sdm_netport_entry_equal(const struct sdm_netport_entry *a, const struct sdm_netport_entry *b);

/* An empty entry is valid.  Refuses with OUT_OF_RANGE: end below start, a window that begins below
 * 1 GiB, an offset that leads below byte 0 of the module or beyond 16 TiB of it. */
bool sdm_netport_entry_validate(const struct sdm_netport_entry *entry, GError **error);

/* The 16 bytes of an entry, little-endian. */
void sdm_netport_entry_encode(const struct sdm_netport_entry *entry,
                              uint8_t bytes[SDM_NETPORT_ENTRY_BYTES]);
void sdm_netport_entry_decode(const uint8_t bytes[SDM_NETPORT_ENTRY_BYTES],
                              struct sdm_netport_entry *entry);

/* Reads a register file of 'size' bytes into 'table', which holds SDM_NETPORT_N_ENTRIES; entries
 * that the file does not reach become empty.  Refuses with OUT_OF_RANGE a file longer than
 * SDM_NETPORT_FILE_BYTES or not a whole number of entries; the entries are not validated. */
bool sdm_netport_file_decode(const uint8_t *file, size_t size, struct sdm_netport_entry *table,
                             GError **error);

/* Writes 'n_entries' entries to 'file', which holds 16 bytes for each. */
void sdm_netport_file_encode(const struct sdm_netport_entry *table, unsigned n_entries,
                             uint8_t *file);

/* Stores one entry in a register file that others have mapped.  The entry is empty while its fields
 * change, and the end, which makes it live, is stored last: a reader that treats start >= end as
 * empty never sees half of it.  'file' is aligned to 4 bytes. */
void sdm_netport_file_store(uint8_t *file, unsigned index, const struct sdm_netport_entry *entry);

/* The address decoder: finds the first entry whose window holds the physical address.  Entries with
 * start >= end match nothing.  Refuses with OUT_OF_RANGE an address below 1 GiB, with NOT_FOUND one
 * that no window holds, and as sdm_netport_entry_validate() when the window's offset is not valid.
 * Cost: O(n_entries). */
bool sdm_netport_translate(const struct sdm_netport_entry *table, unsigned n_entries,
                           uint64_t address_bytes, struct sdm_netport_hit *hit, GError **error);

/* Looks for an entry other than 'index' whose window shares a page with 'entry'; the first one is
 * stored in '*other'.  Cost: O(n_entries). */
bool sdm_netport_overlaps(const struct sdm_netport_entry *table, unsigned n_entries, unsigned index,
                          const struct sdm_netport_entry *entry, unsigned *other);

/* Looks for two entries of the table that share a page.  At most SDM_NETPORT_N_ENTRIES entries.
 * Cost: O(n log n). */
bool sdm_netport_find_overlap(const struct sdm_netport_entry *table, unsigned n_entries,
                              unsigned *a, unsigned *b);
