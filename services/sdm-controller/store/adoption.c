#include "sdm-controller/store/adoption.h"

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement devices_statement = {
    .name = "asked_devices",
    .sql = "SELECT d.device_no, d.kind = 'compute', d.kind = 'memory', d.id, "
           "coalesce(d.management, k.management, ''),"
           " coalesce(d.kind = 'compute' AND d.state <> 'fenced' AND extract(epoch FROM"
           " (SELECT max(x.last_report) FROM sdm.device x) - d.last_report) * 1000000"
           " <= $1::bigint, false), d.state = 'lost'"
           " FROM sdm.device d LEFT JOIN sdm.tray t ON t.tray_no = d.tray_no"
           " LEFT JOIN sdm.rack k ON k.rack_no = coalesce(d.rack_no, t.rack_no)"
           " WHERE d.state <> 'retired' ORDER BY d.device_no",
    .n_params = 1,
};

static const struct sdm_pg_statement segments_statement = {
    .name = "brick_segments",
    .sql = "SELECT s.segment::text, coalesce(s.reservation::text, ''), s.offset_bytes,"
           " s.size_bytes, s.state::text, s.want_free, coalesce((SELECT string_agg(d.id, ','"
           " ORDER BY d.id) FROM sdm.netport_window w JOIN sdm.device d"
           " ON d.device_no = w.compute_no WHERE w.segment = s.segment), ''),"
           " array_to_string(s.mapped_by, ',')"
           " FROM sdm.segment s WHERE s.brick_no = $1::integer ORDER BY s.offset_bytes",
    .n_params = 1,
};

static const struct sdm_pg_statement fenced_statement = {
    .name = "fenced_ids",
    .sql = "SELECT coalesce(string_agg(d.id, ','), '') FROM sdm.device d WHERE d.state = 'fenced'",
};

static const struct sdm_pg_statement insert_statement = {
    .name = "found_insert",
    .sql = "INSERT INTO sdm.segment (segment, brick_no, capacity_bytes, brick_usable, offset_bytes,"
           " size_bytes, latency_class, state, quarantined, quarantine_text, mapped_by)"
           " SELECT $1::uuid, d.device_no, d.capacity_bytes, d.usable, $3::bigint, $4::bigint,"
           " 'rack', 'quarantined', now(), $6::text, string_to_array($5::text, ',')"
           " FROM sdm.device d WHERE d.device_no = $2::integer",
    .n_params = 6,
};

static const struct sdm_pg_statement mapped_by_statement = {
    .name = "found_mapped_by",
    .sql = "UPDATE sdm.segment SET mapped_by = string_to_array($2::text, ',')"
           " WHERE segment = $1::uuid AND state = 'quarantined'",
    .n_params = 2,
};

static const struct sdm_pg_statement reservation_statement = {
    .name = "found_reservation",
    .sql = "UPDATE sdm.segment SET mapped_by = string_to_array($2::text, ',')"
           " WHERE reservation = $1::uuid AND state = 'quarantined'",
    .n_params = 2,
};

static const struct sdm_pg_statement to_scrub_statement = {
    .name = "found_to_scrub",
    .sql = "UPDATE sdm.segment SET state = 'scrubbing' WHERE segment = $1::uuid"
           " AND state = 'quarantined' AND want_free AND reservation IS NULL",
    .n_params = 1,
};

static const struct sdm_pg_statement any_statement = {
    .name = "found_any",
    .sql = "SELECT EXISTS (SELECT FROM sdm.segment s WHERE s.state <> 'live'"
           " AND s.mapped_by <> '{}')",
};

static const struct sdm_pg_statement bricks_statement = {
    .name = "found_bricks",
    .sql = "SELECT DISTINCT s.brick_no FROM sdm.segment s WHERE s.state <> 'live'"
           " AND $1::text = ANY (s.mapped_by)",
    .n_params = 1,
};

static const struct sdm_pg_statement users_statement = {
    .name = "found_users",
    .sql = "SELECT d.device_no FROM sdm.segment s JOIN sdm.device d ON d.id = ANY (s.mapped_by)"
           " WHERE s.segment = $1::uuid AND d.kind = 'compute' ORDER BY d.device_no",
    .n_params = 1,
};

static const struct sdm_pg_statement led_to_statement = {
    .name = "led_to",
    .sql =
        "SELECT d.device_no, coalesce((SELECT s.reservation::text FROM sdm.segment s"
        " JOIN sdm.netport_window w ON w.segment = s.segment"
        " WHERE s.brick_no = d.device_no AND s.state = 'live' AND w.compute_no = $1::integer"
        " AND int8range(s.offset_bytes, s.offset_bytes + s.size_bytes)"
        " && int8range($3::bigint, $3::bigint + $4::bigint) ORDER BY s.offset_bytes LIMIT 1), '')"
        " FROM sdm.device d WHERE d.module = $2::integer AND d.state <> 'retired'",
    .n_params = 4,
};

