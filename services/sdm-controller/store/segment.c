#include "sdm-controller/store/segment.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/copy.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement insert_statement = {
    .name = "segment_insert",
    .sql = "INSERT INTO sdm.segment (segment, reservation, brick_no, capacity_bytes, offset_bytes,"
           " size_bytes, latency_class)"
           " SELECT q.segment, q.reservation, q.brick_no,"
           " (SELECT d.capacity_bytes FROM sdm.device d WHERE d.device_no = q.brick_no),"
           " q.offset_bytes, q.size_bytes, q.latency_class::sdm.latency_class"
           " FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::bigint[], $5::bigint[],"
           " $6::text[]) WITH ORDINALITY"
           " AS q (segment, reservation, brick_no, offset_bytes, size_bytes, latency_class, i)"
           " ORDER BY q.i",
    .n_params = 6,
};

static const struct sdm_pg_statement give_up_statement = {
    .name = "segment_give_up",
    .sql = "UPDATE sdm.segment SET want_free = true WHERE segment = ANY ($1::uuid[])",
    .n_params = 1,
};

static const struct sdm_pg_statement to_scrub_statement = {
    .name = "segment_to_scrub",
    .sql = "WITH c AS (DELETE FROM sdm.segment_circuit WHERE segment = ANY ($1::uuid[]))"
           " UPDATE sdm.segment SET state = 'scrubbing' WHERE segment = ANY ($1::uuid[])",
    .n_params = 1,
};

static const struct sdm_pg_statement scrub_load_statement = {
    .name = "scrub_load",
    .sql = "SELECT s.segment::text, coalesce(s.reservation::text, ''), "
           " CASE WHEN v.state <> 'failed' THEN v.project ELSE '' END,"
           " s.brick_no, d.id, coalesce(d.management, k.management, ''), d.have_power = 'on',"
           " s.offset_bytes, s.size_bytes"
           " FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no"
           " JOIN sdm.tray t ON t.tray_no = d.tray_no JOIN sdm.rack k ON k.rack_no = t.rack_no"
           " LEFT JOIN sdm.reservation v ON v.reservation = s.reservation"
           " WHERE s.segment = $1::uuid AND s.state = 'scrubbing'",
    .n_params = 1,
};

static const struct sdm_pg_statement scrub_done_statement = {
    .name = "scrub_done",
    .sql = "WITH s AS (DELETE FROM sdm.segment WHERE segment = $1::uuid AND state = 'scrubbing'"
           " RETURNING segment, reservation, brick_no, offset_bytes, size_bytes)"
           " INSERT INTO sdm.scrub_record (segment, reservation, brick_no, offset_bytes,"
           " size_bytes, epoch)"
           " SELECT s.segment, s.reservation, s.brick_no, s.offset_bytes, s.size_bytes, $2::bigint"
           " FROM s RETURNING scrub_no",
    .n_params = 2,
};

static const struct sdm_pg_statement each_statement = {
    .name = "segment_each",
    .sql = "SELECT s.brick_no::integer, s.offset_bytes::bigint, s.size_bytes::bigint"
           " FROM sdm.segment s",
};

void sdm_store_segments_insert(struct sdm_tx *tx, const char *reservation,
                               const struct sdm_plan_segment *segments,
                               char (*uuids)[SDM_UUID_SIZE], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct sdm_pg_array **to = sdm_rows_add(tx, SDM_ROWS_SEGMENT, &insert_statement);

        sdm_pg_array_text(to[0], uuids[i]);
        sdm_pg_array_text(to[1], reservation);
        sdm_pg_array_int64(to[2], segments[i].extent.brick_no);
        sdm_pg_array_int64(to[3], (int64_t)segments[i].extent.offset_bytes);
        sdm_pg_array_int64(to[4], (int64_t)segments[i].extent.size_bytes);
        sdm_pg_array_text(to[5], sdm_latency_class_name(segments[i].latency_class));
    }
}

void sdm_store_segments_give_up(struct sdm_tx *tx, const char *const *uuids, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, uuids, n);
    sdm_tx_queue(tx, &give_up_statement, &args);
}

void sdm_store_segments_to_scrub(struct sdm_tx *tx, const char *const *uuids, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, uuids, n);
    sdm_tx_queue(tx, &to_scrub_statement, &args);
}

struct sdm_scrub *sdm_store_scrub_load(struct sdm_pg *pg, const char *segment,
                                       struct sdm_arena *arena, GError **error)
{
    struct sdm_scrub *scrub = SDM_ARENA_NEW(arena, struct sdm_scrub, 1);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_uuid(&args, segment);
    result = sdm_pg_exec(pg, &scrub_load_statement, &args, error);
    if (result == NULL || sdm_pg_result_n_rows(result) == 0) {
        return NULL;
    }
    in = sdm_row_reader(result, arena, error);
    sdm_row_uuid(&in, 0, 0, scrub->segment);
    g_strlcpy(scrub->reservation, sdm_row_text(&in, 0, 1), sizeof scrub->reservation);
    scrub->project = sdm_row_text(&in, 0, 2);
    scrub->brick_no = sdm_row_int32(&in, 0, 3);
    scrub->brick = sdm_row_text(&in, 0, 4);
    scrub->endpoint = sdm_row_text(&in, 0, 5);
    scrub->powered = sdm_row_bool(&in, 0, 6);
    scrub->offset_bytes = sdm_row_int64(&in, 0, 7);
    scrub->size_bytes = sdm_row_int64(&in, 0, 8);
    return in.ok ? scrub : NULL;
}

bool sdm_store_scrub_done(struct sdm_tx *tx, const struct sdm_scrub *scrub, bool *freed,
                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, scrub->segment);
    sdm_pg_arg_int64(&args, tx->epoch);
    if (!sdm_tx_write(tx, &scrub_done_statement, &args, &result, error)) {
        return false;
    }
    *freed = sdm_pg_result_n_rows(result) > 0;
    return true;
}

struct each {
    sdm_store_segment_fn *visit;
    void *data;
};

static bool visit_row(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct each *each = data;
    struct sdm_extent extent = {.brick_no = sdm_pg_copy_int32(row)};

    extent.offset_bytes = (uint64_t)sdm_pg_copy_int64(row);
    extent.size_bytes = (uint64_t)sdm_pg_copy_int64(row);
    return sdm_pg_copy_ok(row) && each->visit(&extent, each->data, error);
}

bool sdm_store_segments_each(struct sdm_pg *pg, sdm_store_segment_fn *visit, void *data,
                             GError **error)
{
    struct each each = {visit, data};

    return sdm_pg_copy(pg, &each_statement, visit_row, &each, error);
}

SDM_STORE_STATEMENTS(segment, &insert_statement, &give_up_statement, &to_scrub_statement,
                     &scrub_load_statement, &scrub_done_statement, &each_statement)
