/* A connection from inside; for lib/pg only. */
#pragma once

#include <libpq-fe.h>

#include "lib/pg/pg.h"

enum sdm_pg_step {
    SDM_PG_STEP_PREPARE,
    SDM_PG_STEP_EXECUTE,
    SDM_PG_STEP_DESCRIBE,
    /* Executed for lib/pg itself: its result is not handed out. */
    SDM_PG_STEP_CONTROL,
};

/* One message pair on its way; the answers come in the same order. */
struct sdm_pg_sent {
    enum sdm_pg_step step;
    const struct sdm_pg_statement *statement;
};

struct sdm_pg {
    PGconn *conn;
    char *uri;
    char *application_name;
    int timeout_ms;
    uint64_t n_round_trips;
    /* Set once; then 'conn' is only good for being closed. */
    bool lost;
    /* A transaction is open as far as the caller knows; BEGIN is sent with its first statement. */
    bool in_transaction;
    bool begin_pending;
    /* Statements that this session knows, by address. */
    GHashTable *prepared;
    /* What was sent since the last flush. */
    GArray *sent;
    /* What the last flush gave, sdm_pg_result, and how many of it were taken. */
    GPtrArray *results;
    guint n_taken;
};

/* Makes 'pg->conn', in pipeline mode; false with SDM_UNAVAILABLE. */
bool sdm_pg_connect(struct sdm_pg *pg, GError **error);

/* Waits for the next result of the pipeline, NULL included; false with SDM_UNAVAILABLE when the
 * connection is lost, which is marked. */
bool sdm_pg_await(struct sdm_pg *pg, PGresult **result, GError **error);

/* Waits until the server has sent something, and takes it in; errors as above. */
bool sdm_pg_await_input(struct sdm_pg *pg, GError **error);

/* Queues a statement without parameters for lib/pg itself. */
void sdm_pg_queue_control(struct sdm_pg *pg, const struct sdm_pg_statement *statement);

/* Rows go to 'row_fn' one by one instead of to 'pg->results'. */
struct sdm_pg_sink {
    sdm_pg_row_fn *row_fn;
    void *data;
};

/* Sends a Sync and reads every answer, into pg->results or, when 'sink' is not NULL, into it;
 * otherwise as sdm_pg_flush(). */
bool sdm_pg_collect(struct sdm_pg *pg, const struct sdm_pg_sink *sink, size_t *failed,
                    GError **error);
