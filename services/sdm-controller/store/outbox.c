#include "sdm-controller/store/outbox.h"

#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement add_statement = {
    .name = "outbox_add",
    .sql = "INSERT INTO sdm.outbox (exchange, routing_key, type, correlation_id, body)"
           " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])",
    .n_params = 5,
};

#define COLUMNS                                                                                    \
    "o.outbox_no::bigint, o.exchange::text, o.routing_key::text, o.type::text,"                    \
    " o.correlation_id::text, o.body::text,"                                                       \
    " (extract(epoch FROM now() - o.created) * 1000)::bigint"

static const struct sdm_pg_statement read_statement = {
    .name = "outbox_read",
    .sql = "SELECT " COLUMNS " FROM sdm.outbox o"
           " WHERE o.outbox_no > $1::bigint ORDER BY o.outbox_no LIMIT $2::bigint",
    .n_params = 2,
};

/* What is put off has its number negated: so those who read the rest do not meet it. */
static const struct sdm_pg_statement read_put_off_statement = {
    .name = "outbox_read_put_off",
    .sql = "SELECT " COLUMNS " FROM sdm.outbox o"
           " WHERE o.outbox_no < $1::bigint ORDER BY o.outbox_no DESC LIMIT $2::bigint",
    .n_params = 2,
};

static const struct sdm_pg_statement put_off_statement = {
    .name = "outbox_put_off",
    .sql = "WITH o AS (DELETE FROM sdm.outbox WHERE outbox_no = ANY ($1::bigint[]) RETURNING "
           "outbox_no,"
           " exchange, routing_key, type, correlation_id, body, created)"
           " INSERT INTO sdm.outbox (outbox_no, exchange, routing_key, type, correlation_id, body, "
           "created)"
           " OVERRIDING SYSTEM VALUE SELECT -o.outbox_no, o.exchange, o.routing_key, o.type,"
           " o.correlation_id, o.body, o.created FROM o",
    .n_params = 1,
};

/* A crash may bring back what was deleted: then it goes out once more, as it may anyway.  So nobody
 * waits for the disk. */
static const struct sdm_pg_statement unhurried_statement = {
    .name = "outbox_unhurried",
    .sql = "SELECT set_config('synchronous_commit', 'off', true)",
};

static const struct sdm_pg_statement delete_statement = {
    .name = "outbox_delete",
    .sql = "DELETE FROM sdm.outbox WHERE outbox_no = ANY ($1::bigint[])",
    .n_params = 1,
};

void sdm_outbox_add(struct sdm_tx *tx, const struct sdm_outbox_message *message)
{
    struct sdm_pg_array **to = sdm_rows_add(tx, SDM_ROWS_MESSAGE, &add_statement);

    sdm_pg_array_text(to[0], message->exchange);
    sdm_pg_array_text(to[1], message->routing_key);
    sdm_pg_array_text(to[2], message->type);
    sdm_pg_array_text_or_null(to[3], message->correlation_id);
    sdm_pg_array_text(to[4], message->body);
}

static bool read_message(const struct sdm_pg_result *result, int row, struct sdm_arena *arena,
                         struct sdm_outbox_message *message, GError **error)
{
    const char *texts[5] = {0};

    for (int i = 0; i < 5; i++) {
        if (!sdm_pg_get_is_null(result, row, i + 1) &&
            !sdm_pg_get_text(result, row, i + 1, &texts[i], error)) {
            return false;
        }
    }
    message->exchange = sdm_arena_strdup(arena, texts[0]);
    message->routing_key = sdm_arena_strdup(arena, texts[1]);
    message->type = sdm_arena_strdup(arena, texts[2]);
    message->correlation_id = sdm_arena_strdup(arena, texts[3]);
    message->body = sdm_arena_strdup(arena, texts[4]);
    return sdm_pg_get_int64(result, row, 0, &message->outbox_no, error) &&
           sdm_pg_get_int64(result, row, 6, &message->age_ms, error);
}

bool sdm_outbox_read(struct sdm_pg *pg, bool is_put_off, int64_t after_no, size_t n_max,
                     struct sdm_arena *arena, struct sdm_outbox_message **messages, size_t *n,
                     GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_outbox_message *read;

    sdm_pg_arg_int64(&args, after_no);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, is_put_off ? &read_put_off_statement : &read_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_outbox_message, sdm_pg_result_n_rows(result));
    for (int i = 0; i < sdm_pg_result_n_rows(result); i++) {
        if (!read_message(result, i, arena, &read[i], error)) {
            return false;
        }
    }
    *messages = read;
    *n = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

void sdm_outbox_delete(struct sdm_tx *tx, const int64_t *outbox_nos, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64_array(&args, outbox_nos, n);
    sdm_tx_queue(tx, &unhurried_statement, NULL);
    sdm_tx_queue(tx, &delete_statement, &args);
}

void sdm_outbox_put_off(struct sdm_tx *tx, const int64_t *outbox_nos, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64_array(&args, outbox_nos, n);
    sdm_tx_queue(tx, &put_off_statement, &args);
}

SDM_STORE_STATEMENTS(outbox, &add_statement, &read_statement, &read_put_off_statement,
                     &put_off_statement, &unhurried_statement, &delete_statement)
