#include "sdm-controller/store/snapshot.h"

#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

/* clang-format off */
#define RESERVATION                                                                                \
    "SELECT r.project, r.state::text, r.mode::text, r.compute_no, c.id, r.latency_class::text, "   \
    "r.policy::text, r.bandwidth_mbps, r.size_bytes, r.requested_bytes, "                          \
    SDM_SQL_RFC3339("r.lease_end") ", r.lease_end < clock_timestamp(), "                           \
    SDM_SQL_RFC3339("r.created") ", r.group_id, coalesce(r.accelerator_no, 0), a.id, "           \
    SDM_SQL_RFC3339("clock_timestamp()") ", " SDM_SQL_DEGRADED " "                                 \
    "FROM sdm.reservation r JOIN sdm.device c ON c.device_no = r.compute_no "                      \
    "LEFT JOIN sdm.device a ON a.device_no = r.accelerator_no WHERE r.reservation = $1::uuid"
/* clang-format on */

static const struct sdm_pg_statement load_reservation = {"snapshot_reservation", RESERVATION, 1};

static const struct sdm_pg_statement lock_reservation = {"snapshot_reservation_lock",
                                                         RESERVATION " FOR NO KEY UPDATE OF r", 1};

static const struct sdm_pg_statement load_segments = {
    "snapshot_segments",
    "SELECT s.segment::text, s.brick_no, d.id, s.offset_bytes, s.size_bytes, "
    "s.latency_class::text, s.state::text, s.want_free "
    "FROM sdm.segment s JOIN sdm.device d ON d.device_no = s.brick_no "
    "WHERE s.reservation = $1::uuid ORDER BY s.seq",
    1};

static const struct sdm_pg_statement load_attachments = {
    "snapshot_attachments",
    "SELECT a.attachment::text, a.compute_no, d.id, a.vm::text, a.want::text, a.have::text, "
    "coalesce(a.guest_memory_bytes, 0), a.error_code, a.error_text "
    "FROM sdm.attachment a JOIN sdm.device d ON d.device_no = a.compute_no "
    "WHERE a.reservation = $1::uuid ORDER BY a.compute_no",
    1};

/* Circuits of its segments, and of the accelerator that it holds. */
static const struct sdm_pg_statement load_circuits = {
    "snapshot_circuits",
    "SELECT c.circuit::text, c.compute_no, c.compute_port, c.brick_no, d.id, c.brick_port, "
    "c.narrowest_mbps, c.want_up, c.have_up, "
    "(SELECT count(*) FROM sdm.netport_window w JOIN sdm.attachment a USING (attachment) "
    " WHERE w.circuit = c.circuit AND a.reservation <> $1::uuid), "
    "(SELECT count(*) FROM sdm.segment_circuit o JOIN sdm.segment s USING (segment) "
    " WHERE o.circuit = c.circuit AND s.reservation <> $1::uuid), " SDM_SQL_CUT_OFF " "
    "FROM sdm.circuit c JOIN sdm.device d ON d.device_no = c.brick_no "
    "JOIN sdm.device p ON p.device_no = c.compute_no "
    "WHERE c.circuit IN (SELECT sc.circuit FROM sdm.segment_circuit sc "
    "                    JOIN sdm.segment s USING (segment) WHERE s.reservation = $1::uuid) "
    "OR (c.compute_no, c.brick_no) = (SELECT r.compute_no, r.accelerator_no "
    "                                 FROM sdm.reservation r WHERE r.reservation = $1::uuid) "
    "ORDER BY c.circuit",
    1};

static const struct sdm_pg_statement load_hops = {
    "snapshot_hops",
    "SELECT h.circuit::text, d.id, h.port, h.peer_port "
    "FROM sdm.circuit_hop h JOIN sdm.device d ON d.device_no = h.switch_no "
    "WHERE h.towards AND (h.circuit IN "
    "   (SELECT sc.circuit FROM sdm.segment_circuit sc JOIN sdm.segment s USING (segment) "
    "    WHERE s.reservation = $1::uuid) "
    "OR h.circuit IN (SELECT c.circuit FROM sdm.circuit c JOIN sdm.reservation r "
    "    ON (c.compute_no, c.brick_no) = (r.compute_no, r.accelerator_no) "
    "    WHERE r.reservation = $1::uuid)) "
    "ORDER BY h.circuit, h.hop",
    1};

static const struct sdm_pg_statement load_windows = {
    "snapshot_windows",
    "SELECT w.window_id::text, w.attachment::text, w.segment::text, w.circuit::text, w.entry, "
    "w.start_bytes, w.size_bytes, w.want::text, w.have::text, w.offered, w.settled "
    "FROM sdm.netport_window w JOIN sdm.attachment a USING (attachment) "
    "JOIN sdm.segment s USING (segment) "
    "WHERE a.reservation = $1::uuid ORDER BY s.seq, w.compute_no",
    1};

static const struct sdm_pg_statement load_routes = {
    "snapshot_routes",
    "SELECT sc.segment::text, sc.circuit::text FROM sdm.segment_circuit sc "
    "JOIN sdm.segment s USING (segment) WHERE s.reservation = $1::uuid",
    1};

