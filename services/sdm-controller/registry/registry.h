/* S11 use cases: hardware is registered, changed, retired, switched on and off and shown; virtual
 * machines are bound to projects.
 *
 * Use cases that write run one at a time (the registry lane has one worker): each makes its new
 * topology from the one that the last has committed.
 *
 * Thread rule: use cases that take a transaction belong to the registry lane; those that take a
 * connection may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/caller.h"
#include "sdm-controller/model/outcome.h"
#include "sdm-controller/model/work.h"
#include "sdm-controller/store/tx.h"
#include "wire/s11.h"

struct sdm_pg;

struct sdm_registry {
    struct sdm_ledger *ledger;
    /* Where work after a commit goes. */
    struct sdm_work_sink sink;
    /* A compute brick was registered: its agent needs a queue.  Called after the commit, on the
     * registry's thread; must not block.  May be NULL. */
    void (*on_compute_brick)(void *user, const char *brick);
    /* A memory brick was: in a pod whose database is older than its hardware it has to be compared
     * before anything is planned with it.  The same. */
    void (*on_memory_brick)(void *user, int32_t brick_no);
    void *user;
    /* An agent counts as connected when it has reported within this time. */
    int64_t agent_silence_us;
    const char *version;
};

/* Adds what is new of 'request' to the pod, all or nothing.  The first registration sets the
 * segment unit, 128 MiB unless given.  Refuses:
 *   INVALID_TOPOLOGY  it does not fit together, alone or with what is there: sdm_topology_check();
 *   ALREADY_EXISTS    an object of an id exists and differs, or another segment unit is set;
 *   IN_USE            a brick exists with more capacity, of which segments use what would go;
 *   WRONG_STATE       a brick of this id has been retired. */
bool sdm_registry_register(struct sdm_registry *registry, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s11_register *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND, WRONG_KIND (a switch; capacity of what is no memory brick), WRONG_STATE
 * (retired), IN_USE (capacity below its segments), INVALID_TOPOLOGY (not a multiple of the unit).
 */
bool sdm_registry_change(struct sdm_registry *registry, struct sdm_tx *tx,
                         const struct sdm_caller *caller, const struct sdm_s11_change *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND, WRONG_KIND (a switch), IN_USE (a segment, circuit, window or holder).  One
 * that is retired already stays so. */
bool sdm_registry_retire(struct sdm_registry *registry, struct sdm_tx *tx,
                         const struct sdm_caller *caller, const struct sdm_s11_retire *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND, WRONG_KIND (a switch), WRONG_STATE (not active), and, for off, IN_USE. */
bool sdm_registry_power(struct sdm_registry *registry, struct sdm_tx *tx,
                        const struct sdm_caller *caller, const struct sdm_s11_power *request,
                        struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Cuts a compute brick off, or lets one return.  Refuses NOT_FOUND, WRONG_KIND (no compute brick),
 * WRONG_STATE (retired; an undo while it is being cut off), and later UNCONFIRMED. */
bool sdm_registry_fence(struct sdm_registry *registry, struct sdm_tx *tx,
                        const struct sdm_caller *caller, const struct sdm_s11_fence *request,
                        struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

bool sdm_registry_quarantine_list(struct sdm_registry *registry, struct sdm_pg *pg,
                                  const struct sdm_caller *caller,
                                  const struct sdm_s11_quarantine_list *request,
                                  struct sdm_arena *arena, struct sdm_outcome *outcome,
                                  GError **error);

/* Refuses NOT_FOUND (not in quarantine), IN_USE (an agent reports it mapped). */
bool sdm_registry_quarantine_release(struct sdm_registry *registry, struct sdm_tx *tx,
                                     const struct sdm_caller *caller,
                                     const struct sdm_s11_quarantine_release *request,
                                     struct sdm_arena *arena, struct sdm_outcome *outcome,
                                     GError **error);

/* Sets what a project may have.  Refuses IN_USE (less than it has). */
bool sdm_registry_project_set(struct sdm_registry *registry, struct sdm_tx *tx,
                              const struct sdm_caller *caller,
                              const struct sdm_s11_project_set *request, struct sdm_arena *arena,
                              struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND for a project of which nothing is known, unless it is the caller's own. */
bool sdm_registry_project_show(struct sdm_registry *registry, struct sdm_pg *pg,
                               const struct sdm_caller *caller,
                               const struct sdm_s11_project_show *request, struct sdm_arena *arena,
                               struct sdm_outcome *outcome, GError **error);

bool sdm_registry_project_list(struct sdm_registry *registry, struct sdm_pg *pg,
                               const struct sdm_caller *caller,
                               const struct sdm_s11_project_list *request, struct sdm_arena *arena,
                               struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND (no agent has reported it), IN_USE (it has memory of another project). */
bool sdm_registry_vm_bind(struct sdm_registry *registry, struct sdm_tx *tx,
                          const struct sdm_caller *caller, const struct sdm_s11_vm_bind *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

bool sdm_registry_vm_list(struct sdm_registry *registry, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s11_vm_list *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND for the rack. */
bool sdm_registry_show(struct sdm_registry *registry, struct sdm_pg *pg,
                       const struct sdm_caller *caller, const struct sdm_s11_show *request,
                       struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

bool sdm_registry_agents(struct sdm_registry *registry, struct sdm_pg *pg,
                         const struct sdm_caller *caller, const struct sdm_s11_agents *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

bool sdm_registry_status(struct sdm_registry *registry, struct sdm_pg *pg,
                         const struct sdm_caller *caller, const struct sdm_s11_status *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
