/* What the parts of a fake brick share.  Thread rule: under the mutex. */
#pragma once

#include <pthread.h>

#include "sdm-agent/backend/fake.h"

enum sdm_fake_point {
    SDM_FAKE_RMC_MAP,
    SDM_FAKE_RMC_UNMAP,
    SDM_FAKE_RMC_LIST,
    SDM_FAKE_MEMBLK_LOOK,
    SDM_FAKE_MEMBLK_ONLINE,
    SDM_FAKE_MEMBLK_OFFLINE,
    SDM_FAKE_DOMAIN_LIST,
    SDM_FAKE_DOMAIN_LOOK,
    SDM_FAKE_DOMAIN_ATTACH,
    SDM_FAKE_DOMAIN_DETACH,
    SDM_FAKE_N_POINTS,
};

struct sdm_fake_armed {
    unsigned n;
    bool late;
    bool unavailable;
};

struct sdm_fake_vm {
    struct sdm_found_vm found; /* 'dimms' is not used */
    GArray *dimms;             /* of struct sdm_found_dimm */
    GHashTable *asked;         /* windows whose DIMMs it shall give up */
    enum sdm_fake_guest behaviour;
};

struct sdm_fake {
    pthread_mutex_t mutex;
    struct {
        struct sdm_rmc base;
        struct sdm_fake *fake;
    } rmc;
    struct {
        struct sdm_memblk base;
        struct sdm_fake *fake;
    } memblk;
    struct {
        struct sdm_domain base;
        struct sdm_fake *fake;
    } domain;
    struct sdm_found_entry entries[SDM_NETPORT_N_ENTRIES]; /* empty ones are clear */
    uint64_t block_size_bytes;
    GArray *blocks; /* of struct sdm_found_block, by index */
    bool is_pinned;
    GHashTable *vms; /* UUID to struct sdm_fake_vm */
    unsigned n_boots;
    sdm_domain_changed_fn *changed;
    void *user;
    struct sdm_fake_armed armed[SDM_FAKE_N_POINTS];
    unsigned n_violations;
};

/* True with 'error' set when the point fails now: before its effect, or ('late') after it. */
bool sdm_fake_fails(struct sdm_fake *fake, enum sdm_fake_point point, bool late, GError **error);

/* True when a guest has bytes of this path, or the host's kernel has an entry of it online. */
bool sdm_fake_is_plugged(const struct sdm_fake *fake, const char *path);
bool sdm_fake_is_online(const struct sdm_fake *fake, const struct sdm_netport_entry *netport);
bool sdm_fake_is_path_online(const struct sdm_fake *fake, const char *path);

/* fake_domain.c */
extern const struct sdm_domain_ops sdm_fake_domain_ops;
void sdm_fake_vm_free(gpointer vm);
