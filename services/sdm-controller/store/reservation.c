#include "sdm-controller/store/reservation.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/store/project.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement insert_statement = {
    .name = "reservation_insert",
    .sql = "WITH q AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[],"
           " $5::integer[], $6::text[], $7::text[], $8::integer[], $9::bigint[], $10::bigint[],"
           " $11::text[], $12::integer[], $13::text[]) AS u (reservation, project, state, mode,"
           " compute_no, latency_class, policy, bandwidth_mbps, size_bytes, lease_s, group_id,"
           " accelerator_no, text)),"
           " h AS (INSERT INTO sdm.reservation_history (reservation, state, text)"
           " SELECT q.reservation, q.state::sdm.reservation_state, q.text FROM q)"
           " INSERT INTO sdm.reservation (reservation, project, state, mode, compute_no,"
           " latency_class, policy, bandwidth_mbps, size_bytes, requested_bytes, lease_end,"
           " group_id, accelerator_no)"
           " SELECT q.reservation, q.project, q.state::sdm.reservation_state, q.mode::sdm.mode,"
           " q.compute_no, q.latency_class::sdm.latency_class, q.policy::sdm.policy,"
           " q.bandwidth_mbps, q.size_bytes, q.size_bytes,"
           " now() + q.lease_s * interval '1 second', q.group_id, nullif(q.accelerator_no, 0)"
           " FROM q",
    .n_params = 13,
};

static const struct sdm_pg_statement set_state_statement = {
    .name = "reservation_set_state",
    .sql = "WITH h AS (INSERT INTO sdm.reservation_history (reservation, state, text)"
           " VALUES ($1::uuid, $2::sdm.reservation_state, $3::text))"
           " UPDATE sdm.reservation SET state = $2::sdm.reservation_state"
           " WHERE reservation = $1::uuid",
    .n_params = 3,
};

static const struct sdm_pg_statement set_size_statement = {
    .name = "reservation_set_size",
    .sql = "UPDATE sdm.reservation SET size_bytes = $2::bigint, requested_bytes = $3::bigint"
           " WHERE reservation = $1::uuid",
    .n_params = 3,
};

static const struct sdm_pg_statement renew_statement = {
    .name = "reservation_renew",
    .sql = "UPDATE sdm.reservation SET lease_end = now() + $2::bigint * interval '1 second'"
           " WHERE reservation = $1::uuid",
    .n_params = 2,
};

static const struct sdm_pg_statement expired_statement = {
    .name = "reservation_expired",
    .sql = "SELECT r.reservation::text FROM sdm.reservation r"
           " WHERE r.state = 'held' AND r.lease_end < clock_timestamp()"
           " ORDER BY r.lease_end LIMIT $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement ended_by_lease_statement = {
    .name = "reservation_ended_by_lease",
    .sql = "SELECT EXISTS (SELECT FROM sdm.reservation_history h"
           " WHERE h.reservation = $1::uuid AND h.state = 'releasing' AND h.text = $2::text)",
    .n_params = 2,
};

/* What sabotage asks in its place. */
static const struct sdm_pg_statement expired_in_use_statement = {
    .name = "reservation_expired_in_use",
    .sql = "SELECT r.reservation::text FROM sdm.reservation r"
           " WHERE r.state IN ('held', 'attached') AND r.lease_end < clock_timestamp()"
           " ORDER BY r.lease_end LIMIT $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement of_group_statement = {
    .name = "reservation_of_group",
    .sql = "SELECT r.reservation::text FROM sdm.reservation r"
           " WHERE r.project = $1::text AND r.group_id = $2::text"
           " AND r.state NOT IN ('releasing', 'released', 'failed')",
    .n_params = 2,
};

static const struct sdm_pg_statement of_vm_statement = {
    .name = "reservation_of_vm",
    .sql = "SELECT a.reservation::text FROM sdm.attachment a WHERE a.vm = $1::uuid"
           " ORDER BY a.reservation",
    .n_params = 1,
};

