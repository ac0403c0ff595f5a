/* The moving part of the graph: who holds which bytes, ports, cross-connections, bandwidth, windows
 * and accelerators, and which bricks are there and powered.
 *
 * A cache of the database; a restart builds it again through the loaders.
 *
 * Thread rule: one mutex.  Every function except new, free, lock and unlock is called with the
 * ledger locked; plan and claim are one critical section.  Nothing here does I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/graph/topology.h"
#include "sdm-controller/model/circuit.h"
#include "sdm-controller/model/extent.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/window.h"

struct sdm_ledger;
typedef struct sdm_ledger sdm_ledger;

/* Everything free; power and state of each device as the topology says.  Keeps a reference. */
struct sdm_ledger *sdm_ledger_new(struct sdm_topology *topology);
void sdm_ledger_free(struct sdm_ledger *ledger);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_ledger, sdm_ledger_free)

void sdm_ledger_lock(struct sdm_ledger *ledger);
void sdm_ledger_unlock(struct sdm_ledger *ledger);

/* Borrowed: take a reference before unlocking to keep it. */
struct sdm_topology *sdm_ledger_topology(const struct sdm_ledger *ledger);

/* Changes the hardware and keeps what is held.  Power and state of devices that were there before
 * stay as the ledger has them; new ones come as the topology says.  Refuses IN_USE, with nothing
 * changed, when something held would lose its ground: a capacity below a segment, a device, port or
 * link of a circuit, a compute brick with windows.  Cost: O(hardware + held). */
bool sdm_ledger_set_topology(struct sdm_ledger *ledger, struct sdm_topology *topology,
                             GError **error);

/* --- Loaders: what the database holds.  Each refuses INTERNAL-grade contradictions (overlap,
 * unknown device, port used twice) with SDM_FAILED, naming them; nothing is changed then. */

/* Around many of them: in between, the index that plans are made by is not kept up, and nothing but
 * the loaders may be called; it is made at the end, once. */
void sdm_ledger_begin_load(struct sdm_ledger *ledger);
void sdm_ledger_end_load(struct sdm_ledger *ledger);

bool sdm_ledger_add_segment(struct sdm_ledger *ledger, const struct sdm_extent *extent,
                            GError **error);
bool sdm_ledger_add_circuit(struct sdm_ledger *ledger, const struct sdm_path *path, GError **error);
bool sdm_ledger_add_window(struct sdm_ledger *ledger, const struct sdm_window *window,
                           GError **error);
bool sdm_ledger_add_holder(struct sdm_ledger *ledger, int32_t accelerator_no, int32_t compute_no,
                           GError **error);

/* --- Claims. */

/* Takes the plan's extents, circuits (ports, cross-connections, bandwidth, users) and accelerator,
 * all or nothing.  Refuses PLAN_STALE, naming what is gone: an extent, a port, a cross-connection,
 * bandwidth, a circuit that was to be shared, a brick that is no longer active, a brick that has
 * been switched off since.  A path that was to be made anew and exists meanwhile is PLAN_STALE too.
 * Cost: O(segments log + hops). */
bool sdm_ledger_claim(struct sdm_ledger *ledger, const struct sdm_plan *plan, GError **error);

/* Gives back what a successful claim of the same plan took, when its transaction failed. */
void sdm_ledger_unclaim(struct sdm_ledger *ledger, const struct sdm_plan *plan);

/* The extent has been scrubbed (or its row is gone): it is free from now on.  False, and nothing
 * changed, when any byte of it is free already or does not exist. */
bool sdm_ledger_free_extent(struct sdm_ledger *ledger, const struct sdm_extent *extent);

/* A reservation stops using a circuit: 'n_users' segments fewer, so much bandwidth less.  The
 * circuit stays wired until it is dropped, and may be shared again until then.  False when there is
 * no such circuit or it has fewer users. */
bool sdm_ledger_leave_circuit(struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no,
                              int32_t n_users, int32_t bandwidth_mbps);

