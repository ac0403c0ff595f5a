/* What bricks, switches and circuits are used for, counted by the database; what they are is in the
 * topology.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"
#include "wire/words.h"

struct sdm_device_usage {
    int32_t device_no;
    enum sdm_brick_state state;
    bool is_fenced;
    enum sdm_fence_state fence; /* of one that is fenced */
    enum sdm_power_state want_power;
    enum sdm_power_state have_power;
    int64_t live_bytes;
    int64_t scrubbing_bytes;
    int64_t quarantined_bytes;
    int64_t attached_bytes; /* compute bricks: remote memory in use */
    int64_t n_ports_used;
    int64_t n_vms;
    int64_t n_windows;
    char reservation[SDM_UUID_SIZE]; /* that holds an accelerator, or "" */
    int64_t want_generation;
    int64_t have_generation;
    char last_report[SDM_TIMESTAMP_SIZE]; /* "" for none */
    int64_t report_age_us;                /* -1 for none */
    char agent_version[33];
};

/* Reads the usage of 'n' devices, in their order by number; fewer when some do not exist. */
bool sdm_usage_of_devices(struct sdm_pg *pg, const int64_t *device_nos, size_t n,
                          struct sdm_arena *arena, struct sdm_device_usage **usages, size_t *n_read,
                          GError **error);

struct sdm_circuit_usage {
    char circuit[SDM_UUID_SIZE];
    int32_t compute_no;
    int32_t compute_port;
    int32_t brick_no;
    int32_t brick_port;
    int32_t bandwidth_mbps;
    bool have_up;
    int64_t n_windows;
};

/* Up to 'n_max' circuits with an end at one of 'n' devices. */
bool sdm_usage_of_circuits(struct sdm_pg *pg, const int64_t *device_nos, size_t n, size_t n_max,
                           struct sdm_arena *arena, struct sdm_circuit_usage **usages,
                           size_t *n_read, GError **error);

struct sdm_usage_totals {
    int64_t live_bytes;
    int64_t power_mw; /* of all that is on: active where something is used, else idle */
    int64_t n_reservations;
    int64_t n_segments;
    int64_t n_pending;
    int64_t n_outbox;
    int64_t n_diverged;
};
bool sdm_usage_total(struct sdm_pg *pg, struct sdm_usage_totals *totals, GError **error);

/* Calls 'visit' for every accelerator that is held and the compute brick it is held for: for
 * loading the ledger. */
typedef bool sdm_usage_holder_fn(int32_t accelerator_no, int32_t compute_no, void *data,
                                 GError **error);
bool sdm_usage_holders_each(struct sdm_pg *pg, sdm_usage_holder_fn *visit, void *data,
                            GError **error);
