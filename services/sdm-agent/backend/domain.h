/* Running guests: who they are, and DIMMs in and out of them (S6).
 *
 * What is present is read from the live domain, never remembered; that a guest has taken memory is
 * what the guest itself says.
 *
 * Thread rule: any thread; of one guest only one thread at a time. */
#pragma once

#include "sdm-agent/state/state.h"

/* Ours are the DIMMs whose user alias is this and the window's UUID. */
#define SDM_DOMAIN_ALIAS_PREFIX "ua-sdm-"

/* A DIMM to attach or detach; of detach only the first two members count. */
struct sdm_dimm_order {
    const char *vm;
    const char *window;
    const char *path; /* file of exactly 'size_bytes' */
    uint64_t size_bytes;
};

/* What became of it, also when it failed. */
struct sdm_dimm_outcome {
    uint64_t guest_memory_bytes; /* what the guest said at the end; 0 for not known */
    int64_t guest_us;            /* time of hypervisor and guest */
    bool pending;                /* detach: asked for, the guest has not answered yet */
};

struct sdm_domain;

/* 'vm' is a guest that may have changed, "" when any may have; called from threads of the backend,
 * must not call back. */
typedef void sdm_domain_changed_fn(void *user, const char *vm);

struct sdm_domain_ops {
    bool (*list)(struct sdm_domain *domain, GPtrArray *vms, GError **error);
    bool (*look)(struct sdm_domain *domain, const char *vm, struct sdm_found_vm *found,
                 GError **error);
    bool (*attach)(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                   struct sdm_dimm_outcome *outcome, GError **error);
    bool (*detach)(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                   struct sdm_dimm_outcome *outcome, GError **error);
    void (*watch)(struct sdm_domain *domain, sdm_domain_changed_fn *changed, void *user);
    void (*free)(struct sdm_domain *domain);
};

struct sdm_domain {
    const struct sdm_domain_ops *ops;
};
typedef struct sdm_domain sdm_domain;

struct sdm_domain_config {
    const char *uri;        /* "qemu:///system" */
    const char *memory_dir; /* memory_backing_dir of its qemu.conf */
    const char *state_dir;  /* for what is learnt about guests; NULL for none */
    unsigned confirm_ms;    /* how long a guest may take to take a DIMM */
    unsigned give_up_ms;    /* how long detach waits before it is pending */
};

/* Guests of a libvirt with the QEMU driver.  A DIMM's bytes are the file behind a link that is
 * planted where libvirt looks for the backing of that alias; the link stays as long as the DIMM and
 * tells later which segment it is.  Connects when first asked, and again after libvirt went. */
struct sdm_domain *sdm_domain_libvirt_new(const struct sdm_domain_config *config);

static inline void sdm_domain_free(struct sdm_domain *domain)
{
    if (domain != NULL) {
        domain->ops->free(domain);
    }
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_domain, sdm_domain_free)

/* Frees what a found guest owns. */
static inline void sdm_found_vm_clear(struct sdm_found_vm *vm)
{
    g_clear_pointer(&vm->dimms, g_free);
    vm->n_dimms = 0;
}

/* Appends the UUIDs of running guests to 'vms', each for g_free(); no guest can delay it. */
static inline bool sdm_domain_list(struct sdm_domain *domain, GPtrArray *vms, GError **error)
{
    return domain->ops->list(domain, vms, error);
}

/* Reads one guest from its live domain; sdm_found_vm_clear() it.  NOT_FOUND when it does not run.
 */
static inline bool sdm_domain_look(struct sdm_domain *domain, const char *vm,
                                   struct sdm_found_vm *found, GError **error)
{
    return domain->ops->look(domain, vm, found, error);
}

/* Plugs a DIMM unless it is plugged, then waits until the guest's own total has grown by it.
 * 'outcome' is always written.  Refuses:
 *   NOT_FOUND      the guest does not run;
 *   NO_SLOT        it has no free slot, or would exceed its maximum;
 *   AGENT_REFUSED  the hypervisor does not take the DIMM;
 *   GUEST_REFUSED  the DIMM is plugged, but the guest has not taken it in the time given. */
static inline bool sdm_domain_attach(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                                     struct sdm_dimm_outcome *outcome, GError **error)
{
    return domain->ops->attach(domain, order, outcome, error);
}

/* Asks the guest to give a DIMM up and waits a while; one that is not there is done.  'outcome' is
 * always written; true with 'pending' when the guest takes its time.  Refuses:
 *   GUEST_REFUSED  the guest has said no: the memory is in use and cannot be moved;
 *   AGENT_REFUSED  the hypervisor does not ask it. */
static inline bool sdm_domain_detach(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                                     struct sdm_dimm_outcome *outcome, GError **error)
{
    return domain->ops->detach(domain, order, outcome, error);
}

/* Calls 'changed' from now on when guests start, stop, or lose a DIMM, and when the connection to
 * the hypervisor comes or goes.  Once, before other threads use 'domain'. */
static inline void sdm_domain_watch(struct sdm_domain *domain, sdm_domain_changed_fn *changed,
                                    void *user)
{
    domain->ops->watch(domain, changed, user);
}
