#include "sdm-controller/store/window.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/copy.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement attachment_insert_statement = {
    .name = "attachment_insert",
    .sql = "INSERT INTO sdm.attachment (attachment, reservation, compute_no, vm, want)"
           " VALUES ($1::uuid, $2::uuid, $3::integer, $4::uuid, $5::sdm.window_level)"
           " ON CONFLICT DO NOTHING",
    .n_params = 5,
};

static const struct sdm_pg_statement attachment_set_statement = {
    .name = "attachment_set",
    .sql = "UPDATE sdm.attachment SET want = $2::sdm.window_level, have = $3::sdm.window_level,"
           " error_code = CASE WHEN $4::boolean THEN NULL ELSE error_code END,"
           " error_text = CASE WHEN $4::boolean THEN NULL ELSE error_text END"
           " WHERE attachment = $1::uuid",
    .n_params = 4,
};

static const struct sdm_pg_statement attachment_delete_statement = {
    .name = "attachment_delete",
    .sql = "DELETE FROM sdm.attachment WHERE attachment = $1::uuid",
    .n_params = 1,
};

static const struct sdm_pg_statement generation_statement = {
    .name = "generation_next",
    .sql = "UPDATE sdm.device SET want_generation = want_generation + 1"
           " WHERE device_no = $1::integer RETURNING want_generation",
    .n_params = 1,
};

static const struct sdm_pg_statement insert_statement = {
    .name = "window_insert",
    .sql = "INSERT INTO sdm.netport_window (window_id, attachment, segment, circuit, compute_no,"
           " entry, start_bytes, size_bytes, want, generation)"
           " SELECT q.window_id, $1::uuid, q.segment, c.circuit, $2::integer, q.entry,"
           " q.start_bytes, q.size_bytes, $4::sdm.window_level, $3::bigint"
           " FROM unnest($5::uuid[], $6::uuid[], $7::integer[], $8::bigint[], $9::bigint[])"
           " AS q (window_id, segment, entry, start_bytes, size_bytes)"
           " JOIN sdm.segment s ON s.segment = q.segment"
           " JOIN sdm.circuit c ON c.compute_no = $2::integer AND c.brick_no = s.brick_no"
           " RETURNING (SELECT u.have_up AND NOT u.cutting FROM sdm.circuit u"
           " WHERE u.circuit = netport_window.circuit)",
    .n_params = 9,
};

static const struct sdm_pg_statement unwant_statement = {
    .name = "window_unwant",
    .sql = "UPDATE sdm.netport_window SET want = 'absent', generation = $2::bigint"
           " WHERE window_id = ANY ($1::uuid[])",
    .n_params = 2,
};

static const struct sdm_pg_statement settle_statement = {
    .name = "window_settle",
    .sql = "UPDATE sdm.netport_window SET settled = true WHERE window_id = ANY ($1::uuid[])",
    .n_params = 1,
};

static const struct sdm_pg_statement delete_statement = {
    .name = "window_delete",
    .sql = "DELETE FROM sdm.netport_window WHERE window_id = ANY ($1::uuid[])",
    .n_params = 1,
};

static const struct sdm_pg_statement offer_statement = {
    .name = "window_offer",
    .sql = "UPDATE sdm.netport_window w SET offered = true FROM sdm.circuit c, sdm.attachment a"
           " WHERE w.compute_no = $1::integer AND c.circuit = w.circuit AND c.have_up"
           " AND NOT c.cutting AND w.want <> 'absent' AND NOT w.offered"
           " AND a.attachment = w.attachment AND a.reservation = ANY ($2::uuid[])",
    .n_params = 2,
};

static const struct sdm_pg_statement offer_circuit_statement = {
    .name = "window_offer_circuit",
    .sql = "UPDATE sdm.netport_window SET offered = true"
           " WHERE circuit = $1::uuid AND want <> 'absent' AND NOT offered",
    .n_params = 1,
};

static const struct sdm_pg_statement to_offer_statement = {
    .name = "window_to_offer",
    .sql =
        "SELECT DISTINCT a.reservation::text FROM sdm.netport_window w"
        " JOIN sdm.circuit c USING (circuit) JOIN sdm.attachment a USING (attachment)"
        " WHERE w.compute_no = $1::integer AND c.have_up AND NOT c.cutting AND w.want <> 'absent'"
        " AND NOT w.offered",
    .n_params = 1,
};

