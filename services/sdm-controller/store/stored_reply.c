#include "sdm-controller/store/stored_reply.h"

#include "lib/base/fault.h"
#include "sdm-controller/store/statements.h"

#define COLUMNS                                                                                    \
    "r.project::text, r.key::text, r.fingerprint::text, r.type::text, r.reservation::text,"        \
    " coalesce(r.device_no, 0)::integer, r.wait::text, r.reply_to::text,"                          \
    " r.correlation_id::text, r.oslo_msg_id::text, r.error_code::text, r.error_text::text,"        \
    " r.reply_type::text, r.reply::text"
#define N_COLUMNS 14

static const struct sdm_pg_statement find_statement = {
    .name = "stored_reply_find",
    .sql = "SELECT " COLUMNS ", q.i::bigint"
           " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (project, key, i)"
           /* Kept apart, so that each is looked up in the index, whatever the planner thinks. */
           " CROSS JOIN LATERAL (SELECT * FROM sdm.stored_reply s"
           " WHERE s.project = q.project AND s.key = q.key OFFSET 0) r",
    .n_params = 2,
};

/* Sorted, so that crossing inserts of two transactions cannot deadlock. */
#define INSERT_ROWS                                                                                \
    "INSERT INTO sdm.stored_reply (project, key, fingerprint, type, reservation, device_no,"       \
    " wait, deadline, reply_to, correlation_id, oslo_msg_id, reply_type, reply,"                   \
    " controller_us) SELECT q.project, q.key, q.fingerprint, q.type, q.reservation,"               \
    " nullif(q.device_no, 0)::integer, q.wait::sdm.wait_level,"                                    \
    " CASE WHEN q.reply IS NULL"                                                                   \
    " THEN clock_timestamp() + q.timeout_ms * interval '1 millisecond' END,"                       \
    " q.reply_to, q.correlation_id, q.oslo_msg_id, q.reply_type, q.reply, q.controller_us"         \
    " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[],"       \
    " $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],"                \
    " $13::text[], $14::bigint[]) AS q (project, key, fingerprint, type, reservation, "            \
    "device_no, wait,"                                                                             \
    " timeout_ms, reply_to, correlation_id, oslo_msg_id, reply_type, reply,"                       \
    " controller_us) ORDER BY q.project, q.key"

static const struct sdm_pg_statement insert_statement = {
    .name = "stored_reply_insert",
    .sql = INSERT_ROWS,
    .n_params = 14,
};

/* What sabotage runs in its place. */
static const struct sdm_pg_statement insert_ignored_statement = {
    .name = "stored_reply_insert_ignored",
    .sql = INSERT_ROWS " ON CONFLICT DO NOTHING",
    .n_params = 14,
};

/* The same asker, come again because its request was delivered again, is not counted twice; of more
 * than SDM_REPLY_ASKERS_MAX the newest are kept. */
static const struct sdm_pg_statement join_statement = {
    .name = "stored_reply_join",
    .sql = "UPDATE sdm.stored_reply r SET further_askers ="
           " CASE WHEN $3::text IS NULL OR r.further_askers @> a.one"
           " OR (r.reply_to = $3::text AND r.correlation_id IS NOT DISTINCT FROM $4::text"
           "     AND r.oslo_msg_id IS NOT DISTINCT FROM $5::text) THEN r.further_askers"
           " WHEN jsonb_array_length(r.further_askers) + 1 < $6::integer"
           " THEN r.further_askers || a.one"
           " ELSE (r.further_askers - 0) || a.one END"
           " FROM (SELECT jsonb_build_array(jsonb_build_object('reply_to', $3::text,"
           " 'correlation_id', $4::text, 'oslo_msg_id', $5::text)) AS one) a"
           " WHERE r.project = $1::text AND r.key = $2::text AND r.reply IS NULL",
    .n_params = 6,
};

static const struct sdm_pg_statement finish_statement = {
    .name = "stored_reply_finish",
    .sql = "WITH done AS (UPDATE sdm.stored_reply SET reply_type = $3::text, reply = $4::text"
           " WHERE project = $1::text AND key = $2::text AND reply IS NULL"
           " RETURNING reply_to, correlation_id, oslo_msg_id, further_askers)"
           " SELECT d.reply_to::text, d.correlation_id::text, d.oslo_msg_id::text FROM done d"
           " UNION ALL"
           " SELECT (a ->> 'reply_to')::text, (a ->> 'correlation_id')::text,"
           " (a ->> 'oslo_msg_id')::text FROM done d, jsonb_array_elements(d.further_askers) a",
    .n_params = 4,
};

static const struct sdm_pg_statement error_statement = {
    .name = "stored_reply_set_error",
    .sql = "UPDATE sdm.stored_reply SET error_code = $3::text, error_text = $4::text"
           " WHERE project = $1::text AND key = $2::text AND reply IS NULL",
    .n_params = 4,
};