static const struct sdm_pg_statement list_statement = {
    .name = "reservation_list",
    .sql =
        "SELECT r.reservation::text, r.project, r.state::text, r.mode::text, r.compute_no,"
        " c.id, r.latency_class::text, r.policy::text, r.bandwidth_mbps, r.size_bytes,"
        " r.requested_bytes, " SDM_SQL_RFC3339("r.lease_end") ", " SDM_SQL_RFC3339(
            "r.created") ", r.group_id, a.id, " SDM_SQL_DEGRADED
                         " FROM sdm.reservation r JOIN sdm.device c ON c.device_no = r.compute_no"
                         " LEFT JOIN sdm.device a ON a.device_no = r.accelerator_no"
                         " WHERE ($1::text IS NULL OR r.project = $1::text)"
                         " AND ($2::text IS NULL OR r.state = $2::sdm.reservation_state)"
                         " AND ($3::text IS NULL OR c.id = $3::text)"
                         " AND ($4::uuid IS NULL OR EXISTS (SELECT FROM sdm.attachment t"
                         " WHERE t.reservation = r.reservation AND t.vm = $4::uuid))"
                         " AND ($5::text IS NULL OR r.group_id = $5::text)"
                         " AND (NOT $6::boolean OR r.state NOT IN ('released', 'failed'))"
                         " AND ($7::uuid IS NULL OR r.seq > (SELECT b.seq FROM sdm.reservation b"
                         " WHERE b.reservation = $7::uuid))"
                         " ORDER BY r.seq LIMIT $8::bigint",
    .n_params = 8,
};

static const struct sdm_pg_statement history_statement = {
    .name = "reservation_history",
    .sql = "SELECT h.at, h.state, h.text FROM (SELECT " SDM_SQL_RFC3339(
        "i.at") " AS at, i.state::text AS state, i.text, i.seq FROM sdm.reservation_history i"
                " WHERE i.reservation = $1::uuid ORDER BY i.seq DESC LIMIT $2::bigint) h"
                " ORDER BY h.seq",
    .n_params = 2,
};

/* A time of the transaction as the database would write it. */
static const char *time_text(const struct sdm_tx *tx, int64_t later_s, struct sdm_arena *arena)
{
    int64_t seconds = tx->now_us / G_USEC_PER_SEC + later_s;
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *exact = g_strdup_printf("%s.%06dZ", text, (int)(tx->now_us % G_USEC_PER_SEC));

    return sdm_arena_strdup(arena, exact);
}

bool sdm_store_reservation_insert(struct sdm_tx *tx, const struct sdm_new_reservation *row,
                                  struct sdm_arena *arena, const char **created,
                                  const char **lease_end, GError **error)
{
    struct sdm_pg_array **to;

    if (!sdm_project_take(tx, row->project, (uint64_t)row->size_bytes, 1, error)) {
        return false;
    }
    to = sdm_rows_add(tx, SDM_ROWS_RESERVATION, &insert_statement);
    sdm_pg_array_text(to[0], row->reservation);
    sdm_pg_array_text(to[1], row->project);
    sdm_pg_array_text(to[2], sdm_reservation_state_name(row->state));
    sdm_pg_array_text(to[3], sdm_mode_name(row->mode));
    sdm_pg_array_int64(to[4], row->compute_no);
    sdm_pg_array_text(to[5], sdm_latency_class_name(row->latency_class));
    sdm_pg_array_text(to[6], sdm_policy_name(row->policy));
    sdm_pg_array_int64(to[7], row->bandwidth_mbps);
    sdm_pg_array_int64(to[8], row->size_bytes);
    sdm_pg_array_int64(to[9], row->lease_s);
    sdm_pg_array_text_or_null(to[10], row->group);
    sdm_pg_array_int64(to[11], row->accelerator_no);
    sdm_pg_array_text(to[12], row->text);
    *created = time_text(tx, 0, arena);
    *lease_end = time_text(tx, row->lease_s, arena);
    return true;
}

void sdm_store_reservation_set_state(struct sdm_tx *tx, const char *reservation,
                                     enum sdm_reservation_state state, const char *text)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_text(&args, sdm_reservation_state_name(state));
    sdm_pg_arg_text(&args, text);
    sdm_tx_queue(tx, &set_state_statement, &args);
}

void sdm_store_reservation_set_size(struct sdm_tx *tx, const char *reservation, int64_t size_bytes,
                                    int64_t requested_bytes)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_int64(&args, size_bytes);
    sdm_pg_arg_int64(&args, requested_bytes);
    sdm_tx_queue(tx, &set_size_statement, &args);
}

void sdm_store_reservation_renew(struct sdm_tx *tx, const char *reservation, int64_t lease_s)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_int64(&args, lease_s);
    sdm_tx_queue(tx, &renew_statement, &args);
}

bool sdm_store_reservation_expired(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                                   char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg,
                         sdm_sabotage("lease-of-attached-expires") ? &expired_in_use_statement
                                                                   : &expired_statement,
                         &args, error);
    return result != NULL && sdm_row_uuids(result, arena, reservations, n, error);
}

bool sdm_store_reservation_of_vm(struct sdm_pg *pg, const char *vm, struct sdm_arena *arena,
                                 char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, vm);
    result = sdm_pg_exec(pg, &of_vm_statement, &args, error);
    return result != NULL && sdm_row_uuids(result, arena, reservations, n, error);
}

