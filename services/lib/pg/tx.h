/* Transactions.
 *
 *     SDM_PG_TX struct sdm_pg *tx = sdm_pg_begin(pg);
 *
 *     if (!sdm_pg_run(tx, &hold_epoch, &args, error) || ...) {
 *         return false;               // rolled back
 *     }
 *     return sdm_pg_commit(&tx, error);
 *
 * BEGIN travels with the first statement, and what is queued travels with COMMIT, so a transaction
 * of one batch costs one round trip.  Isolation is read committed.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/pg/pg.h"

/* Opens a transaction, which must not be open already, and returns 'pg'.  Nothing is sent, so
 * nothing can fail: a lost connection shows at the first statement. */
struct sdm_pg *sdm_pg_begin(struct sdm_pg *pg);

/* Sends what is queued and COMMIT.  '*tx' becomes NULL in any case; after a failure the transaction
 * is rolled back.
 *
 * False with the error of a queued statement, or of the commit itself (sdm_pg_is_retryable()), or
 * SDM_UNAVAILABLE when the connection was known to be lost before COMMIT was sent: in all these
 * nothing is committed.  SDM_PG COMMIT_UNKNOWN when it was lost afterwards. */
bool sdm_pg_commit(struct sdm_pg **tx, GError **error);

/* Drops what is queued and undone; '*tx' becomes NULL; NULL in '*tx' does nothing.  A connection
 * that is lost on the way has rolled back too. */
void sdm_pg_rollback(struct sdm_pg **tx);

/* Rolls back at the end of the scope unless committed. */
#define SDM_PG_TX __attribute__((cleanup(sdm_pg_rollback)))

/* Savepoints nest like brackets: keep and undo both end the innermost one.  Set travels with the
 * next statement. */
void sdm_pg_savepoint_set(struct sdm_pg *tx);
bool sdm_pg_savepoint_keep(struct sdm_pg *tx, GError **error);
/* Undoes everything since the innermost savepoint, a failed statement too. */
bool sdm_pg_savepoint_undo(struct sdm_pg *tx, GError **error);
