/* What a compute brick shall have and what it has, as plain values.
 *
 * Thread rule: values; whoever holds one may read and write it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/netport/netport.h"
#include "wire/words.h"

/* A window that the brick shall have. */
struct sdm_want_window {
    char window[SDM_UUID_SIZE];
    char vm[SDM_UUID_SIZE]; /* "" unless mode vm */
    unsigned entry;         /* below SDM_NETPORT_N_ENTRIES */
    struct sdm_netport_entry netport;
    enum sdm_mode mode;
    enum sdm_window_level level;
    bool shared;
    unsigned distance;
};

/* Longest path of a segment file, with the terminating zero. */
#define SDM_SEGMENT_PATH_SIZE 512

/* An entry that the RMC has. */
struct sdm_found_entry {
    unsigned entry;
    struct sdm_netport_entry netport;
    char path[SDM_SEGMENT_PATH_SIZE]; /* of the segment's bytes; "" where there is none */
};

enum sdm_block_state { SDM_BLOCK_OFFLINE, SDM_BLOCK_GOING, SDM_BLOCK_ONLINE };

/* A memory block of the host's kernel; 'index' times the block size is its address. */
struct sdm_found_block {
    uint64_t index;
    enum sdm_block_state state;
};

/* A DIMM of ours in a running guest, as the live domain says. */
struct sdm_found_dimm {
    char window[SDM_UUID_SIZE];
    uint64_t size_bytes;
    char path[SDM_SEGMENT_PATH_SIZE]; /* of the bytes behind it; "" for not known */
    bool confirmed;                   /* the guest's own total has grown by it */
};

/* A running guest. */
struct sdm_found_vm {
    char vm[SDM_UUID_SIZE];
    char name[256];
    char boot_id[64];
    unsigned n_slots;
    unsigned n_slots_used;
    uint64_t max_memory_bytes;
    uint64_t plugged_bytes;      /* at boot and by DIMMs */
    uint64_t memory_bytes;       /* of that what the balloon leaves */
    uint64_t guest_memory_bytes; /* what the guest says it has; 0 for not known */
    struct sdm_found_dimm *dimms;
    unsigned n_dimms;
};

/* Everything that the brick has.  A part that is not known (its backend is away) is never taken for
 * empty. */
struct sdm_found {
    bool entries_known;
    bool blocks_known;
    bool vms_known;
    struct sdm_found_entry *entries; /* each number at most once */
    unsigned n_entries;
    uint64_t block_size_bytes;
    struct sdm_found_block *blocks; /* at least all that lie in an entry's window; by index */
    unsigned n_blocks;
    struct sdm_found_vm *vms;
    unsigned n_vms;
};

struct sdm_want {
    struct sdm_want_window *windows;
    unsigned n_windows;
    /* What is there and not listed stays. */
    bool keep_unknown;
};

static inline uint64_t sdm_want_start_bytes(const struct sdm_want_window *window)
{
    return (uint64_t)window->netport.start * SDM_NETPORT_PAGE_BYTES;
}

static inline uint64_t sdm_want_size_bytes(const struct sdm_want_window *window)
{
    return (uint64_t)(window->netport.end - window->netport.start) * SDM_NETPORT_PAGE_BYTES;
}