static const struct sdm_pg_statement compile_brick_statement = {
    .name = "compile_brick",
    .sql = "SELECT d.device_no, d.id, d.want_generation,"
           " (SELECT p.segment_unit_bytes FROM sdm.pod p),"
           " EXISTS (SELECT FROM sdm.segment s WHERE s.state = 'quarantined' AND NOT s.want_free"
           " AND d.id = ANY (s.mapped_by))"
           " FROM sdm.device d WHERE d.device_no = $1::integer AND d.kind = 'compute'",
    .n_params = 1,
};

static const struct sdm_pg_statement compile_rows_statement = {
    .name = "compile_rows",
    .sql = "SELECT w.window_id::text, w.segment::text, w.entry, c.compute_port, m.module,"
           " w.start_bytes, w.size_bytes, s.offset_bytes, r.mode::text,"
           " r.group_id IS NOT NULL, w.want::text, a.vm::text, s.latency_class::text"
           " FROM sdm.netport_window w JOIN sdm.attachment a USING (attachment)"
           " JOIN sdm.reservation r USING (reservation)"
           " JOIN sdm.segment s ON s.segment = w.segment"
           " JOIN sdm.circuit c ON c.circuit = w.circuit"
           " JOIN sdm.device m ON m.device_no = s.brick_no"
           " JOIN sdm.device p ON p.device_no = w.compute_no"
           " WHERE w.compute_no = $1::integer AND w.want <> 'absent' AND w.offered"
           " AND p.state <> 'fenced' ORDER BY w.entry",
    .n_params = 1,
};

static const struct sdm_pg_statement report_brick_statement = {
    .name = "report_brick",
    .sql = "SELECT d.device_no, d.want_generation, d.have_generation, d.state = 'fenced',"
           " coalesce(d.fence = 'returning', false), coalesce(d.boot_id, ''),"
           " coalesce(d.report_made_us, 0) FROM sdm.device d"
           " WHERE d.id = $1::text AND d.kind = 'compute'",
    .n_params = 1,
};

static const struct sdm_pg_statement known_statement = {
    .name = "report_known_windows",
    .sql = "SELECT w.window_id::text, a.reservation::text, a.attachment::text, a.vm::text,"
           " w.generation, w.want::text, w.have::text, w.offered, w.entry, w.start_bytes"
           " FROM sdm.netport_window w JOIN sdm.attachment a USING (attachment)"
           " WHERE w.compute_no = $1::integer ORDER BY w.entry",
    .n_params = 1,
};

static const struct sdm_pg_statement window_found_statement = {
    .name = "window_found",
    .sql = "UPDATE sdm.netport_window SET have = $2::sdm.window_level,"
           " offered = offered AND NOT $3::boolean WHERE window_id = $1::uuid",
    .n_params = 3,
};

static const struct sdm_pg_statement attachment_found_statement = {
    .name = "attachment_found",
    .sql = "UPDATE sdm.attachment SET"
           " guest_memory_bytes = coalesce(nullif($2::bigint, 0), guest_memory_bytes),"
           " error_code = $3::text, error_text = $4::text WHERE attachment = $1::uuid",
    .n_params = 4,
};

static const struct sdm_pg_statement reported_statement = {
    .name = "agent_reported",
    .sql = "UPDATE sdm.device SET boot_id = $2::text, agent_version = $3::text,"
           " last_report = clock_timestamp(), report_made_us = nullif($5::bigint, 0),"
           " have_generation = least(greatest(have_generation, $4::bigint), want_generation)"
           " WHERE device_no = $1::integer",
    .n_params = 5,
};

static const struct sdm_pg_statement each_statement = {
    .name = "window_each",
    .sql = "SELECT w.compute_no::integer, w.entry::integer, w.start_bytes::bigint,"
           " w.size_bytes::bigint FROM sdm.netport_window w",
};

bool sdm_store_attachment_insert(struct sdm_tx *tx, const struct sdm_new_attachment *row,
                                 GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, row->attachment);
    sdm_pg_arg_uuid(&args, row->reservation);
    sdm_pg_arg_int64(&args, row->compute_no);
    sdm_pg_arg_uuid(&args, row->vm);
    sdm_pg_arg_text(&args, sdm_window_level_name(row->want));
    if (!sdm_tx_write(tx, &attachment_insert_statement, &args, &result, error)) {
        return false;
    }
    if (sdm_pg_result_n_affected(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                          "reservation '%s' is used on this compute brick already, or still being "
                          "taken out of it",
                          row->reservation);
    }
    return true;
}

