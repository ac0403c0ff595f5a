#include "sdm-controller/store/project.h"

#include <inttypes.h>

#include "lib/base/error.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement take_statement = {
    .name = "project_take",
    .sql = "INSERT INTO sdm.project AS p (project, used_bytes, n_reservations)"
           " VALUES ($1::text, $2::bigint, $3::integer)"
           " ON CONFLICT (project) DO UPDATE SET used_bytes = p.used_bytes + $2::bigint,"
           " n_reservations = p.n_reservations + $3::integer"
           " WHERE (p.max_bytes IS NULL OR p.used_bytes + $2::bigint <= p.max_bytes)"
           " AND (p.max_reservations IS NULL"
           " OR p.n_reservations + $3::integer <= p.max_reservations)",
    .n_params = 3,
};

static const struct sdm_pg_statement read_statement = {
    .name = "project_read",
    .sql = "SELECT p.used_bytes::bigint, coalesce(p.max_bytes, 9223372036854775807)::bigint,"
           " p.n_reservations::integer, coalesce(p.max_reservations, 2147483647)::integer"
           " FROM sdm.project p WHERE p.project = $1::text",
    .n_params = 1,
};

static const struct sdm_pg_statement give_statement = {
    .name = "project_give",
    .sql = "UPDATE sdm.project SET used_bytes = used_bytes - $2::bigint,"
           " n_reservations = n_reservations - $3::integer WHERE project = $1::text",
    .n_params = 3,
};

static bool refuse(struct sdm_tx *tx, const char *project, uint64_t size_bytes, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    int64_t used_bytes;
    int64_t max_bytes;
    int32_t n_reservations;
    int32_t max_reservations;

    sdm_pg_arg_text(&args, project);
    result = sdm_pg_exec(tx->pg, &read_statement, &args, error);
    if (result == NULL || !sdm_pg_get_int64(result, 0, 0, &used_bytes, error) ||
        !sdm_pg_get_int64(result, 0, 1, &max_bytes, error) ||
        !sdm_pg_get_int32(result, 0, 2, &n_reservations, error) ||
        !sdm_pg_get_int32(result, 0, 3, &max_reservations, error)) {
        return false;
    }
    if (n_reservations >= max_reservations) {
        return sdm_refuse(error, SDM_ERROR_QUOTA_EXCEEDED,
                          "project '%s' has %" PRId32 " of %" PRId32 " reservations", project,
                          n_reservations, max_reservations);
    }
    return sdm_refuse(error, SDM_ERROR_QUOTA_EXCEEDED,
                      "need %" PRIu64 " bytes, project '%s' has %" PRId64 " of %" PRId64 " left",
                      size_bytes, project, max_bytes - used_bytes, max_bytes);
}

bool sdm_project_take(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_int64(&args, (int64_t)size_bytes);
    sdm_pg_arg_int64(&args, n_reservations);
    if (!sdm_tx_write(tx, &take_statement, &args, &result, error)) {
        return false;
    }
    if (sdm_pg_result_n_affected(result) == 0) {
        /* Nothing was changed, so that what follows may still be stored in this transaction. */
        tx->n_writes--;
        return refuse(tx, project, size_bytes, error);
    }
    return true;
}

bool sdm_project_give(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_int64(&args, (int64_t)size_bytes);
    sdm_pg_arg_int64(&args, n_reservations);
    return sdm_tx_write(tx, &give_statement, &args, NULL, error);
}

SDM_STORE_STATEMENTS(project, &take_statement, &read_statement, &give_statement)