static bool read_reservation(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    snapshot->project = sdm_row_text(&in, 0, 0);
    snapshot->state = sdm_row_word(&in, 0, 1, &sdm_reservation_state_words);
    snapshot->mode = sdm_row_word(&in, 0, 2, &sdm_mode_words);
    snapshot->compute_no = sdm_row_int32(&in, 0, 3);
    snapshot->compute_brick = sdm_row_text(&in, 0, 4);
    snapshot->latency_class = sdm_row_word(&in, 0, 5, &sdm_latency_class_words);
    snapshot->policy = sdm_row_word(&in, 0, 6, &sdm_policy_words);
    snapshot->bandwidth_mbps = sdm_row_int32(&in, 0, 7);
    snapshot->size_bytes = sdm_row_int64(&in, 0, 8);
    snapshot->requested_bytes = sdm_row_int64(&in, 0, 9);
    snapshot->lease_end = sdm_row_text(&in, 0, 10);
    snapshot->lease_expired = sdm_row_bool(&in, 0, 11);
    snapshot->created = sdm_row_text(&in, 0, 12);
    snapshot->group = sdm_row_text_or_null(&in, 0, 13);
    snapshot->accelerator_no = sdm_row_int32(&in, 0, 14);
    snapshot->accelerator = sdm_row_text_or_null(&in, 0, 15);
    snapshot->now = sdm_row_text(&in, 0, 16);
    snapshot->degraded = sdm_row_bool(&in, 0, 17);
    return in.ok;
}

static bool read_segments(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);

    snapshot->n_segments = (size_t)n;
    snapshot->segments = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_segment, (size_t)n);
    for (int i = 0; i < n; i++) {
        struct sdm_snapshot_segment *segment = &snapshot->segments[i];

        sdm_row_uuid(&in, i, 0, segment->segment);
        segment->brick_no = sdm_row_int32(&in, i, 1);
        segment->brick = sdm_row_text(&in, i, 2);
        segment->offset_bytes = sdm_row_int64(&in, i, 3);
        segment->size_bytes = sdm_row_int64(&in, i, 4);
        segment->latency_class = sdm_row_word(&in, i, 5, &sdm_latency_class_words);
        segment->state = sdm_row_word(&in, i, 6, &sdm_segment_state_words);
        segment->want_free = sdm_row_bool(&in, i, 7);
    }
    return in.ok;
}

static bool read_attachments(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);

    snapshot->n_attachments = (size_t)n;
    snapshot->attachments = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_attachment, (size_t)n);
    for (int i = 0; i < n; i++) {
        struct sdm_snapshot_attachment *attachment = &snapshot->attachments[i];

        sdm_row_uuid(&in, i, 0, attachment->attachment);
        attachment->compute_no = sdm_row_int32(&in, i, 1);
        attachment->compute_brick = sdm_row_text(&in, i, 2);
        attachment->vm = sdm_row_text_or_null(&in, i, 3);
        attachment->want = sdm_row_word(&in, i, 4, &sdm_window_level_words);
        attachment->have = sdm_row_word(&in, i, 5, &sdm_window_level_words);
        attachment->guest_memory_bytes = sdm_row_int64(&in, i, 6);
        attachment->error_code = sdm_row_text_or_null(&in, i, 7);
        attachment->error_text = sdm_row_text_or_null(&in, i, 8);
    }
    return in.ok;
}

static bool read_circuits(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);

    snapshot->n_circuits = (size_t)n;
    snapshot->circuits = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_circuit, (size_t)n);
    for (int i = 0; i < n; i++) {
        struct sdm_snapshot_circuit *circuit = &snapshot->circuits[i];

        sdm_row_uuid(&in, i, 0, circuit->circuit);
        circuit->compute_no = sdm_row_int32(&in, i, 1);
        circuit->compute_port = sdm_row_int32(&in, i, 2);
        circuit->brick_no = sdm_row_int32(&in, i, 3);
        circuit->brick = sdm_row_text(&in, i, 4);
        circuit->brick_port = sdm_row_int32(&in, i, 5);
        circuit->narrowest_mbps = sdm_row_int32(&in, i, 6);
        circuit->want_up = sdm_row_bool(&in, i, 7);
        circuit->have_up = sdm_row_bool(&in, i, 8);
        circuit->n_other_windows = sdm_row_int64(&in, i, 9);
        circuit->n_other_segments = sdm_row_int64(&in, i, 10);
        circuit->fenced = sdm_row_bool(&in, i, 11);
    }
    return in.ok;
}