/* The circuit has been cut at every switch: its ports are free from now on.  False, and nothing
 * changed, when there is none or segments use it again: then it must be wired again. */
bool sdm_ledger_drop_circuit(struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no);

/* Writes the circuit of a pair; false when there is none. */
bool sdm_ledger_circuit(const struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no,
                        struct sdm_path *path);

/* Finds an entry and a range of addresses of 'size_bytes' (a multiple of the unit), lowest first,
 * and takes both.  Refuses NO_WINDOW when there is none, NOT_FOUND and WRONG_KIND for the brick.
 * Cost: O(windows of the brick). */
bool sdm_ledger_allocate_window(struct sdm_ledger *ledger, int32_t compute_no, uint64_t size_bytes,
                                struct sdm_window *window, GError **error);
/* False when the entry is not taken. */
bool sdm_ledger_free_window(struct sdm_ledger *ledger, int32_t compute_no, int32_t entry);

/* The compute brick that holds an accelerator; 0 for none. */
int32_t sdm_ledger_holder(const struct sdm_ledger *ledger, int32_t accelerator_no);
/* False when nobody holds it. */
bool sdm_ledger_free_holder(struct sdm_ledger *ledger, int32_t accelerator_no);

/* --- Power and state.  Devices that do not exist are ignored. */

/* On when both say so; wanted on and not found on is waking; wanted off counts as off. */
void sdm_ledger_set_power(struct sdm_ledger *ledger, int32_t device_no, enum sdm_power_state want,
                          enum sdm_power_state have);
/* Only active bricks and switches are planned with. */
void sdm_ledger_set_state(struct sdm_ledger *ledger, int32_t device_no, enum sdm_brick_state state);

/* --- What a device has and what of it is taken. */
struct sdm_ledger_use {
    enum sdm_brick_state state;
    enum sdm_power_state want_power;
    enum sdm_power_state have_power;
    /* Memory bricks; used means live, scrubbing or quarantined. */
    uint64_t free_bytes;
    uint64_t used_bytes;
    uint64_t largest_free_bytes;
    /* End of the last used byte. */
    uint64_t used_end_bytes;
    /* Ports that circuits use. */
    int32_t n_ports_used;
    /* Circuits that end here; of a switch, that pass it. */
    int32_t n_circuits;
    /* Compute bricks. */
    int32_t n_windows;
    /* Accelerators. */
    int32_t holder_no;
};

/* False when there is no such device.  Cost: O(ports + free extents of the device). */
bool sdm_ledger_use(const struct sdm_ledger *ledger, int32_t device_no, struct sdm_ledger_use *use);

/* True when something is held on the device, so that it can be neither retired nor switched off:
 * a byte, a circuit with users, a window, a holder. */
bool sdm_ledger_in_use(const struct sdm_ledger *ledger, int32_t device_no);

struct sdm_ledger_totals {
    uint64_t capacity_bytes;
    uint64_t free_bytes;
    size_t n_circuits;
    size_t n_windows;
    size_t n_holders;
};
void sdm_ledger_totals(const struct sdm_ledger *ledger, struct sdm_ledger_totals *totals);

/* Calls 'visit' for every circuit, by compute brick and brick. */
typedef void sdm_ledger_circuit_fn(const struct sdm_path *path, void *user);
void sdm_ledger_each_circuit(const struct sdm_ledger *ledger, sdm_ledger_circuit_fn *visit,
                             void *user);
/* Calls 'visit' for every free extent, by brick and offset. */
typedef void sdm_ledger_extent_fn(const struct sdm_extent *extent, void *user);
void sdm_ledger_each_free_extent(const struct sdm_ledger *ledger, sdm_ledger_extent_fn *visit,
                                 void *user);

/* Checks every index against what it indexes; for tests.  NULL, or what is wrong: g_free(). */
char *sdm_ledger_audit(const struct sdm_ledger *ledger);