bool sdm_store_reservation_ended_by_lease(struct sdm_pg *pg, const char *reservation, bool *ended,
                                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, reservation);
    sdm_pg_arg_text(&args, SDM_STORE_LEASE_ENDED);
    result = sdm_pg_exec(pg, &ended_by_lease_statement, &args, error);
    return result != NULL && sdm_pg_get_bool(result, 0, 0, ended, error);
}

bool sdm_store_reservation_of_group(struct sdm_pg *pg, const char *project, const char *group,
                                    char reservation[SDM_UUID_SIZE], GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_text(&args, group);
    result = sdm_pg_exec(pg, &of_group_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    reservation[0] = '\0';
    return sdm_pg_result_n_rows(result) == 0 ||
           sdm_pg_copy_text(result, 0, 0, reservation, SDM_UUID_SIZE, error);
}

static void read_listed(struct sdm_row_reader *in, int row, struct sdm_snapshot *snapshot)
{
    sdm_row_uuid(in, row, 0, snapshot->reservation);
    snapshot->project = sdm_row_text(in, row, 1);
    snapshot->state = sdm_row_word(in, row, 2, &sdm_reservation_state_words);
    snapshot->mode = sdm_row_word(in, row, 3, &sdm_mode_words);
    snapshot->compute_no = sdm_row_int32(in, row, 4);
    snapshot->compute_brick = sdm_row_text(in, row, 5);
    snapshot->latency_class = sdm_row_word(in, row, 6, &sdm_latency_class_words);
    snapshot->policy = sdm_row_word(in, row, 7, &sdm_policy_words);
    snapshot->bandwidth_mbps = sdm_row_int32(in, row, 8);
    snapshot->size_bytes = sdm_row_int64(in, row, 9);
    snapshot->requested_bytes = sdm_row_int64(in, row, 10);
    snapshot->lease_end = sdm_row_text(in, row, 11);
    snapshot->created = sdm_row_text(in, row, 12);
    snapshot->group = sdm_row_text_or_null(in, row, 13);
    snapshot->accelerator = sdm_row_text_or_null(in, row, 14);
    snapshot->degraded = sdm_row_bool(in, row, 15);
}

bool sdm_store_reservation_list(struct sdm_pg *pg, const struct sdm_reservation_filter *filter,
                                struct sdm_arena *arena, struct sdm_snapshot **snapshots, size_t *n,
                                bool *more, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;
    size_t n_rows;

    sdm_pg_arg_text_or_null(&args, filter->project);
    sdm_pg_arg_text_or_null(&args, filter->state);
    sdm_pg_arg_text_or_null(&args, filter->compute_brick);
    sdm_pg_arg_uuid(&args, filter->vm);
    sdm_pg_arg_text_or_null(&args, filter->group);
    sdm_pg_arg_bool(&args, filter->live);
    sdm_pg_arg_uuid(&args, filter->after);
    /* One more than the page tells whether there is another. */
    sdm_pg_arg_int64(&args, (int64_t)filter->page_size + 1);
    result = sdm_pg_exec(pg, &list_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    n_rows = (size_t)sdm_pg_result_n_rows(result);
    *more = n_rows > filter->page_size;
    *n = MIN(n_rows, filter->page_size);
    *snapshots = SDM_ARENA_NEW(arena, struct sdm_snapshot, *n);
    for (size_t i = 0; i < *n; i++) {
        read_listed(&in, (int)i, &(*snapshots)[i]);
    }
    return in.ok;
}

bool sdm_store_reservation_history(struct sdm_pg *pg, const char *reservation, size_t n_max,
                                   struct sdm_arena *arena, struct sdm_history_line **lines,
                                   size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &history_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    *n = (size_t)sdm_pg_result_n_rows(result);
    *lines = SDM_ARENA_NEW(arena, struct sdm_history_line, *n);
    for (size_t i = 0; i < *n; i++) {
        (*lines)[i].at = sdm_row_text(&in, (int)i, 0);
        (*lines)[i].state = sdm_row_word(&in, (int)i, 1, &sdm_reservation_state_words);
        (*lines)[i].text = sdm_row_text(&in, (int)i, 2);
    }
    return in.ok;
}

SDM_STORE_STATEMENTS(reservation, &insert_statement, &set_state_statement, &set_size_statement,
                     &renew_statement, &expired_statement, &expired_in_use_statement,
                     &ended_by_lease_statement, &of_group_statement, &of_vm_statement,
                     &list_statement, &history_statement)