static const struct sdm_pg_statement pending_statement = {
    .name = "stored_reply_pending",
    .sql = "SELECT " COLUMNS " FROM sdm.stored_reply r WHERE r.reply IS NULL"
           " ORDER BY r.created, r.project, r.key",
};

static const struct sdm_pg_statement pending_reservation_statement = {
    .name = "stored_reply_pending_reservation",
    .sql = "SELECT " COLUMNS " FROM sdm.stored_reply r"
           " WHERE r.reply IS NULL AND r.reservation = $1::uuid"
           " ORDER BY r.created, r.project, r.key",
    .n_params = 1,
};

static const struct sdm_pg_statement pending_device_statement = {
    .name = "stored_reply_pending_device",
    .sql = "SELECT " COLUMNS " FROM sdm.stored_reply r"
           " WHERE r.reply IS NULL AND r.device_no = $1::integer"
           " ORDER BY r.created, r.project, r.key",
    .n_params = 1,
};

static const struct sdm_pg_statement overdue_statement = {
    .name = "stored_reply_overdue",
    .sql = "SELECT " COLUMNS " FROM (SELECT o.* FROM sdm.stored_reply o"
           " WHERE o.reply IS NULL AND o.deadline < clock_timestamp()"
           " ORDER BY o.deadline LIMIT $1::bigint) r ORDER BY r.created, r.project, r.key",
    .n_params = 1,
};

static const struct sdm_pg_statement forget_statement = {
    .name = "stored_reply_forget",
    .sql = "DELETE FROM sdm.stored_reply d USING (SELECT r.project, r.key"
           " FROM sdm.stored_reply r WHERE r.reply IS NOT NULL"
           " AND r.created < now() - interval '24 hours' ORDER BY r.created LIMIT $1::bigint) AS o"
           " WHERE d.project = o.project AND d.key = o.key",
    .n_params = 1,
};

static bool read_text(const struct sdm_pg_result *result, int row, int column,
                      struct sdm_arena *arena, const char **text, GError **error)
{
    const char *borrowed = NULL;

    if (!sdm_pg_get_is_null(result, row, column) &&
        !sdm_pg_get_text(result, row, column, &borrowed, error)) {
        return false;
    }
    *text = sdm_arena_strdup(arena, borrowed);
    return true;
}

static bool read_row(const struct sdm_pg_result *result, int row, struct sdm_arena *arena,
                     struct sdm_stored_reply *reply, GError **error)
{
    const struct {
        int column;
        const char **text;
    } texts[] = {
        {0, &reply->project},
        {1, &reply->key},
        {2, &reply->fingerprint},
        {3, &reply->type},
        {4, &reply->reservation},
        {7, &reply->address.reply_to},
        {8, &reply->address.correlation_id},
        {9, &reply->address.oslo_msg_id},
        {10, &reply->error_code},
        {11, &reply->error_text},
        {12, &reply->reply_type},
        {13, &reply->reply},
    };
    int wait;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!read_text(result, row, texts[i].column, arena, texts[i].text, error)) {
            return false;
        }
    }
    if (!sdm_pg_get_int32(result, row, 5, &reply->device_no, error) ||
        !sdm_pg_get_word(result, row, 6, sdm_wait_level_words.words, sdm_wait_level_words.n_words,
                         &wait, error)) {
        return false;
    }
    reply->wait = (enum sdm_wait_level)wait;
    return true;
}

void sdm_stored_reply_find(struct sdm_pg *pg, const char *const *projects, const char *const *keys,
                           size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, projects, n);
    sdm_pg_arg_text_array(&args, keys, n);
    sdm_pg_queue(pg, &find_statement, &args);
}

bool sdm_stored_reply_found(const struct sdm_pg_result *result, size_t n, struct sdm_arena *arena,
                            struct sdm_stored_reply *found, GError **error)
{
    for (size_t i = 0; i < n; i++) {
        found[i] = (struct sdm_stored_reply){0};
    }
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        int64_t place;

        if (!sdm_pg_get_int64(result, row, N_COLUMNS, &place, error) ||
            !read_row(result, row, arena, &found[place - 1], error)) {
            return false;
        }
    }
    return true;
}

static void add_rows(struct sdm_pg_args *args, const struct sdm_stored_reply *rows, size_t n)
{
    struct sdm_pg_array *columns[14];

    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        columns[i] = sdm_pg_arg_array(args);
    }
    for (size_t i = 0; i < n; i++) {
        const struct sdm_stored_reply *row = &rows[i];

        sdm_pg_array_text(columns[0], row->project);
        sdm_pg_array_text(columns[1], row->key);
        sdm_pg_array_text(columns[2], row->fingerprint);
        sdm_pg_array_text(columns[3], row->type);
        sdm_pg_array_text_or_null(columns[4], row->reservation);
        sdm_pg_array_int64(columns[5], row->device_no);
        sdm_pg_array_text(columns[6], sdm_wait_level_name(row->wait));
        sdm_pg_array_int64(columns[7], row->timeout_ms);
        sdm_pg_array_text(columns[8], row->address.reply_to);
        sdm_pg_array_text(columns[9], row->address.correlation_id);
        sdm_pg_array_text(columns[10], row->address.oslo_msg_id);
        sdm_pg_array_text(columns[11], row->reply_type);
        sdm_pg_array_text(columns[12], row->reply);
        sdm_pg_array_int64(columns[13], row->controller_us);
    }
}

