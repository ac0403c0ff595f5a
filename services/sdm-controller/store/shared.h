/* Rows that many reservations share: circuits, the switches that they cross, projects.
 *
 * A transaction that locked them as it comes to them would hold them until its end, in an order
 * that its requests happen to have; two such would wait for each other.  So what they are to become
 * is kept in memory and written just before the commit: circuits, then switches, then projects,
 * each sorted.  docs/DATABASE.md has the order of all locks.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/id.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/store/tx.h"

struct sdm_shared;

/* What a project has, as it was when first asked for, and what this transaction adds. */
struct sdm_shared_project {
    int64_t used_bytes;
    int64_t max_bytes;
    int64_t n_reservations;
    int64_t max_reservations;
    int64_t add_bytes;
    int64_t add_reservations;
    bool is_new; /* without a row as yet */
};

/* Reads it when it has not been read; it belongs to the transaction.  NULL with a database error.
 */
struct sdm_shared_project *sdm_shared_project(struct sdm_tx *tx, const char *project,
                                              GError **error);

/* Reads several at once, in two steps so that others travel with it: queues the question, and takes
 * its answer after the flush. */
void sdm_shared_projects_ask(struct sdm_pg *pg, const char *const *projects, size_t n);
bool sdm_shared_projects_take(struct sdm_tx *tx, const struct sdm_pg_result *result,
                              const char *const *projects, size_t n, GError **error);

/* Adds to what a project has; its row exists when this is written. */
void sdm_shared_project_add(struct sdm_tx *tx, const char *project, int64_t bytes,
                            int64_t n_reservations);

/* What circuits are to become; the last word counts. */
void sdm_shared_circuit_claim(struct sdm_tx *tx, int32_t compute_no, int32_t brick_no,
                              int32_t bandwidth_mbps);
void sdm_shared_circuit_want(struct sdm_tx *tx, const char *circuit, bool want_up);
void sdm_shared_circuit_found(struct sdm_tx *tx, const char *circuit, bool have_up);

/* The circuit is as it is wanted: switches on which nothing is left to do have reached their
 * generation, also when it was wanted up and down again before anything was done. */
void sdm_shared_circuit_converge(struct sdm_tx *tx, const char *circuit);

/* Brings a snapshot that this transaction has read up to what it is going to write. */
void sdm_shared_overlay(const struct sdm_tx *tx, struct sdm_snapshot *snapshot);

/* Queues what has come together; for sdm_tx_commit(). */
void sdm_shared_flush(struct sdm_tx *tx);

/* NULL does nothing. */
void sdm_shared_free(struct sdm_shared *shared);
