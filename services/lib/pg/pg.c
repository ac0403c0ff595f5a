#include "lib/pg/pg.h"

#include "lib/base/error.h"
#include "lib/pg/args_private.h"
#include "lib/pg/error_private.h"
#include "lib/pg/pg_private.h"
#include "lib/pg/result_private.h"

#define DEFAULT_TIMEOUT_MS 30000

/* Compiling pays for long queries only: for ours it was seconds, when statistics were old. */
static const struct sdm_pg_statement set_up_session = {
    "sdm_pg_set_up_session",
    "SELECT pg_catalog.set_config('TimeZone', 'UTC', false),"
    " pg_catalog.set_config('DateStyle', 'ISO', false), pg_catalog.set_config('jit', 'off', false)",
    0,
};

static const struct sdm_pg_statement set_application_name = {
    "sdm_pg_set_application_name",
    "SELECT pg_catalog.set_config('application_name', $1::text, false)",
    1,
};

static void drop_results(struct sdm_pg *pg)
{
    for (guint i = pg->n_taken; i < pg->results->len; i++) {
        sdm_pg_result_free(pg->results->pdata[i]);
    }
    g_ptr_array_set_size(pg->results, 0);
    pg->n_taken = 0;
}

static bool set_up(struct sdm_pg *pg, GError **error)
{
    return sdm_pg_connect(pg, error) && sdm_pg_run(pg, &set_up_session, NULL, error);
}

struct sdm_pg *sdm_pg_open(const char *uri, const char *application_name, GError **error)
{
    struct sdm_pg *pg = g_new0(struct sdm_pg, 1);

    pg->uri = g_strdup(uri);
    pg->application_name = g_strdup(application_name);
    pg->timeout_ms = DEFAULT_TIMEOUT_MS;
    pg->prepared = g_hash_table_new(NULL, NULL);
    pg->sent = g_array_new(FALSE, FALSE, sizeof(struct sdm_pg_sent));
    pg->results = g_ptr_array_new();
    if (!set_up(pg, error)) {
        g_clear_pointer(&pg, sdm_pg_close);
    }
    return pg;
}

void sdm_pg_close(struct sdm_pg *pg)
{
    if (pg == NULL) {
        return;
    }
    drop_results(pg);
    PQfinish(pg->conn);
    g_ptr_array_free(pg->results, TRUE);
    g_array_free(pg->sent, TRUE);
    g_hash_table_destroy(pg->prepared);
    g_free(pg->application_name);
    g_free(pg->uri);
    g_free(pg);
}

bool sdm_pg_reconnect(struct sdm_pg *pg, GError **error)
{
    drop_results(pg);
    g_clear_pointer(&pg->conn, PQfinish);
    g_array_set_size(pg->sent, 0);
    g_hash_table_remove_all(pg->prepared);
    pg->in_transaction = false;
    pg->begin_pending = false;
    return set_up(pg, error);
}

bool sdm_pg_is_connected(const struct sdm_pg *pg)
{
    return !pg->lost;
}

bool sdm_pg_rename(struct sdm_pg *pg, const char *application_name, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    g_free(pg->application_name);
    pg->application_name = g_strdup(application_name);
    sdm_pg_arg_text(&args, pg->application_name);
    return sdm_pg_run(pg, &set_application_name, &args, error);
}

void sdm_pg_set_timeout_ms(struct sdm_pg *pg, int timeout_ms)
{
    pg->timeout_ms = timeout_ms;
}

uint64_t sdm_pg_n_round_trips(const struct sdm_pg *pg)
{
    return pg->n_round_trips;
}

struct sdm_pg_result *sdm_pg_take(struct sdm_pg *pg)
{
    return pg->n_taken < pg->results->len ? pg->results->pdata[pg->n_taken++] : NULL;
}

static void note_sent(struct sdm_pg *pg, enum sdm_pg_step step,
                      const struct sdm_pg_statement *statement, int ok)
{
    struct sdm_pg_sent sent = {step, statement};

    if (ok) {
        g_array_append_val(pg->sent, sent);
    } else {
        pg->lost = true;
    }
}