void sdm_store_attachment_set(struct sdm_tx *tx, const char *attachment, enum sdm_window_level want,
                              enum sdm_window_level have, bool clear_error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, attachment);
    sdm_pg_arg_text(&args, sdm_window_level_name(want));
    sdm_pg_arg_text(&args, sdm_window_level_name(have));
    sdm_pg_arg_bool(&args, clear_error);
    sdm_tx_queue(tx, &attachment_set_statement, &args);
}

void sdm_store_attachment_delete(struct sdm_tx *tx, const char *attachment)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, attachment);
    sdm_tx_queue(tx, &attachment_delete_statement, &args);
}

bool sdm_store_generation_next(struct sdm_tx *tx, int32_t compute_no, int64_t *generation,
                               GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, compute_no);
    if (!sdm_tx_write(tx, &generation_statement, &args, &result, error)) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", compute_no);
    }
    return sdm_pg_get_int64(result, 0, 0, generation, error);
}

/* The brick may have been fenced since the window was claimed. */
static bool refuse_if_fenced(GError *violation, GError **error)
{
    if (strcmp(sdm_pg_constraint(violation), "netport_window_reachable") == 0) {
        sdm_refuse(error, SDM_ERROR_WRONG_STATE, "the compute brick is out of use");
        g_error_free(violation);
    } else {
        g_propagate_error(error, violation);
    }
    return false;
}

bool sdm_store_windows_insert(struct sdm_tx *tx, const char *attachment, int32_t compute_no,
                              int64_t generation, enum sdm_window_level want,
                              const struct sdm_new_window *windows, size_t n, bool *any_up,
                              GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_pg_array *ids;
    struct sdm_pg_array *segments;
    struct sdm_pg_array *entries;
    struct sdm_pg_array *starts;
    struct sdm_pg_array *sizes;
    GError *violation = NULL;

    sdm_pg_arg_uuid(&args, attachment);
    sdm_pg_arg_int64(&args, compute_no);
    sdm_pg_arg_int64(&args, generation);
    sdm_pg_arg_text(&args, sdm_window_level_name(want));
    ids = sdm_pg_arg_array(&args);
    segments = sdm_pg_arg_array(&args);
    entries = sdm_pg_arg_array(&args);
    starts = sdm_pg_arg_array(&args);
    sizes = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(ids, windows[i].window);
        sdm_pg_array_text(segments, windows[i].segment);
        sdm_pg_array_int64(entries, windows[i].entry);
        sdm_pg_array_int64(starts, windows[i].start_bytes);
        sdm_pg_array_int64(sizes, windows[i].size_bytes);
    }
    if (!sdm_tx_write(tx, &insert_statement, &args, &result, &violation)) {
        return refuse_if_fenced(violation, error);
    }
    if (sdm_pg_result_n_affected(result) != (int64_t)n) {
        return sdm_fail(error, "%" G_GINT64_FORMAT " of %zu windows have a circuit",
                        sdm_pg_result_n_affected(result), n);
    }
    *any_up = false;
    for (int i = 0; i < sdm_pg_result_n_rows(result); i++) {
        bool up;

        if (!sdm_pg_get_bool(result, i, 0, &up, error)) {
            return false;
        }
        *any_up |= up;
    }
    return true;
}

void sdm_store_windows_unwant(struct sdm_tx *tx, const char *const *windows, size_t n,
                              int64_t generation)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, windows, n);
    sdm_pg_arg_int64(&args, generation);
    sdm_tx_queue(tx, &unwant_statement, &args);
}

void sdm_store_windows_settle(struct sdm_tx *tx, const char *const *windows, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, windows, n);
    sdm_tx_queue(tx, &settle_statement, &args);
}

void sdm_store_windows_delete(struct sdm_tx *tx, const char *const *windows, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, windows, n);
    sdm_tx_queue(tx, &delete_statement, &args);
}

void sdm_store_windows_offer(struct sdm_tx *tx, int32_t compute_no,
                             char (*reservations)[SDM_UUID_SIZE], size_t n)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *uuids;

    sdm_pg_arg_int64(&args, compute_no);
    uuids = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(uuids, reservations[i]);
    }
    sdm_tx_queue(tx, &offer_statement, &args);
}

