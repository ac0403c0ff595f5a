#include "sdm-controller/store/quarantine.h"

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement reservation_statement = {
    .name = "quarantine_reservation",
    .sql = "WITH q AS (UPDATE sdm.segment SET state = 'quarantined', want_free = false,"
           " quarantined = now(), quarantine_text = $2::text"
           " WHERE reservation = $1::uuid AND state = 'live')"
           " SELECT coalesce(sum(s.size_bytes), 0)::bigint FROM sdm.segment s"
           " WHERE s.reservation = $1::uuid",
    .n_params = 2,
};

/* Not what others have been found to map: that waits for an administrator. */
static const struct sdm_pg_statement clear_statement = {
    .name = "quarantine_clear",
    .sql = "UPDATE sdm.segment SET want_free = true"
           " WHERE reservation = $1::uuid AND state = 'quarantined'"
           " AND coalesce(mapped_by, '{}') <@ ARRAY[$2::text]",
    .n_params = 2,
};

/* clang-format off */
#define SELECT_ROW                                                                                 \
    "SELECT s.segment::text, s.reservation::text, r.project,"                                      \
    " coalesce(c.id, s.mapped_by[1]), d.id, s.offset_bytes, s.size_bytes, "                        \
    SDM_SQL_RFC3339("coalesce(s.quarantined, now())") ", s.quarantine_text, s.want_free,"          \
    " coalesce(w.in_use, false), coalesce(s.mapped_by <> '{}', false)"                             \
    " FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no"                            \
    " LEFT JOIN sdm.reservation r ON r.reservation = s.reservation"                                \
    " LEFT JOIN LATERAL (SELECT min(x.compute_no) AS compute_no,"                                  \
    " bool_or(x.have <> 'absent' AND p.state <> 'fenced') AS in_use FROM sdm.netport_window x"     \
    " JOIN sdm.device p ON p.device_no = x.compute_no WHERE x.segment = s.segment) AS w ON true"   \
    " LEFT JOIN sdm.device c ON c.device_no = w.compute_no WHERE s.state = 'quarantined'"
/* clang-format on */

static const struct sdm_pg_statement list_statement = {
    .name = "quarantine_list",
    .sql = SELECT_ROW " AND ($1::text IS NULL OR d.id = $1::text)"
                      " AND ($2::uuid IS NULL OR s.segment > $2::uuid)"
                      " ORDER BY s.segment LIMIT $3::bigint",
    .n_params = 3,
};

static const struct sdm_pg_statement read_statement = {
    .name = "quarantine_read",
    .sql = SELECT_ROW " AND s.segment = $1::uuid",
    .n_params = 1,
};

static const struct sdm_pg_statement release_statement = {
    .name = "quarantine_release",
    .sql = "WITH w AS (UPDATE sdm.netport_window SET want = 'absent', have = 'absent',"
           " offered = false WHERE segment = $1::uuid)"
           " UPDATE sdm.segment SET want_free = true, state = CASE WHEN reservation IS NULL"
           " THEN 'scrubbing' ELSE state END WHERE segment = $1::uuid AND state = 'quarantined'",
    .n_params = 1,
};

/* Its agents let go of it first. */
static const struct sdm_pg_statement release_found_statement = {
    .name = "quarantine_release_found",
    .sql = "UPDATE sdm.segment SET want_free = true WHERE segment = $1::uuid"
           " AND state = 'quarantined'",
    .n_params = 1,
};

bool sdm_store_quarantine_reservation(struct sdm_tx *tx, const char *reservation, const char *text,
                                      uint64_t *size_bytes, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    int64_t bytes;

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_text(&args, text);
    if (!sdm_tx_write(tx, &reservation_statement, &args, &result, error) ||
        !sdm_pg_get_int64(result, 0, 0, &bytes, error)) {
        return false;
    }
    *size_bytes = (uint64_t)bytes;
    return true;
}

void sdm_store_quarantine_clear(struct sdm_tx *tx, const char *reservation, const char *fenced)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_text(&args, fenced);
    sdm_tx_queue(tx, &clear_statement, &args);
}

static void read_row(struct sdm_row_reader *in, int i, struct sdm_quarantined *row)
{
    const char *reservation;

    sdm_row_uuid(in, i, 0, row->segment);
    reservation = sdm_row_text_or_null(in, i, 1);
    g_strlcpy(row->reservation, reservation != NULL ? reservation : "", sizeof row->reservation);
    row->project = sdm_row_text_or_null(in, i, 2);
    row->compute_brick = sdm_row_text_or_null(in, i, 3);
    row->brick = sdm_row_text(in, i, 4);
    row->offset_bytes = sdm_row_int64(in, i, 5);
    row->size_bytes = sdm_row_int64(in, i, 6);
    row->since = sdm_row_text(in, i, 7);
    row->text = sdm_row_text(in, i, 8);
    row->released = sdm_row_bool(in, i, 9);
    row->in_use = sdm_row_bool(in, i, 10);
    row->found = sdm_row_bool(in, i, 11);
}

bool sdm_store_quarantine_list(struct sdm_pg *pg, const char *brick, const char *after,
                               size_t n_max, struct sdm_arena *arena, struct sdm_quarantined **rows,
                               size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_quarantined *read;
    struct sdm_row_reader in;

    sdm_pg_arg_text_or_null(&args, brick);
    sdm_pg_arg_uuid(&args, after);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &list_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    read = SDM_ARENA_NEW(arena, struct sdm_quarantined, (size_t)sdm_pg_result_n_rows(result));
    for (int i = 0; i < sdm_pg_result_n_rows(result); i++) {
        read_row(&in, i, &read[i]);
    }
    if (in.ok) {
        *rows = read;
        *n = (size_t)sdm_pg_result_n_rows(result);
    }
    return in.ok;
}

bool sdm_store_quarantine_read(struct sdm_pg *pg, const char *segment, struct sdm_arena *arena,
                               struct sdm_quarantined *row, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_uuid(&args, segment);
    result = sdm_pg_exec(pg, &read_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no segment '%s' is in quarantine", segment);
    }
    in = sdm_row_reader(result, arena, error);
    read_row(&in, 0, row);
    return in.ok;
}

void sdm_store_quarantine_release(struct sdm_tx *tx, const char *segment)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_tx_queue(tx, &release_statement, &args);
}

void sdm_store_quarantine_release_found(struct sdm_tx *tx, const char *segment)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_tx_queue(tx, &release_found_statement, &args);
}

SDM_STORE_STATEMENTS(quarantine, &reservation_statement, &clear_statement, &list_statement,
                     &read_statement, &release_statement, &release_found_statement)