/* A statement that this session has not met is prepared on the way. */
static void send_prepare(struct sdm_pg *pg, const struct sdm_pg_statement *statement)
{
    if (!pg->lost && g_hash_table_add(pg->prepared, (void *)statement)) {
        int ok = PQsendPrepare(pg->conn, statement->name, statement->sql, 0, NULL);

        note_sent(pg, SDM_PG_STEP_PREPARE, statement, ok);
    }
}

static void send_execute(struct sdm_pg *pg, enum sdm_pg_step step,
                         const struct sdm_pg_statement *statement, const struct sdm_pg_args *args)
{
    int n = args == NULL ? 0 : args->n;
    const char *values[SDM_PG_MAX_ARGS];

    g_assert(n == statement->n_params);
    for (int i = 0; i < n; i++) {
        values[i] = sdm_pg_args_value(args, i);
    }
    send_prepare(pg, statement);
    if (!pg->lost) {
        int ok = PQsendQueryPrepared(pg->conn, statement->name, n, values, NULL, NULL, 0);

        note_sent(pg, step, statement, ok);
    }
}

/* The first step of a batch drops what the one before left; the first of a transaction takes its
 * BEGIN along. */
static void start_step(struct sdm_pg *pg)
{
    static const struct sdm_pg_statement begin = {"sdm_pg_begin", "BEGIN", 0};

    if (pg->sent->len == 0) {
        drop_results(pg);
    }
    if (pg->begin_pending) {
        pg->begin_pending = false;
        send_execute(pg, SDM_PG_STEP_CONTROL, &begin, NULL);
    }
}

void sdm_pg_queue_control(struct sdm_pg *pg, const struct sdm_pg_statement *statement)
{
    start_step(pg);
    send_execute(pg, SDM_PG_STEP_CONTROL, statement, NULL);
}

void sdm_pg_queue(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args)
{
    start_step(pg);
    send_execute(pg, SDM_PG_STEP_EXECUTE, statement, args);
}

bool sdm_pg_flush(struct sdm_pg *pg, size_t *failed, GError **error)
{
    return sdm_pg_collect(pg, NULL, failed, error);
}

/* The last result, which leaves the ones before it to be taken. */
static struct sdm_pg_result *take_last(struct sdm_pg *pg)
{
    struct sdm_pg_result *last = pg->results->pdata[pg->results->len - 1];

    g_ptr_array_set_size(pg->results, (int)pg->results->len - 1);
    return last;
}

struct sdm_pg_result *sdm_pg_exec(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                                  const struct sdm_pg_args *args, GError **error)
{
    sdm_pg_queue(pg, statement, args);
    return sdm_pg_collect(pg, NULL, NULL, error) ? take_last(pg) : NULL;
}

bool sdm_pg_run(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                const struct sdm_pg_args *args, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, statement, args, error);

    return result != NULL;
}

bool sdm_pg_stream(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                   const struct sdm_pg_args *args, sdm_pg_row_fn *row_fn, void *data,
                   GError **error)
{
    struct sdm_pg_sink sink = {row_fn, data};

    /* What was queued before has results of its own kind. */
    if (pg->sent->len > 0 && !sdm_pg_flush(pg, NULL, error)) {
        return false;
    }
    sdm_pg_queue(pg, statement, args);
    return sdm_pg_collect(pg, &sink, NULL, error);
}

bool sdm_pg_check(struct sdm_pg *pg, const struct sdm_pg_statement *statement, GError **error)
{
    g_autoptr(sdm_pg_result) described = NULL;
    int n_params;

    start_step(pg);
    send_prepare(pg, statement);
    if (!pg->lost) {
        note_sent(pg, SDM_PG_STEP_DESCRIBE, statement,
                  PQsendDescribePrepared(pg->conn, statement->name));
    }
    if (!sdm_pg_collect(pg, NULL, NULL, error)) {
        return false;
    }
    described = take_last(pg);
    n_params = PQnparams(described->rows);
    if (n_params != statement->n_params) {
        return sdm_fail(error, "statement '%s' has %d parameters, its table says %d",
                        statement->name, n_params, statement->n_params);
    }
    return true;
}
