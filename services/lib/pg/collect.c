#include "lib/base/error.h"
#include "lib/pg/error_private.h"
#include "lib/pg/pg_private.h"
#include "lib/pg/result_private.h"

/* Reading the answers of one batch: for every step its results and a NULL, at the end the Sync. */
struct collector {
    struct sdm_pg *pg;
    const struct sdm_pg_sink *sink;
    /* Index among the statements of the caller, and that of the first one that failed. */
    size_t index;
    size_t failed;
    GError *error;
};

/* What was sent and not answered is of no use any more. */
static void forget_sent(struct sdm_pg *pg)
{
    g_array_set_size(pg->sent, 0);
    if (pg->lost) {
        g_hash_table_remove_all(pg->prepared);
    }
}

static void fail(struct collector *collector, GError *error)
{
    if (collector->error == NULL) {
        collector->error = error;
        collector->failed = collector->index;
    } else {
        g_error_free(error);
    }
}

static void keep_result(struct collector *collector, PGresult *rows)
{
    struct sdm_pg_result *result = g_new0(struct sdm_pg_result, 1);

    result->rows = rows;
    g_ptr_array_add(collector->pg->results, result);
}

static void pour_row(struct collector *collector, PGresult *rows)
{
    struct sdm_pg_result row = {.rows = rows};
    GError *error = NULL;

    if (collector->error == NULL && PQntuples(rows) > 0 &&
        !collector->sink->row_fn(&row, collector->sink->data, &error)) {
        fail(collector, error);
    }
    PQclear(rows);
}

static void take_rows(struct collector *collector, enum sdm_pg_step step, PGresult *rows)
{
    if (step == SDM_PG_STEP_PREPARE || step == SDM_PG_STEP_CONTROL) {
        PQclear(rows);
    } else if (collector->sink != NULL) {
        pour_row(collector, rows);
    } else {
        keep_result(collector, rows);
    }
}

/* Takes what is left of 'rows'. */
static void take_result(struct collector *collector, const struct sdm_pg_sent *sent, PGresult *rows)
{
    ExecStatusType status = PQresultStatus(rows);
    GError *error = NULL;

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE) {
        take_rows(collector, sent->step, rows);
        return;
    }
    if (sent->step == SDM_PG_STEP_PREPARE) {
        g_hash_table_remove(collector->pg->prepared, sent->statement);
    }
    if (status != PGRES_PIPELINE_ABORTED) {
        if (sdm_pg_set_result_error(&error, rows, sent->statement->name)) {
            collector->pg->lost = true;
        }
        fail(collector, error);
    }
    PQclear(rows);
}

/* False when the connection is lost. */
static bool collect_step(struct collector *collector, const struct sdm_pg_sent *sent)
{
    PGresult *rows = NULL;

    if (collector->sink != NULL && sent->step == SDM_PG_STEP_EXECUTE) {
        g_assert(PQsetSingleRowMode(collector->pg->conn) == 1);
    }
    do {
        GError *error = NULL;

        if (!sdm_pg_await(collector->pg, &rows, &error)) {
            fail(collector, error);
            return false;
        }
        if (rows != NULL) {
            take_result(collector, sent, rows);
        }
    } while (rows != NULL && !collector->pg->lost);
    if (sent->step == SDM_PG_STEP_EXECUTE || sent->step == SDM_PG_STEP_DESCRIBE) {
        collector->index++;
    }
    return !collector->pg->lost;
}

static void collect_sync(struct collector *collector)
{
    PGresult *rows = NULL;
    GError *error = NULL;

    if (!sdm_pg_await(collector->pg, &rows, &error)) {
        fail(collector, error);
        return;
    }
    if (PQresultStatus(rows) != PGRES_PIPELINE_SYNC) {
        /* The server ended the session between the last answer and here. */
        collector->pg->lost = true;
        sdm_pg_set_result_error(&error, rows, "sync");
        fail(collector, error);
    }
    PQclear(rows);
}

static void collect_all(struct collector *collector)
{
    struct sdm_pg *pg = collector->pg;

    if (pg->lost || PQpipelineSync(pg->conn) != 1) {
        GError *error = NULL;

        pg->lost = true;
        sdm_unavailable(&error, "database: connection lost");
        fail(collector, error);
        return;
    }
    pg->n_round_trips++;
    for (guint i = 0; i < pg->sent->len; i++) {
        if (!collect_step(collector, &g_array_index(pg->sent, struct sdm_pg_sent, i))) {
            return;
        }
    }
    collect_sync(collector);
}

bool sdm_pg_collect(struct sdm_pg *pg, const struct sdm_pg_sink *sink, size_t *failed,
                    GError **error)
{
    struct collector collector = {.pg = pg, .sink = sink};

    if (pg->sent->len == 0 && !pg->lost) {
        return true;
    }
    collect_all(&collector);
    forget_sent(pg);
    if (collector.error == NULL) {
        return true;
    }
    if (failed != NULL) {
        *failed = collector.failed;
    }
    g_propagate_error(error, collector.error);
    return false;
}
