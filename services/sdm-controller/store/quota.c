#include "sdm-controller/store/quota.h"

#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

#define SELECT_ROW                                                                                 \
    "SELECT p.project, p.used_bytes::bigint, p.n_reservations::bigint,"                            \
    " coalesce(p.max_bytes, -1)::bigint, coalesce(p.max_reservations, -1)::bigint"                 \
    " FROM sdm.project p"

static const struct sdm_pg_statement lock_statement = {
    .name = "quota_lock",
    .sql = SELECT_ROW " WHERE p.project = $1::text FOR NO KEY UPDATE",
    .n_params = 1,
};

static const struct sdm_pg_statement list_statement = {
    .name = "quota_list",
    .sql = SELECT_ROW " WHERE ($1::text IS NULL OR p.project = $1::text)"
                      " AND ($2::text IS NULL OR p.project COLLATE \"C\" > $2::text COLLATE \"C\")"
                      " ORDER BY p.project COLLATE \"C\" LIMIT $3::bigint",
    .n_params = 3,
};

static const struct sdm_pg_statement set_statement = {
    .name = "quota_set",
    .sql = "INSERT INTO sdm.project AS p (project, max_bytes, max_reservations)"
           " VALUES ($1::text, nullif($2::bigint, -1), nullif($3::integer, -1))"
           " ON CONFLICT (project) DO UPDATE SET max_bytes = excluded.max_bytes,"
           " max_reservations = excluded.max_reservations",
    .n_params = 3,
};

static void read_row(struct sdm_row_reader *in, int i, struct sdm_quota *quota)
{
    quota->project = sdm_row_text(in, i, 0);
    quota->used_bytes = sdm_row_int64(in, i, 1);
    quota->n_reservations = sdm_row_int64(in, i, 2);
    quota->max_bytes = sdm_row_int64(in, i, 3);
    quota->max_reservations = sdm_row_int64(in, i, 4);
}

bool sdm_quota_lock(struct sdm_tx *tx, const char *project, struct sdm_arena *arena,
                    struct sdm_quota *quota, bool *found, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_text(&args, project);
    result = sdm_pg_exec(tx->pg, &lock_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    *found = sdm_pg_result_n_rows(result) > 0;
    if (*found) {
        read_row(&in, 0, quota);
    }
    return in.ok;
}

bool sdm_quota_set(struct sdm_tx *tx, const struct sdm_quota *quota, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text(&args, quota->project);
    sdm_pg_arg_int64(&args, quota->max_bytes);
    sdm_pg_arg_int64(&args, quota->max_reservations);
    return sdm_tx_write(tx, &set_statement, &args, NULL, error);
}

bool sdm_quota_list(struct sdm_pg *pg, const char *project, const char *after, size_t n_max,
                    struct sdm_arena *arena, struct sdm_quota **quotas, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;
    int n_rows;

    sdm_pg_arg_text_or_null(&args, project);
    sdm_pg_arg_text_or_null(&args, after);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &list_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    n_rows = sdm_pg_result_n_rows(result);
    *quotas = SDM_ARENA_NEW(arena, struct sdm_quota, (size_t)n_rows);
    *n = (size_t)n_rows;
    for (int i = 0; i < n_rows; i++) {
        read_row(&in, i, &(*quotas)[i]);
    }
    return in.ok;
}

SDM_STORE_STATEMENTS(quota, &lock_statement, &list_statement, &set_statement)