/* Hops come sorted as the circuits are, so each circuit's stand in one piece. */
static bool read_hops(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);
    struct sdm_snapshot_hop *hops = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_hop, (size_t)n);
    size_t at = 0;

    for (int i = 0; i < n; i++) {
        const char *circuit = sdm_row_text(&in, i, 0);

        hops[i].switch_id = sdm_row_text(&in, i, 1);
        hops[i].in_port = sdm_row_int32(&in, i, 2);
        hops[i].out_port = sdm_row_int32(&in, i, 3);
        while (in.ok && at < snapshot->n_circuits &&
               strcmp(snapshot->circuits[at].circuit, circuit) != 0) {
            at++;
        }
        if (!in.ok || at == snapshot->n_circuits) {
            break;
        }
        if (snapshot->circuits[at].n_hops++ == 0) {
            snapshot->circuits[at].hops = &hops[i];
        }
    }
    return in.ok;
}

/* The index of the element of 'n' whose first member is the uuid; elements are 'size' bytes. */
static size_t index_of(struct sdm_row_reader *in, int row, int column, const void *elements,
                       size_t n, size_t size)
{
    char wanted[SDM_UUID_SIZE] = "";

    sdm_row_uuid(in, row, column, wanted);
    for (size_t i = 0; in->ok && i < n; i++) {
        if (strcmp((const char *)elements + i * size, wanted) == 0) {
            return i;
        }
    }
    if (in->ok) {
        in->ok =
            sdm_fail(in->error, "'%s' is not among what was read with its reservation", wanted);
    }
    return 0;
}

#define INDEX_OF(in, row, column, list, n) index_of(in, row, column, list, n, sizeof *(list))

static bool read_windows(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);

    snapshot->n_windows = (size_t)n;
    snapshot->windows = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_window, (size_t)n);
    for (int i = 0; i < n && in.ok; i++) {
        struct sdm_snapshot_window *window = &snapshot->windows[i];

        sdm_row_uuid(&in, i, 0, window->window);
        window->attachment = INDEX_OF(&in, i, 1, snapshot->attachments, snapshot->n_attachments);
        window->segment = INDEX_OF(&in, i, 2, snapshot->segments, snapshot->n_segments);
        window->circuit = INDEX_OF(&in, i, 3, snapshot->circuits, snapshot->n_circuits);
        window->entry = sdm_row_int32(&in, i, 4);
        window->start_bytes = sdm_row_int64(&in, i, 5);
        window->size_bytes = sdm_row_int64(&in, i, 6);
        window->want = sdm_row_word(&in, i, 7, &sdm_window_level_words);
        window->have = sdm_row_word(&in, i, 8, &sdm_window_level_words);
        window->offered = sdm_row_bool(&in, i, 9);
        window->settled = sdm_row_bool(&in, i, 10);
    }
    return in.ok;
}

static bool read_routes(struct sdm_row_reader in, struct sdm_snapshot *snapshot)
{
    int n = sdm_pg_result_n_rows(in.result);

    snapshot->n_routes = (size_t)n;
    snapshot->routes = SDM_ARENA_NEW(in.arena, struct sdm_snapshot_route, (size_t)n);
    for (int i = 0; i < n && in.ok; i++) {
        snapshot->routes[i].segment = INDEX_OF(&in, i, 0, snapshot->segments, snapshot->n_segments);
        snapshot->routes[i].circuit = INDEX_OF(&in, i, 1, snapshot->circuits, snapshot->n_circuits);
    }
    return in.ok;
}

/* In the order in which they refer to each other. */
static const struct {
    const struct sdm_pg_statement *statement;
    bool (*read)(struct sdm_row_reader in, struct sdm_snapshot *snapshot);
} parts[] = {
    {&load_segments, read_segments}, {&load_attachments, read_attachments},
    {&load_circuits, read_circuits}, {&load_hops, read_hops},
    {&load_windows, read_windows},   {&load_routes, read_routes},
};

static bool load_parts(struct sdm_pg *pg, const struct sdm_pg_args *args, struct sdm_arena *arena,
                       struct sdm_snapshot *snapshot, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        sdm_pg_queue(pg, parts[i].statement, args);
    }
    if (!sdm_pg_flush(pg, NULL, error)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autoptr(sdm_pg_result) result = sdm_pg_take(pg);

        if (!parts[i].read(sdm_row_reader(result, arena, error), snapshot)) {
            return false;
        }
    }
    return true;
}

struct sdm_snapshot *sdm_store_snapshot_load(struct sdm_pg *pg, const char *reservation, bool lock,
                                             struct sdm_arena *arena, GError **error)
{
    struct sdm_snapshot *snapshot = SDM_ARENA_NEW(arena, struct sdm_snapshot, 1);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, reservation);
    g_strlcpy(snapshot->reservation, reservation, sizeof snapshot->reservation);
    /* The rest is read after the lock is held, or it could be older than the lock. */
    result = sdm_pg_exec(pg, lock ? &lock_reservation : &load_reservation, &args, error);
    if (result == NULL) {
        return NULL;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no reservation '%s'", reservation);
        return NULL;
    }
    if (!read_reservation(sdm_row_reader(result, arena, error), snapshot) ||
        !load_parts(pg, &args, arena, snapshot, error)) {
        return NULL;
    }
    return snapshot;
}

SDM_STORE_STATEMENTS(snapshot, &load_reservation, &lock_reservation, &load_segments,
                     &load_attachments, &load_circuits, &load_hops, &load_windows, &load_routes)
