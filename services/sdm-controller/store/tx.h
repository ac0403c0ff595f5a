/* One writing transaction under the leader's epoch, and what memory owes to its end.
 *
 * Every statement that writes goes through sdm_tx_write(), after sdm_tx_begin() has checked that
 * this process still leads; the check holds until the end (sdm.hold_epoch()).  Reads use
 * sdm_tx_read().
 *
 * Memory follows the database: what a use case did to the ledger or other state in memory before
 * the commit is registered with sdm_tx_on_end(), and is kept or undone when the end is known.
 *
 *      begun ---commit---> committed        effects(true), in order
 *        |        \------> unknown ---settle---> committed | rolled back
 *        \------rollback-> rolled back      effects(false), in reverse order
 *
 * Thread rule: a transaction belongs to the thread of its connection; effects run there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/id.h"
#include "lib/pg/pg.h"

struct sdm_rows;
struct sdm_shared;

/* "2026-01-31T12:00:00.000000Z" and the terminating zero. */
#define SDM_TIMESTAMP_SIZE 28

/* A timestamptz expression of a statement as such a text; sessions are in UTC. */
#define SDM_SQL_TIMESTAMP(expression) "to_char(" expression ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

typedef void sdm_tx_effect_fn(void *data, bool committed);

enum sdm_tx_state {
    SDM_TX_ENDED, /* also of a zeroed one: nothing to end */
    SDM_TX_BEGUN,
    SDM_TX_UNKNOWN, /* COMMIT was sent and no answer came */
};

/* Zeroed before the first use; may be used for one transaction after another.  Members are read
 * only to others. */
struct sdm_tx {
    struct sdm_pg *pg;
    int64_t epoch;
    /* Statements written since the beginning: a refusal that comes with n_writes unchanged has
     * left the transaction as it was. */
    unsigned n_writes;
    enum sdm_tx_state state;
    /* Of the transaction, so that an unknown outcome can be asked for: pg_current_xact_id(), which
     * a server that crashes may give out again, and what its row of commit_mark says, if it is. */
    char xid[24];
    char mark[SDM_UUID_SIZE];
    /* When it began, by the database's clock: as messages carry it, and in microseconds since 1970.
     */
    char now[SDM_TIMESTAMP_SIZE];
    int64_t now_us;
    GArray *effects;
    /* What it owes to rows that others lock too (store/shared.h); NULL for nothing. */
    struct sdm_shared *shared;
    /* New rows that are to be inserted together (store/rows.h); NULL for none. */
    struct sdm_rows *rows;
};

/* Begins and checks the epoch, in one round trip.  False and nothing begun:
 *   SDM_ERROR STALE_EPOCH  another leads: stop serving (sdm_tx_is_superseded());
 *   SDM_UNAVAILABLE        the database is away. */
bool sdm_tx_begin(struct sdm_tx *tx, struct sdm_pg *pg, int64_t epoch, GError **error);

/* The same in two steps, so that others travel with it: queues it, and after the flush takes its
 * result, which is the first; NULL when the flush failed.  Then nothing has begun. */
void sdm_tx_begin_queue(struct sdm_tx *tx, struct sdm_pg *pg, int64_t epoch);
bool sdm_tx_begin_take(struct sdm_tx *tx, const struct sdm_pg_result *result, GError **error);

/* The connection for a read that sees all that the transaction has written so far. */
struct sdm_pg *sdm_tx_read(struct sdm_tx *tx);

/* Runs a statement that writes.  'result' may be NULL when no rows are wanted, and otherwise
 * receives what sdm_pg_exec() gives.  Fails as sdm_pg_exec() does; PostgreSQL then refuses all that
 * follows, so the transaction can only be rolled back. */
bool sdm_tx_write(struct sdm_tx *tx, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args, struct sdm_pg_result **result, GError **error);

/* The same without waiting: it travels with the next statement, or with the commit, which then give
 * its error.  For what returns nothing, such as events and history. */
void sdm_tx_queue(struct sdm_tx *tx, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args);

/* Has 'effect' called once with 'data' when the end is known.  It must not fail, must not use the
 * transaction, and frees 'data' if that is owned. */
void sdm_tx_on_end(struct sdm_tx *tx, sdm_tx_effect_fn *effect, void *data);

/* Marks effects made so far; sdm_tx_undo_to() runs those registered later with committed=false and
 * forgets them.  For a request of a batch that was refused before it wrote anything. */
unsigned sdm_tx_mark(const struct sdm_tx *tx);
void sdm_tx_undo_to(struct sdm_tx *tx, unsigned mark);

/* Commits.  False with the state telling more:
 *   SDM_TX_ENDED    it did not commit, effects are undone; store/refusal.h tells what a violation
 *                   means;
 *   SDM_TX_UNKNOWN  the connection went away after COMMIT was sent; effects are still owed, the
 *                   error is SDM_UNAVAILABLE, and sdm_tx_settle() has to follow. */
bool sdm_tx_commit(struct sdm_tx *tx, GError **error);

/* Rolls back whatever is left of it and undoes effects in memory; nothing for one that has ended.
 * Never fails: a connection that is gone has rolled back.  Not for SDM_TX_UNKNOWN. */
void sdm_tx_rollback(struct sdm_tx *tx);

/* Finds out what became of an unknown COMMIT, over 'tx->pg' connected again; runs the effects and
 * says so in '*committed'.  False with SDM_UNAVAILABLE while nobody can tell: call again. */
bool sdm_tx_settle(struct sdm_tx *tx, bool *committed, GError **error);

/* Frees what the struct holds; the transaction must have ended. */
void sdm_tx_done(struct sdm_tx *tx);

/* A race that another transaction has won or may yet win, where waiting and running the same work
 * again is right: what memory has is not in the database yet, or not any more.  Returns false. */
#define SDM_TX_RACED sdm_tx_raced_quark()
GQuark sdm_tx_raced_quark(void);
bool sdm_tx_raced(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* True when the same work may be run again from its start, uncounted: such a race, a serialization
 * failure, a deadlock. */
bool sdm_tx_is_again(const GError *error);

/* True when 'error' says that another leads (STALE_EPOCH, of the database or of a switch): this
 * process stops serving and ends. */
bool sdm_tx_is_superseded(const GError *error);