bool sdm_store_asked_devices(struct sdm_pg *pg, int64_t silence_us, struct sdm_arena *arena,
                             struct sdm_asked_device **devices, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_asked_device *read;
    struct sdm_row_reader in;

    sdm_pg_arg_int64(&args, silence_us);
    result = sdm_pg_exec(pg, &devices_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    read = SDM_ARENA_NEW(arena, struct sdm_asked_device, (size_t)sdm_pg_result_n_rows(result));
    for (int i = 0; i < sdm_pg_result_n_rows(result); i++) {
        read[i].device_no = sdm_row_int32(&in, i, 0);
        read[i].is_compute = sdm_row_bool(&in, i, 1);
        read[i].is_memory = sdm_row_bool(&in, i, 2);
        read[i].id = sdm_row_text(&in, i, 3);
        read[i].endpoint = sdm_row_text(&in, i, 4);
        read[i].speaks = sdm_row_bool(&in, i, 5);
        read[i].lost = sdm_row_bool(&in, i, 6);
    }
    *devices = read;
    *n = (size_t)sdm_pg_result_n_rows(result);
    return in.ok;
}

static void read_segment(struct sdm_row_reader *in, int i, struct sdm_brick_segment *segment)
{
    sdm_row_uuid(in, i, 0, segment->segment);
    g_strlcpy(segment->reservation, sdm_row_text(in, i, 1), sizeof segment->reservation);
    segment->offset_bytes = sdm_row_int64(in, i, 2);
    segment->size_bytes = sdm_row_int64(in, i, 3);
    segment->state = sdm_row_word(in, i, 4, &sdm_segment_state_words);
    segment->want_free = sdm_row_bool(in, i, 5);
    segment->users = sdm_row_text(in, i, 6);
    segment->mapped_by = sdm_row_text_or_null(in, i, 7);
}

bool sdm_store_brick_segments(struct sdm_pg *pg, int32_t brick_no, struct sdm_arena *arena,
                              struct sdm_brick_segment **segments, size_t *n, const char **fenced,
                              GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(sdm_pg_result) names = NULL;
    struct sdm_row_reader in;
    struct sdm_row_reader in_names;

    sdm_pg_arg_int64(&args, brick_no);
    sdm_pg_queue(pg, &segments_statement, &args);
    sdm_pg_queue(pg, &fenced_statement, NULL);
    if (!sdm_pg_flush(pg, NULL, error)) {
        return false;
    }
    result = sdm_pg_take(pg);
    names = sdm_pg_take(pg);
    in = sdm_row_reader(result, arena, error);
    *n = (size_t)sdm_pg_result_n_rows(result);
    *segments = SDM_ARENA_NEW(arena, struct sdm_brick_segment, *n);
    for (size_t i = 0; i < *n; i++) {
        read_segment(&in, (int)i, &(*segments)[i]);
    }
    in_names = sdm_row_reader(names, arena, error);
    in_names.ok = in.ok;
    *fenced = sdm_row_text(&in_names, 0, 0);
    return in_names.ok;
}

bool sdm_store_found_insert(struct sdm_tx *tx, const char *segment, int32_t brick_no,
                            int64_t offset_bytes, int64_t size_bytes, const char *mapped_by,
                            const char *text, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_pg_arg_int64(&args, brick_no);
    sdm_pg_arg_int64(&args, offset_bytes);
    sdm_pg_arg_int64(&args, size_bytes);
    sdm_pg_arg_text(&args, mapped_by);
    sdm_pg_arg_text(&args, text);
    return sdm_tx_write(tx, &insert_statement, &args, NULL, error);
}

void sdm_store_found_mapped_by(struct sdm_tx *tx, const char *segment, const char *mapped_by)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_pg_arg_text(&args, mapped_by);
    sdm_tx_queue(tx, &mapped_by_statement, &args);
}

void sdm_store_found_reservation(struct sdm_tx *tx, const char *reservation, const char *mapped_by)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_text(&args, mapped_by);
    sdm_tx_queue(tx, &reservation_statement, &args);
}

void sdm_store_found_to_scrub(struct sdm_tx *tx, const char *segment)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_tx_queue(tx, &to_scrub_statement, &args);
}

bool sdm_store_found_any(struct sdm_pg *pg, bool *any, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &any_statement, NULL, error);

    return result != NULL && sdm_pg_get_bool(result, 0, 0, any, error);
}

static bool read_numbers(const struct sdm_pg_result *result, struct sdm_arena *arena,
                         int32_t **numbers, size_t *n, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);

    *n = (size_t)sdm_pg_result_n_rows(result);
    *numbers = SDM_ARENA_NEW(arena, int32_t, *n);
    for (size_t i = 0; i < *n; i++) {
        (*numbers)[i] = sdm_row_int32(&in, (int)i, 0);
    }
    return in.ok;
}

bool sdm_store_found_bricks(struct sdm_pg *pg, const char *compute_brick, struct sdm_arena *arena,
                            int32_t **bricks, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, compute_brick);
    result = sdm_pg_exec(pg, &bricks_statement, &args, error);
    return result != NULL && read_numbers(result, arena, bricks, n, error);
}

bool sdm_store_found_users(struct sdm_pg *pg, const char *segment, struct sdm_arena *arena,
                           int32_t **bricks, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, segment);
    result = sdm_pg_exec(pg, &users_statement, &args, error);
    return result != NULL && read_numbers(result, arena, bricks, n, error);
}

bool sdm_store_led_to(struct sdm_pg *pg, int32_t compute_no, int64_t module, int64_t offset_bytes,
                      int64_t size_bytes, struct sdm_led_to *led_to, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    *led_to = (struct sdm_led_to){0};
    sdm_pg_arg_int64(&args, compute_no);
    sdm_pg_arg_int64(&args, module);
    sdm_pg_arg_int64(&args, offset_bytes);
    sdm_pg_arg_int64(&args, size_bytes);
    result = sdm_pg_exec(pg, &led_to_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    return sdm_pg_result_n_rows(result) == 0 ||
           (sdm_pg_get_int32(result, 0, 0, &led_to->brick_no, error) &&
            sdm_pg_copy_text(result, 0, 1, led_to->reservation, sizeof led_to->reservation, error));
}

SDM_STORE_STATEMENTS(adoption, &devices_statement, &segments_statement, &fenced_statement,
                     &insert_statement, &mapped_by_statement, &reservation_statement,
                     &to_scrub_statement, &any_statement, &bricks_statement, &users_statement,
                     &led_to_statement)
