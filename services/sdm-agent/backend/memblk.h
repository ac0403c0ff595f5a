/* Memory blocks of the host's kernel, through sysfs (Linux, Documentation/admin-guide/mm/
 * memory-hotplug.rst): physical memory in and out (S5).
 *
 * Thread rule: any thread; of one range one thread at a time. */
#pragma once

#include "sdm-agent/state/state.h"

/* Where a range of memory came to be. */
struct sdm_memblk_place {
    int node;          /* NUMA node; -1 for not known */
    unsigned distance; /* from node 0, as in the ACPI SLIT; 0 for not known */
};

struct sdm_memblk;

struct sdm_memblk_ops {
    bool (*block_size)(struct sdm_memblk *memblk, uint64_t *size_bytes, GError **error);
    bool (*look)(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                 GArray *blocks, GError **error);
    bool (*online)(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                   struct sdm_memblk_place *place, GError **error);
    bool (*offline)(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                    GError **error);
    void (*free)(struct sdm_memblk *memblk);
};

struct sdm_memblk {
    const struct sdm_memblk_ops *ops;
};
typedef struct sdm_memblk sdm_memblk;

/* The kernel whose sysfs is at 'sysfs_root', such as "/sys". */
struct sdm_memblk *sdm_memblk_sysfs_new(const char *sysfs_root);

static inline void sdm_memblk_free(struct sdm_memblk *memblk)
{
    if (memblk != NULL) {
        memblk->ops->free(memblk);
    }
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_memblk, sdm_memblk_free)

/* Size of every block; SDM_UNAVAILABLE when sysfs is not there. */
static inline bool sdm_memblk_block_size(struct sdm_memblk *memblk, uint64_t *size_bytes,
                                         GError **error)
{
    return memblk->ops->block_size(memblk, size_bytes, error);
}

/* Appends the blocks that exist in a range to 'blocks', of struct sdm_found_block, by index. */
static inline bool sdm_memblk_look(struct sdm_memblk *memblk, uint64_t start_bytes,
                                   uint64_t size_bytes, GArray *blocks, GError **error)
{
    return memblk->ops->look(memblk, start_bytes, size_bytes, blocks, error);
}

/* Makes every block of the range appear (probe) and go online in zone Movable, and says where;
 * 'place' may be NULL.  When a block refuses, those that this call has brought online go offline
 * again.  What is online already is done.  The range is made of whole blocks.  Refuses:
 *   AGENT_REFUSED  the kernel does not take a block, or has it in a zone that cannot give it back;
 *   NOT_ALIGNED    the range is not made of whole blocks. */
static inline bool sdm_memblk_online(struct sdm_memblk *memblk, uint64_t start_bytes,
                                     uint64_t size_bytes, struct sdm_memblk_place *place,
                                     GError **error)
{
    return memblk->ops->online(memblk, start_bytes, size_bytes, place, error);
}

/* Takes every block of the range offline, as many as go: a block that is in use stays and is
 * IN_USE, the others are offline nevertheless, so that trying again has less to do.  A block that
 * does not exist is offline.  May block for long while the kernel moves pages. */
static inline bool sdm_memblk_offline(struct sdm_memblk *memblk, uint64_t start_bytes,
                                      uint64_t size_bytes, GError **error)
{
    return memblk->ops->offline(memblk, start_bytes, size_bytes, error);
}
