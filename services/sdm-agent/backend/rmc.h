/* The remote memory controller of a compute brick: its NetPort entries, one whole entry a request.
 *
 * Thread rule: one thread at a time. */
#pragma once

#include "sdm-agent/state/state.h"

struct sdm_rmc;

struct sdm_rmc_ops {
    bool (*map)(struct sdm_rmc *rmc, unsigned entry, const struct sdm_netport_entry *netport,
                bool shared, char path[SDM_SEGMENT_PATH_SIZE], GError **error);
    bool (*unmap)(struct sdm_rmc *rmc, unsigned entry, GError **error);
    bool (*list)(struct sdm_rmc *rmc, GArray *entries, GError **error);
    void (*free)(struct sdm_rmc *rmc);
};

struct sdm_rmc {
    const struct sdm_rmc_ops *ops;
};
typedef struct sdm_rmc sdm_rmc;

/* An RMC behind a Unix socket with the line protocol of emurack/rmc_server.h.  Connects when first
 * asked, and again after the other side went; an answer that does not come within 'timeout_ms' is
 * SDM_UNAVAILABLE. */
struct sdm_rmc *sdm_rmc_socket_new(const char *socket_path, unsigned timeout_ms);

static inline void sdm_rmc_free(struct sdm_rmc *rmc)
{
    if (rmc != NULL) {
        rmc->ops->free(rmc);
    }
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_rmc, sdm_rmc_free)

/* Sets an entry; the very same entry again is done already.  'path' receives the file that holds
 * the bytes.  SDM_ERROR is what the RMC answered: among others ALREADY_EXISTS for an entry that is
 * set and differs, IN_USE for an overlap, NO_PATH while no circuit leads there. */
static inline bool sdm_rmc_map(struct sdm_rmc *rmc, unsigned entry,
                               const struct sdm_netport_entry *netport, bool shared,
                               char path[SDM_SEGMENT_PATH_SIZE], GError **error)
{
    return rmc->ops->map(rmc, entry, netport, shared, path, error);
}

/* Clears an entry; one that is clear is done already. */
static inline bool sdm_rmc_unmap(struct sdm_rmc *rmc, unsigned entry, GError **error)
{
    return rmc->ops->unmap(rmc, entry, error);
}

/* Appends the entries that are set to 'entries', of struct sdm_found_entry. */
static inline bool sdm_rmc_list(struct sdm_rmc *rmc, GArray *entries, GError **error)
{
    return rmc->ops->list(rmc, entries, error);
}
