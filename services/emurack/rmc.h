/* Remote memory controllers: the NetPort table of each compute brick, as its agent programs it and
 * as its register file shows it.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"
#include "lib/netport/netport.h"

/* A NetPort entry that is set. */
struct sdm_emu_mapping {
    unsigned index;
    struct sdm_netport_entry entry;
    bool shared; /* maps the segment of a group */
    struct sdm_emu_device *memory;
    /* NULL once the brick was scrubbed under an entry that had lost its path. */
    struct sdm_emu_extent *extent;
};

/* An entry and whose it is. */
struct sdm_emu_use {
    const struct sdm_emu_device *compute;
    const struct sdm_emu_mapping *mapping;
};

/* Makes state_dir/rmc/ID.regs for every compute brick, maps it, and writes the table into it. */
bool sdm_emu_rmc_open(struct sdm_emu *emu, GError **error);
void sdm_emu_rmc_close(struct sdm_emu *emu);

/* Sets an entry and moves the extent's bytes into its file, whose name '*path' borrows.  The very
 * same entry again is done already.  Refuses:
 *   OUT_OF_RANGE    no such entry or port, a window as sdm_netport_entry_validate(), a range beyond
 *                   the module's capacity;
 *   INVALID_VALUE   the window is empty;
 *   ALREADY_EXISTS  the entry is set and differs;
 *   IN_USE          the window overlaps another of this brick;
 *   NOT_FOUND       no such module;
 *   WRONG_STATE     this brick or the memory brick is off or waking;
 *   NO_PATH         no circuit leads from the port to the memory brick. */
bool sdm_emu_rmc_map(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                     const struct sdm_netport_entry *entry, bool shared, const char **path,
                     GError **error);

/* Clears an entry; one that is clear is done already.  Memory blocks of its window go when they are
 * offline, and are counted in unmapped_online when not.  Refuses OUT_OF_RANGE and, for this brick,
 * WRONG_STATE as above. */
bool sdm_emu_rmc_unmap(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                       GError **error);

/* Appends " N ENTRY:INFO:START:END:OFFSET:PATH ...", numbers but the entry in hexadecimal; PATH is
 * "-" for an entry whose bytes are gone. */
void sdm_emu_rmc_list(const struct sdm_emu_device *compute, GString *text);

/* The brick lost its power: every entry is cleared. */
bool sdm_emu_rmc_lose_power(struct sdm_emu *emu, struct sdm_emu_device *compute, GError **error);

/* Cuts the users of live extents in the range off, as sdm_emu_brick_scrub() says; IN_USE when one
 * of them still has its path. */
bool sdm_emu_rmc_strand(struct sdm_emu *emu, const struct sdm_emu_device *memory,
                        uint64_t offset_bytes, uint64_t size_bytes, GError **error);

/* The entry whose window holds the address, or NULL. */
const struct sdm_emu_mapping *sdm_emu_rmc_find(const struct sdm_emu_device *compute,
                                               uint64_t address_bytes);

/* True when one of its entries maps the extent. */
bool sdm_emu_rmc_maps(const struct sdm_emu_device *compute, const struct sdm_emu_extent *extent);

/* NetPort entries of the whole rack that have bytes and a path to them: struct sdm_emu_use, which
 * are valid until an entry changes.  The caller frees the list. */
GArray *sdm_emu_rmc_reachable(const struct sdm_emu *emu);
bool sdm_emu_rmc_reaches(const struct sdm_emu_use *use);

/* At start: sets an entry as the saved state says; extent NULL when 'stranded'. */
bool sdm_emu_rmc_restore(struct sdm_emu *emu, struct sdm_emu_device *compute, unsigned index,
                         const struct sdm_netport_entry *entry, bool shared, bool stranded,
                         GError **error);

/* state_dir/rmc/ID.regs and .sock; the caller frees it. */
char *sdm_emu_rmc_path(const struct sdm_emu *emu, const struct sdm_emu_device *compute,
                       const char *suffix);