void sdm_store_windows_offer_circuit(struct sdm_tx *tx, const char *circuit)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, circuit);
    sdm_tx_queue(tx, &offer_circuit_statement, &args);
}

bool sdm_store_windows_to_offer(struct sdm_pg *pg, int32_t compute_no, struct sdm_arena *arena,
                                char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, compute_no);
    result = sdm_pg_exec(pg, &to_offer_statement, &args, error);
    return result != NULL && sdm_row_uuids(result, arena, reservations, n, error);
}

static bool read_compile_rows(const struct sdm_pg_result *result, struct sdm_arena *arena,
                              struct sdm_wanted_brick *brick, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);

    brick->n_rows = (size_t)sdm_pg_result_n_rows(result);
    brick->rows = SDM_ARENA_NEW(arena, struct sdm_wanted_row, brick->n_rows);
    for (size_t i = 0; i < brick->n_rows; i++) {
        struct sdm_wanted_row *row = &brick->rows[i];

        sdm_row_uuid(&in, (int)i, 0, row->window);
        sdm_row_uuid(&in, (int)i, 1, row->segment);
        row->entry = sdm_row_int32(&in, (int)i, 2);
        row->port = sdm_row_int32(&in, (int)i, 3);
        row->module = sdm_row_int32(&in, (int)i, 4);
        row->start_bytes = sdm_row_int64(&in, (int)i, 5);
        row->size_bytes = sdm_row_int64(&in, (int)i, 6);
        row->brick_offset_bytes = sdm_row_int64(&in, (int)i, 7);
        row->mode = sdm_row_word(&in, (int)i, 8, &sdm_mode_words);
        row->shared = sdm_row_bool(&in, (int)i, 9);
        row->want = sdm_row_word(&in, (int)i, 10, &sdm_window_level_words);
        row->vm = sdm_row_text_or_null(&in, (int)i, 11);
        row->latency_class = sdm_row_word(&in, (int)i, 12, &sdm_latency_class_words);
    }
    return in.ok;
}

struct sdm_wanted_brick *sdm_store_wanted_load(struct sdm_pg *pg, int32_t compute_no,
                                               struct sdm_arena *arena, GError **error)
{
    struct sdm_wanted_brick *brick = SDM_ARENA_NEW(arena, struct sdm_wanted_brick, 1);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(sdm_pg_result) rows = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_int64(&args, compute_no);
    /* The generation is read first: rows that are newer than it only make the next one early. */
    sdm_pg_queue(pg, &compile_brick_statement, &args);
    sdm_pg_queue(pg, &compile_rows_statement, &args);
    if (!sdm_pg_flush(pg, NULL, error)) {
        return NULL;
    }
    result = sdm_pg_take(pg);
    rows = sdm_pg_take(pg);
    if (sdm_pg_result_n_rows(result) == 0) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick %d", compute_no);
        return NULL;
    }
    in = sdm_row_reader(result, arena, error);
    brick->compute_no = sdm_row_int32(&in, 0, 0);
    brick->compute_brick = sdm_row_text(&in, 0, 1);
    brick->generation = sdm_row_int64(&in, 0, 2);
    brick->segment_unit_bytes = sdm_row_int64(&in, 0, 3);
    brick->keep_unknown = sdm_row_bool(&in, 0, 4);
    return in.ok && read_compile_rows(rows, arena, brick, error) ? brick : NULL;
}

static bool read_known(const struct sdm_pg_result *result, struct sdm_arena *arena,
                       struct sdm_known_window **windows, size_t *n, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);

    *n = (size_t)sdm_pg_result_n_rows(result);
    *windows = SDM_ARENA_NEW(arena, struct sdm_known_window, *n);
    for (size_t i = 0; i < *n; i++) {
        struct sdm_known_window *window = &(*windows)[i];

        sdm_row_uuid(&in, (int)i, 0, window->window);
        sdm_row_uuid(&in, (int)i, 1, window->reservation);
        sdm_row_uuid(&in, (int)i, 2, window->attachment);
        window->vm = sdm_row_text_or_null(&in, (int)i, 3);
        window->generation = sdm_row_int64(&in, (int)i, 4);
        window->want = sdm_row_word(&in, (int)i, 5, &sdm_window_level_words);
        window->have = sdm_row_word(&in, (int)i, 6, &sdm_window_level_words);
        window->offered = sdm_row_bool(&in, (int)i, 7);
        window->entry = sdm_row_int32(&in, (int)i, 8);
        window->start_bytes = sdm_row_int64(&in, (int)i, 9);
    }
    return in.ok;
}