void sdm_stored_reply_insert(struct sdm_tx *tx, const struct sdm_stored_reply *rows, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    add_rows(&args, rows, n);
    sdm_tx_queue(tx, sdm_sabotage("key-ignored") ? &insert_ignored_statement : &insert_statement,
                 &args);
}

bool sdm_stored_reply_join(struct sdm_tx *tx, const char *project, const char *key,
                           const struct sdm_reply_address *address, bool *is_pending,
                           GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_text(&args, key);
    sdm_pg_arg_text_or_null(&args, address->reply_to);
    sdm_pg_arg_text_or_null(&args, address->correlation_id);
    sdm_pg_arg_text_or_null(&args, address->oslo_msg_id);
    sdm_pg_arg_int64(&args, SDM_REPLY_ASKERS_MAX);
    if (!sdm_tx_write(tx, &join_statement, &args, &result, error)) {
        return false;
    }
    *is_pending = sdm_pg_result_n_affected(result) == 1;
    return true;
}

bool sdm_stored_reply_finish(struct sdm_tx *tx, const char *project, const char *key,
                             const char *reply_type, const char *reply, struct sdm_arena *arena,
                             struct sdm_reply_address **askers, size_t *n_askers, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_reply_address *read;
    int n_rows;

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_text(&args, key);
    sdm_pg_arg_text(&args, reply_type);
    sdm_pg_arg_text(&args, reply);
    if (!sdm_tx_write(tx, &finish_statement, &args, &result, error)) {
        return false;
    }
    n_rows = sdm_pg_result_n_rows(result);
    read = SDM_ARENA_NEW(arena, struct sdm_reply_address, n_rows);
    for (int row = 0; row < n_rows; row++) {
        if (!read_text(result, row, 0, arena, &read[row].reply_to, error) ||
            !read_text(result, row, 1, arena, &read[row].correlation_id, error) ||
            !read_text(result, row, 2, arena, &read[row].oslo_msg_id, error)) {
            return false;
        }
    }
    *askers = read;
    *n_askers = (size_t)n_rows;
    return true;
}

void sdm_stored_reply_set_error(struct sdm_tx *tx, const char *project, const char *key,
                                const char *error_code, const char *error_text)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_text(&args, key);
    sdm_pg_arg_text(&args, error_code);
    sdm_pg_arg_text(&args, error_text);
    sdm_tx_queue(tx, &error_statement, &args);
}

static bool read_rows(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                      const struct sdm_pg_args *args, struct sdm_arena *arena,
                      struct sdm_stored_reply **rows, size_t *n, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, statement, args, error);
    struct sdm_stored_reply *read;

    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_stored_reply, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        if (!read_row(result, row, arena, &read[row], error)) {
            return false;
        }
    }
    *rows = read;
    *n = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

bool sdm_stored_reply_pending(struct sdm_pg *pg, const char *reservation, int32_t device_no,
                              struct sdm_arena *arena, struct sdm_stored_reply **rows, size_t *n,
                              GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    if (reservation != NULL) {
        sdm_pg_arg_uuid(&args, reservation);
        return read_rows(pg, &pending_reservation_statement, &args, arena, rows, n, error);
    }
    if (device_no != 0) {
        sdm_pg_arg_int64(&args, device_no);
        return read_rows(pg, &pending_device_statement, &args, arena, rows, n, error);
    }
    return read_rows(pg, &pending_statement, NULL, arena, rows, n, error);
}

bool sdm_stored_reply_overdue(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                              struct sdm_stored_reply **rows, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, (int64_t)n_max);
    return read_rows(pg, &overdue_statement, &args, arena, rows, n, error);
}

bool sdm_stored_reply_forget(struct sdm_tx *tx, size_t n_max, int64_t *n_forgotten, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, (int64_t)n_max);
    if (!sdm_tx_write(tx, &forget_statement, &args, &result, error)) {
        return false;
    }
    *n_forgotten = sdm_pg_result_n_affected(result);
    return true;
}

SDM_STORE_STATEMENTS(stored_reply, &find_statement, &insert_statement, &insert_ignored_statement,
                     &join_statement, &finish_statement, &error_statement, &pending_statement,
                     &pending_reservation_statement, &pending_device_statement, &overdue_statement,
                     &forget_statement)
