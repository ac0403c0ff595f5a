/* PostgreSQL: one connection of one thread, prepared statements, batches, streams.
 *
 * Everything runs in libpq's pipeline mode: statements that are queued travel together and cost one
 * round trip, and sdm_pg_exec() is a batch of one.  A statement is prepared when a connection meets
 * it first, in the same round trip.  Transactions are in tx.h.
 *
 * A call that waits longer than the connection's timeout without a byte from the server counts the
 * connection as lost.  A lost connection answers SDM_UNAVAILABLE to everything until its owner
 * calls sdm_pg_reconnect().
 *
 * Thread rule: a connection belongs to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/args.h"
#include "lib/pg/error.h"
#include "lib/pg/result.h"

struct sdm_pg;
typedef struct sdm_pg sdm_pg;

/* A static constant: connections know statements by their address.  'name' is unique in the
 * program, every "$n" of 'sql' is cast. */
struct sdm_pg_statement {
    const char *name;
    const char *sql;
    int n_params;
};

/* Connects.  'uri' is a libpq URI or keyword string; 'application_name' (at most 63 bytes) is what
 * pg_stat_activity shows and takes precedence over the URI's.  The session has time zone UTC.
 *
 * Returns a new connection (sdm_pg_close()), or NULL with SDM_UNAVAILABLE, whatever the reason:
 * libpq does not say whether a password is wrong or a server full. */
struct sdm_pg *sdm_pg_open(const char *uri, const char *application_name, GError **error);

/* NULL does nothing; an open transaction is rolled back by the server. */
void sdm_pg_close(struct sdm_pg *pg);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_pg, sdm_pg_close)

/* Connects anew, lost or not; statements are prepared again when they are met.  What was queued is
 * dropped, an open transaction is rolled back.  Errors as sdm_pg_open(). */
bool sdm_pg_reconnect(struct sdm_pg *pg, GError **error);

/* False once the connection was found lost. */
bool sdm_pg_is_connected(const struct sdm_pg *pg);

/* Changes the name that sdm_pg_open() gave; holds for later reconnects too. */
bool sdm_pg_rename(struct sdm_pg *pg, const char *application_name, GError **error);

/* How long to wait for the server without a sign of it; 30,000 ms at first. */
void sdm_pg_set_timeout_ms(struct sdm_pg *pg, int timeout_ms);

/* Executes one statement, after everything that is queued.  'args' may be NULL for none.
 *
 * Returns its rows (sdm_pg_result_free()), or NULL with the error of the first statement that
 * failed; in a transaction that error has ended it, and only rollback is left. */
struct sdm_pg_result *sdm_pg_exec(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                                  const struct sdm_pg_args *args, GError **error);

/* sdm_pg_exec() for a statement that returns no rows. */
bool sdm_pg_run(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                const struct sdm_pg_args *args, GError **error);

/* Adds a statement to the batch.  Nothing waits; an error shows at the flush.  Results of an
 * earlier flush that were not taken are dropped. */
void sdm_pg_queue(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args);

/* Sends the batch and waits for its results: one round trip.  Outside a transaction the batch is
 * one of its own: all or none.  After the first failure nothing more of the batch is executed.
 *
 * False with the error of the first statement that failed, and '*failed' (may be NULL) the place
 * of that statement in the batch, counted from 0; results before it can be taken. */
bool sdm_pg_flush(struct sdm_pg *pg, size_t *failed, GError **error);

/* The next result of the last flush, in the order of sdm_pg_queue() (sdm_pg_result_free()); NULL
 * when all are taken. */
struct sdm_pg_result *sdm_pg_take(struct sdm_pg *pg);

/* Called for each row, which is row 0 of 'row' and valid during the call; false with 'error' set
 * ends the stream.  It must not use the connection. */
typedef bool sdm_pg_row_fn(const struct sdm_pg_result *row, void *data, GError **error);

/* Executes one statement and hands its rows over one by one, without holding them all: for tables
 * that are read whole at start-up.  Rows that follow a failed call are read and dropped. */
bool sdm_pg_stream(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                   const struct sdm_pg_args *args, sdm_pg_row_fn *row_fn, void *data,
                   GError **error);

/* Prepares a statement and compares its parameters with 'n_params': for tests/contract.  False
 * with SDM_FAILED when they differ. */
bool sdm_pg_check(struct sdm_pg *pg, const struct sdm_pg_statement *statement, GError **error);

/* Round trips since sdm_pg_open(). */
uint64_t sdm_pg_n_round_trips(const struct sdm_pg *pg);
