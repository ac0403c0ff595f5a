/* Reservations: rows, history, and what their project holds.
 *
 * Functions that return nothing only queue their statement; its error shows at the next one that
 * waits, or at the commit.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/store/tx.h"

/* A reservation to be made. */
struct sdm_new_reservation {
    const char *reservation;
    const char *project;
    enum sdm_reservation_state state;
    enum sdm_mode mode;
    int32_t compute_no;
    enum sdm_latency_class latency_class;
    enum sdm_policy policy;
    int32_t bandwidth_mbps;
    int64_t size_bytes;
    int64_t lease_s;
    /* NULL and 0 for none. */
    const char *group;
    int32_t accelerator_no;
    /* First line of its history. */
    const char *text;
};

/* Adds the row and its first line of history to what is inserted (rows.h), and counts it to its
 * project.  Writes the times that it gets, RFC 3339, into the arena.
 *
 * Refuses QUOTA_EXCEEDED; a group or accelerator that somebody else holds shows with the insert. */
bool sdm_store_reservation_insert(struct sdm_tx *tx, const struct sdm_new_reservation *row,
                                  struct sdm_arena *arena, const char **created,
                                  const char **lease_end, GError **error);

/* Sets the state and writes it to the history. */
void sdm_store_reservation_set_state(struct sdm_tx *tx, const char *reservation,
                                     enum sdm_reservation_state state, const char *text);

/* Sets what it holds now, and what was asked for last. */
void sdm_store_reservation_set_size(struct sdm_tx *tx, const char *reservation, int64_t size_bytes,
                                    int64_t requested_bytes);

/* Extends the lease from now. */
void sdm_store_reservation_renew(struct sdm_tx *tx, const char *reservation, int64_t lease_s);

/* Uuids of held reservations whose lease has ended, at most 'n_max'. */
bool sdm_store_reservation_expired(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                                   char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error);

/* Says in the history of a reservation why it was given up when its lease ended. */
#define SDM_STORE_LEASE_ENDED "the lease has ended"

/* Whether a reservation, which is locked and given up, was given up because its lease had ended. */
bool sdm_store_reservation_ended_by_lease(struct sdm_pg *pg, const char *reservation, bool *ended,
                                          GError **error);

/* The live reservation of a group; '' in 'reservation' when there is none. */
bool sdm_store_reservation_of_group(struct sdm_pg *pg, const char *project, const char *group,
                                    char reservation[SDM_UUID_SIZE], GError **error);

/* Uuids of reservations that a VM's memory comes from. */
bool sdm_store_reservation_of_vm(struct sdm_pg *pg, const char *vm, struct sdm_arena *arena,
                                 char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error);

/* Which reservations to list; NULL and false where anything will do. */
struct sdm_reservation_filter {
    const char *project;
    const char *state;
    const char *compute_brick;
    const char *vm;
    const char *group;
    bool live;
    /* Begin behind this one. */
    const char *after;
    size_t page_size;
};

/* Rows without lists, in order of creation; '*more' says that there are others behind. */
bool sdm_store_reservation_list(struct sdm_pg *pg, const struct sdm_reservation_filter *filter,
                                struct sdm_arena *arena, struct sdm_snapshot **snapshots, size_t *n,
                                bool *more, GError **error);

/* One line of history. */
struct sdm_history_line {
    const char *at;
    enum sdm_reservation_state state;
    const char *text;
};

/* The last 'n_max' lines, oldest first. */
bool sdm_store_reservation_history(struct sdm_pg *pg, const char *reservation, size_t n_max,
                                   struct sdm_arena *arena, struct sdm_history_line **lines,
                                   size_t *n, GError **error);
