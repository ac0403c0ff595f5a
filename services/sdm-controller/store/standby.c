#include "sdm-controller/store/standby.h"

#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement beat_statement = {
    .name = "standby_beat",
    .sql = "WITH gone AS (DELETE FROM sdm.controller WHERE name <> $1::text"
           " AND beat < clock_timestamp() - interval '1 minute')"
           " INSERT INTO sdm.controller AS c (name, host, pid, version, sees_broker, since, beat)"
           " VALUES ($1::text, $2::text, $3::integer, $4::text, $5::boolean, clock_timestamp(),"
           " clock_timestamp()) ON CONFLICT (name) DO UPDATE SET host = excluded.host,"
           " pid = excluded.pid, version = excluded.version, sees_broker = excluded.sees_broker,"
           " since = CASE WHEN $6::boolean THEN excluded.since ELSE c.since END,"
           " beat = excluded.beat",
    .n_params = 6,
};

static const struct sdm_pg_statement forget_statement = {
    .name = "standby_forget",
    .sql = "DELETE FROM sdm.controller WHERE name = $1::text",
    .n_params = 1,
};

static const struct sdm_pg_statement list_statement = {
    .name = "standby_list",
    .sql = "SELECT c.name, c.host, c.pid::bigint, c.version, " SDM_SQL_RFC3339(
        "c.since") ","
                   " greatest(extract(epoch FROM clock_timestamp() - c.beat) * 1000000, 0)::bigint,"
                   " c.sees_broker FROM sdm.controller c, sdm.leader l WHERE c.name <> l.holder"
                   " ORDER BY c.name LIMIT $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement heir_statement = {
    .name = "standby_heir",
    .sql = "SELECT EXISTS (SELECT FROM sdm.controller c WHERE c.name <> $1::text AND c.sees_broker"
           " AND c.beat > clock_timestamp() - $2::bigint * interval '1 millisecond')::boolean",
    .n_params = 2,
};

bool sdm_standby_beat(struct sdm_pg *pg, const struct sdm_standby *self, bool is_first,
                      GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text(&args, self->name);
    sdm_pg_arg_text(&args, self->host);
    sdm_pg_arg_int64(&args, self->pid);
    sdm_pg_arg_text(&args, self->version);
    sdm_pg_arg_bool(&args, self->sees_broker);
    sdm_pg_arg_bool(&args, is_first);
    return sdm_pg_run(pg, &beat_statement, &args, error);
}

bool sdm_standby_forget(struct sdm_pg *pg, const char *name, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text(&args, name);
    return sdm_pg_run(pg, &forget_statement, &args, error);
}

bool sdm_standby_list(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                      struct sdm_standby **standbys, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;
    struct sdm_standby *rows;
    int n_rows;

    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &list_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    n_rows = sdm_pg_result_n_rows(result);
    rows = SDM_ARENA_NEW(arena, struct sdm_standby, (size_t)n_rows);
    for (int i = 0; i < n_rows; i++) {
        rows[i] = (struct sdm_standby){
            .name = sdm_row_text(&in, i, 0),
            .host = sdm_row_text(&in, i, 1),
            .pid = sdm_row_int64(&in, i, 2),
            .version = sdm_row_text(&in, i, 3),
            .since = sdm_row_text(&in, i, 4),
            .beat_age_us = sdm_row_int64(&in, i, 5),
            .sees_broker = sdm_row_bool(&in, i, 6),
        };
    }
    if (!in.ok) {
        return false;
    }
    *standbys = rows;
    *n = (size_t)n_rows;
    return true;
}

bool sdm_standby_has_heir(struct sdm_pg *pg, const char *name, bool *has_heir, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, name);
    sdm_pg_arg_int64(&args, SDM_STANDBY_ALIVE_MS);
    result = sdm_pg_exec(pg, &heir_statement, &args, error);
    return result != NULL && sdm_pg_get_bool(result, 0, 0, has_heir, error);
}

SDM_STORE_STATEMENTS(standby, &beat_statement, &forget_statement, &list_statement, &heir_statement)
