/* Answers about one pair of wanted and found state, prepared so that each costs little.
 *
 * Pure; a lookup belongs to one thread and borrows both states. */
#pragma once

#include "sdm-agent/state/state.h"

struct sdm_lookup;
typedef struct sdm_lookup sdm_lookup;

/* One DIMM with the guest that has it. */
struct sdm_dimm_ref {
    const struct sdm_found_vm *vm;
    const struct sdm_found_dimm *dimm;
};

/* How the host's kernel uses a range of addresses. */
struct sdm_host_use {
    uint64_t n_blocks; /* that the range holds */
    uint64_t n_online;
    uint64_t n_not_offline;
};

struct sdm_lookup *sdm_lookup_new(const struct sdm_want *want, const struct sdm_found *found);
void sdm_lookup_free(struct sdm_lookup *lookup);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_lookup, sdm_lookup_free)

/* NULL when there is none. */
const struct sdm_found_entry *sdm_lookup_entry(const struct sdm_lookup *lookup, unsigned index);
const struct sdm_found_vm *sdm_lookup_vm(const struct sdm_lookup *lookup, const char *vm);
const struct sdm_want_window *sdm_lookup_want(const struct sdm_lookup *lookup, const char *window);

/* All DIMMs, by window and guest. */
const struct sdm_dimm_ref *sdm_lookup_dimms(const struct sdm_lookup *lookup, unsigned *n);
/* The DIMM of 'window' in guest 'vm'; NULL when that guest has none. */
const struct sdm_found_dimm *sdm_lookup_dimm(const struct sdm_lookup *lookup, const char *window,
                                             const char *vm);
/* True when some guest has a DIMM of 'window'. */
bool sdm_lookup_is_plugged(const struct sdm_lookup *lookup, const char *window);

/* The entry that is there is the one that 'window' wants. */
bool sdm_lookup_is_mapped(const struct sdm_lookup *lookup, const struct sdm_want_window *window);

/* The entry that holds the bytes of a DIMM; SDM_NETPORT_N_ENTRIES when it is not known. */
unsigned sdm_lookup_dimm_entry(const struct sdm_lookup *lookup, const struct sdm_found_dimm *dimm);

/* True unless it is certain that no guest has a DIMM on the entry's bytes; a DIMM of 'except' (NULL
 * for none) does not count. */
bool sdm_lookup_has_guest(const struct sdm_lookup *lookup, const struct sdm_found_entry *entry,
                          const char *except);

/* True when the host's kernel uses the bytes of the entry, through this entry or another. */
bool sdm_lookup_has_host(const struct sdm_lookup *lookup, const struct sdm_found_entry *entry);

/* The host's use of the addresses of an entry. */
struct sdm_host_use sdm_lookup_host_use(const struct sdm_lookup *lookup,
                                        const struct sdm_netport_entry *netport);

/* A found entry other than number 'except' (SDM_NETPORT_N_ENTRIES for none) whose window shares
 * addresses with 'netport'; NULL when there is none. */
const struct sdm_found_entry *sdm_lookup_overlap(const struct sdm_lookup *lookup,
                                                 const struct sdm_netport_entry *netport,
                                                 unsigned except);