bool sdm_store_known_windows(struct sdm_tx *tx, const char *compute_brick, struct sdm_arena *arena,
                             struct sdm_known_brick *brick, struct sdm_known_window **windows,
                             size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_auto(sdm_pg_args) brick_args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(sdm_pg_result) rows = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_text(&args, compute_brick);
    if (!sdm_tx_write(tx, &report_brick_statement, &args, &result, error)) {
        return false;
    }
    *brick = (struct sdm_known_brick){0};
    *n = 0;
    if (sdm_pg_result_n_rows(result) == 0) {
        return true;
    }
    in = sdm_row_reader(result, arena, error);
    brick->compute_no = sdm_row_int32(&in, 0, 0);
    brick->want_generation = sdm_row_int64(&in, 0, 1);
    brick->have_generation = sdm_row_int64(&in, 0, 2);
    brick->fenced = sdm_row_bool(&in, 0, 3);
    brick->returning = sdm_row_bool(&in, 0, 4);
    brick->boot_id = sdm_row_text(&in, 0, 5);
    brick->report_made_us = sdm_row_int64(&in, 0, 6);
    sdm_pg_arg_int64(&brick_args, brick->compute_no);
    rows = sdm_pg_exec(sdm_tx_read(tx), &known_statement, &brick_args, error);
    return in.ok && rows != NULL && read_known(rows, arena, windows, n, error);
}

void sdm_store_window_found(struct sdm_tx *tx, const char *window, enum sdm_window_level have,
                            bool gone)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, window);
    sdm_pg_arg_text(&args, sdm_window_level_name(have));
    sdm_pg_arg_bool(&args, gone);
    sdm_tx_queue(tx, &window_found_statement, &args);
}

void sdm_store_attachment_found(struct sdm_tx *tx, const char *attachment,
                                int64_t guest_memory_bytes, const char *error_code,
                                const char *error_text)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, attachment);
    sdm_pg_arg_int64(&args, guest_memory_bytes);
    sdm_pg_arg_text_or_null(&args, error_code);
    sdm_pg_arg_text_or_null(&args, error_text);
    sdm_tx_queue(tx, &attachment_found_statement, &args);
}

void sdm_store_agent_reported(struct sdm_tx *tx, int32_t compute_no, const char *boot_id,
                              const char *version, int64_t have_generation, int64_t made_us)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, compute_no);
    sdm_pg_arg_text(&args, boot_id);
    sdm_pg_arg_text(&args, version);
    sdm_pg_arg_int64(&args, have_generation);
    sdm_pg_arg_int64(&args, made_us);
    sdm_tx_queue(tx, &reported_statement, &args);
}

struct each {
    sdm_store_window_fn *visit;
    void *data;
};

static bool visit_row(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct each *each = data;
    int32_t compute_no = sdm_pg_copy_int32(row);
    int32_t entry = sdm_pg_copy_int32(row);
    int64_t start_bytes = sdm_pg_copy_int64(row);
    int64_t size_bytes = sdm_pg_copy_int64(row);

    return sdm_pg_copy_ok(row) &&
           each->visit(compute_no, entry, start_bytes, size_bytes, each->data, error);
}

bool sdm_store_windows_each(struct sdm_pg *pg, sdm_store_window_fn *visit, void *data,
                            GError **error)
{
    struct each each = {visit, data};

    return sdm_pg_copy(pg, &each_statement, visit_row, &each, error);
}

SDM_STORE_STATEMENTS(window, &attachment_insert_statement, &attachment_set_statement,
                     &attachment_delete_statement, &generation_statement, &insert_statement,
                     &unwant_statement, &settle_statement, &delete_statement, &offer_statement,
                     &offer_circuit_statement, &to_offer_statement, &compile_brick_statement,
                     &compile_rows_statement, &report_brick_statement, &known_statement,
                     &window_found_statement, &attachment_found_statement, &reported_statement,
                     &each_statement)
