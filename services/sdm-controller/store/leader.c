#include "sdm-controller/store/leader.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/tx.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/standby.h"
#include "sdm-controller/store/statements.h"

#define SESSION_PREFIX "sdm-controller epoch="

static const struct sdm_pg_statement version_statement = {
    .name = "leader_version",
    .sql = "SELECT v.version::integer FROM sdm.schema_version v",
};

static const struct sdm_pg_statement read_statement = {
    .name = "leader_read",
    .sql = "SELECT l.epoch::bigint, l.holder::text, " SDM_SQL_TIMESTAMP(
        "l.since") ","
                   " (extract(epoch FROM l.beat) * 1000000)::bigint,"
                   " (extract(epoch FROM clock_timestamp() - l.beat) * 1000000)::bigint"
                   " FROM sdm.leader l",
};

static const struct sdm_pg_statement beat_statement = {
    .name = "leader_beat",
    .sql = "UPDATE sdm.leader SET beat = clock_timestamp() WHERE epoch = $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement resign_statement = {
    .name = "leader_resign",
    .sql = "UPDATE sdm.leader SET beat = to_timestamp(0) WHERE epoch = $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement end_statement = {
    .name = "leader_end_sessions",
    .sql = "SELECT count(*)::bigint FROM (SELECT pg_terminate_backend(a.pid)"
           " FROM pg_stat_activity a"
           " WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()"
           " AND substring(a.application_name FROM '^" SESSION_PREFIX "([0-9]+)')::bigint"
           " <= $1::bigint) AS ended",
    .n_params = 1,
};

/* The lock of sdm.take_over(), taken first so that what is read under it stays so. */
static const struct sdm_pg_statement lock_statement = {
    .name = "leader_lock",
    .sql = "SELECT pg_advisory_xact_lock(7170001)::text",
};

/* Who had them has nothing to settle any more: whatever it finds, it is superseded. */
static const struct sdm_pg_statement forget_marks_statement = {
    .name = "leader_forget_marks",
    .sql = "DELETE FROM sdm.commit_mark",
};

static const struct sdm_pg_statement take_over_statement = {
    .name = "leader_take_over",
    .sql = "SELECT sdm.take_over($1::text)::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement rise_statement = {
    .name = "leader_rise",
    .sql = "SELECT sdm.rise($1::bigint, $2::bigint)::bigint",
    .n_params = 2,
};

bool sdm_leader_check_schema(struct sdm_pg *pg, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &version_statement, NULL, error);
    int32_t version;

    if (result == NULL || !sdm_pg_get_int32(result, 0, 0, &version, error)) {
        return false;
    }
    if (version != SDM_SCHEMA_VERSION) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                          "need schema version %d, the database has %" PRId32, SDM_SCHEMA_VERSION,
                          version);
    }
    return true;
}

bool sdm_leader_read(struct sdm_pg *pg, struct sdm_leader *leader, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &read_statement, NULL, error);
    struct sdm_leader read;

    if (result == NULL || !sdm_pg_get_int64(result, 0, 0, &read.epoch, error) ||
        !sdm_pg_copy_text(result, 0, 1, read.holder, sizeof read.holder, error) ||
        !sdm_pg_copy_text(result, 0, 2, read.since, sizeof read.since, error) ||
        !sdm_pg_get_int64(result, 0, 3, &read.beat_us, error) ||
        !sdm_pg_get_int64(result, 0, 4, &read.beat_age_us, error)) {
        return false;
    }
    *leader = read;
    return true;
}

bool sdm_leader_beat(struct sdm_pg *pg, int64_t epoch, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, epoch);
    result = sdm_pg_exec(pg, &beat_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    if (sdm_pg_result_n_affected(result) == 0 && !sdm_sabotage("no-epoch-check")) {
        return sdm_refuse(error, SDM_ERROR_STALE_EPOCH, "epoch %" PRId64 " has been superseded",
                          epoch);
    }
    return true;
}

bool sdm_leader_resign(struct sdm_pg *pg, int64_t epoch, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, epoch);
    return sdm_pg_run(pg, &resign_statement, &args, error);
}

char *sdm_leader_session_name(int64_t epoch, const char *part)
{
    return g_strdup_printf(SESSION_PREFIX "%" PRId64 " %s", epoch, part);
}

bool sdm_leader_end_sessions(struct sdm_pg *pg, int64_t epoch, int64_t *n_ended, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, epoch);
    result = sdm_pg_exec(pg, &end_statement, &args, error);
    return result != NULL && sdm_pg_get_int64(result, 0, 0, n_ended, error);
}

bool sdm_leader_take_over(struct sdm_pg *pg, const struct sdm_leader *seen, const char *holder,
                          int64_t *epoch, GError **error)
{
    SDM_PG_TX struct sdm_pg *tx = sdm_pg_begin(pg);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_leader now;
    int64_t taken;

    if (!sdm_pg_run(tx, &lock_statement, NULL, error) || !sdm_leader_read(tx, &now, error)) {
        return false;
    }
    if (now.epoch != seen->epoch || now.beat_us != seen->beat_us) {
        *epoch = 0;
        return true;
    }
    sdm_pg_arg_text(&args, holder);
    result = sdm_pg_exec(tx, &take_over_statement, &args, error);
    if (result == NULL || !sdm_pg_get_int64(result, 0, 0, &taken, error) ||
        !sdm_pg_run(tx, &forget_marks_statement, NULL, error) ||
        !sdm_audit_takeover(tx, taken, holder, error) ||
        (strcmp(seen->holder, holder) != 0 && !sdm_standby_forget(tx, seen->holder, error)) ||
        !sdm_pg_commit(&tx, error)) {
        return false;
    }
    *epoch = taken;
    return true;
}

bool sdm_leader_rise(struct sdm_pg *pg, int64_t epoch, int64_t above, const char *holder,
                     int64_t *risen, GError **error)
{
    SDM_PG_TX struct sdm_pg *tx = sdm_pg_begin(pg);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    int64_t taken;

    sdm_pg_arg_int64(&args, epoch);
    sdm_pg_arg_int64(&args, above);
    result = sdm_pg_exec(tx, &rise_statement, &args, error);
    if (result == NULL || !sdm_pg_get_int64(result, 0, 0, &taken, error) ||
        !sdm_pg_run(tx, &forget_marks_statement, NULL, error) ||
        !sdm_audit_takeover(tx, taken, holder, error) || !sdm_pg_commit(&tx, error)) {
        return false;
    }
    *risen = taken;
    return true;
}

SDM_STORE_STATEMENTS(leader, &version_statement, &read_statement, &beat_statement,
                     &resign_statement, &end_statement, &lock_statement, &forget_marks_statement,
                     &take_over_statement, &rise_statement)
