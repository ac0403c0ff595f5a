#include "sdm-controller/store/circuit.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement insert_statement = {
    .name = "circuit_insert",
    .sql = "INSERT INTO sdm.circuit (circuit, compute_no, compute_port, brick_no, brick_port,"
           " bandwidth_mbps, narrowest_mbps, want_up)"
           " VALUES ($1::uuid, $2::integer, $3::integer, $4::integer, $5::integer, $6::integer,"
           " $7::integer, $8::boolean)",
    .n_params = 8,
};

/* Both directions of each hop, because an exclusive port has one peer whoever crosses it. */
static const struct sdm_pg_statement insert_hops_statement = {
    .name = "circuit_insert_hops",
    .sql = "INSERT INTO sdm.circuit_hop (circuit, hop, switch_no, port, peer_port, towards,"
           " exclusive)"
           " SELECT $1::uuid, (q.i - 1)::integer, q.switch_no,"
           " CASE WHEN t.towards THEN q.in_port ELSE q.out_port END,"
           " CASE WHEN t.towards THEN q.out_port ELSE q.in_port END, t.towards,"
           " CASE WHEN t.towards THEN q.in_exclusive ELSE q.out_exclusive END"
           " FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::boolean[],"
           " $6::boolean[]) WITH ORDINALITY"
           " AS q (switch_no, in_port, out_port, in_exclusive, out_exclusive, i)"
           " CROSS JOIN (VALUES (true), (false)) AS t (towards)",
    .n_params = 6,
};

/* A pair without a circuit gets one that does not exist, which the foreign key refuses. */
static const struct sdm_pg_statement carry_statement = {
    .name = "circuit_carry",
    .sql = "INSERT INTO sdm.segment_circuit (segment, circuit)"
           " SELECT q.segment, coalesce((SELECT c.circuit FROM sdm.circuit c"
           " WHERE c.compute_no = q.compute_no AND c.brick_no = q.brick_no),"
           " '00000000-0000-0000-0000-000000000000'::uuid)"
           " FROM unnest($1::integer[], $2::integer[], $3::uuid[])"
           " AS q (compute_no, brick_no, segment)",
    .n_params = 3,
};

/* Windows that are made from now on wait until it is cut. */
static const struct sdm_pg_statement cutting_statement = {
    .name = "circuit_cutting",
    /* What was found mapped over it is in use, whoever's it is. */
    .sql = "UPDATE sdm.circuit c SET cutting = true"
           " WHERE c.circuit = $1::uuid AND c.have_up AND (NOT c.want_up OR c.cutting)"
           " AND NOT EXISTS (SELECT FROM sdm.segment s JOIN sdm.device p"
           " ON p.device_no = c.compute_no WHERE s.brick_no = c.brick_no AND s.state <> 'live'"
           " AND p.id = ANY (s.mapped_by))",
    .n_params = 1,
};

static const struct sdm_pg_statement delete_statement = {
    .name = "circuit_delete",
    .sql = "DELETE FROM sdm.circuit c WHERE c.circuit = $1::uuid AND NOT c.want_up"
           " AND NOT c.have_up"
           " AND NOT EXISTS (SELECT FROM sdm.segment_circuit sc WHERE sc.circuit = c.circuit)",
    .n_params = 1,
};

static const struct sdm_pg_statement drop_route_statement = {
    .name = "circuit_drop_route",
    .sql = "DELETE FROM sdm.segment_circuit WHERE segment = $1::uuid AND circuit = $2::uuid",
    .n_params = 2,
};

static const struct sdm_pg_statement load_statement = {
    .name = "circuit_load",
    .sql = "SELECT c.circuit::text, c.compute_no, c.brick_no, c.want_up, c.have_up, c.cutting,"
           " p.have_power = 'on' AND m.have_power = 'on' AND p.state <> 'fenced',"
           " EXISTS (SELECT FROM sdm.circuit_hop h JOIN sdm.device d ON d.device_no = h.switch_no"
           "         WHERE h.circuit = c.circuit AND d.have_generation <> d.want_generation)"
           " FROM sdm.circuit c JOIN sdm.device p ON p.device_no = c.compute_no"
           " JOIN sdm.device m ON m.device_no = c.brick_no WHERE c.circuit = $1::uuid",
    .n_params = 1,
};

/* A switch answers at its own endpoint, or at its rack's. */
static const struct sdm_pg_statement load_hops_statement = {
    .name = "circuit_load_hops",
    .sql = "SELECT h.switch_no, d.id, coalesce(d.management, k.management, ''),"
           " d.kind = 'optical', h.port, h.peer_port"
           " FROM sdm.circuit_hop h JOIN sdm.device d ON d.device_no = h.switch_no"
           " LEFT JOIN sdm.tray t ON t.tray_no = d.tray_no"
           " LEFT JOIN sdm.rack k ON k.rack_no = coalesce(d.rack_no, t.rack_no)"
           " WHERE h.circuit = $1::uuid AND h.towards ORDER BY h.hop",
    .n_params = 1,
};

static const struct sdm_pg_statement diverged_statement = {
    .name = "circuit_diverged",
    .sql = "SELECT c.circuit::text FROM sdm.circuit c WHERE (c.want_up <> c.have_up OR c.cutting)"
           " AND ($1::integer = 0 OR c.brick_no = $1::integer OR c.compute_no = $1::integer)",
    .n_params = 1,
};

static const struct sdm_pg_statement reservations_statement = {
    .name = "circuit_reservations",
    .sql =
        "SELECT s.reservation::text FROM sdm.segment_circuit sc JOIN sdm.segment s USING (segment)"
        " WHERE sc.circuit = $1::uuid AND s.reservation IS NOT NULL"
        " UNION SELECT r.reservation::text FROM sdm.circuit c JOIN sdm.reservation r"
        " ON (r.compute_no, r.accelerator_no) = (c.compute_no, c.brick_no)"
        " WHERE c.circuit = $1::uuid AND r.state NOT IN ('released', 'failed')"
        " ORDER BY 1",
    .n_params = 1,
};

static const struct sdm_pg_statement refused_statement = {
    .name = "circuit_refused",
    .sql = "UPDATE sdm.attachment SET error_code = $2::text, error_text = $3::text"
           " WHERE attachment IN (SELECT w.attachment FROM sdm.netport_window w"
           " WHERE w.circuit = $1::uuid AND NOT w.settled AND w.want <> 'absent')",
    .n_params = 3,
};

static void add_hops(struct sdm_pg_args *args, const struct sdm_path *path)
{
    struct sdm_pg_array *switches = sdm_pg_arg_array(args);
    struct sdm_pg_array *in_ports = sdm_pg_arg_array(args);
    struct sdm_pg_array *out_ports = sdm_pg_arg_array(args);
    struct sdm_pg_array *in_exclusive = sdm_pg_arg_array(args);
    struct sdm_pg_array *out_exclusive = sdm_pg_arg_array(args);

    for (int32_t i = 0; i < path->n_hops; i++) {
        sdm_pg_array_int64(switches, path->hops[i].switch_no);
        sdm_pg_array_int64(in_ports, path->hops[i].in_port);
        sdm_pg_array_int64(out_ports, path->hops[i].out_port);
        sdm_pg_array_bool(in_exclusive, path->hops[i].in_exclusive);
        sdm_pg_array_bool(out_exclusive, path->hops[i].out_exclusive);
    }
}

/* A port that the database knows to be taken means that the plan is out of date. */
static bool stale_if_taken(GError *violation, GError **error)
{
    const char *state = sdm_pg_sqlstate(violation);

    if (strcmp(state, "23505") == 0 || strcmp(state, "23P01") == 0) {
        sdm_refuse(error, SDM_ERROR_PLAN_STALE, "a port of the path is in use in the database (%s)",
                   sdm_pg_constraint(violation));
        g_error_free(violation);
    } else {
        g_propagate_error(error, violation);
    }
    return false;
}

bool sdm_store_circuit_insert(struct sdm_tx *tx, const char *circuit, const struct sdm_path *path,
                              bool want_up, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_auto(sdm_pg_args) hop_args = {0};
    GError *violation = NULL;

    sdm_pg_arg_uuid(&args, circuit);
    sdm_pg_arg_int64(&args, path->compute_no);
    sdm_pg_arg_int64(&args, path->compute_port);
    sdm_pg_arg_int64(&args, path->brick_no);
    sdm_pg_arg_int64(&args, path->brick_port);
    sdm_pg_arg_int64(&args, path->bandwidth_mbps);
    sdm_pg_arg_int64(&args, path->narrowest_mbps);
    sdm_pg_arg_bool(&args, want_up);
    sdm_tx_queue(tx, &insert_statement, &args);
    sdm_pg_arg_uuid(&hop_args, circuit);
    add_hops(&hop_args, path);
    return sdm_tx_write(tx, &insert_hops_statement, &hop_args, NULL, &violation) ||
           stale_if_taken(violation, error);
}

void sdm_store_circuit_carry(struct sdm_tx *tx, int32_t compute_no, int32_t brick_no,
                             const char *segment)
{
    struct sdm_pg_array **to = sdm_rows_add(tx, SDM_ROWS_ROUTE, &carry_statement);

    sdm_pg_array_int64(to[0], compute_no);
    sdm_pg_array_int64(to[1], brick_no);
    sdm_pg_array_text(to[2], segment);
}

void sdm_store_circuit_drop_route(struct sdm_tx *tx, const char *segment, const char *circuit)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, segment);
    sdm_pg_arg_uuid(&args, circuit);
    sdm_tx_queue(tx, &drop_route_statement, &args);
}

bool sdm_store_circuit_cutting(struct sdm_tx *tx, const char *circuit, bool *unwanted,
                               GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, circuit);
    if (!sdm_tx_write(tx, &cutting_statement, &args, &result, error)) {
        return false;
    }
    *unwanted = sdm_pg_result_n_affected(result) > 0;
    return true;
}

bool sdm_store_circuit_delete(struct sdm_tx *tx, const char *circuit, bool *deleted, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, circuit);
    if (!sdm_tx_write(tx, &delete_statement, &args, &result, error)) {
        return false;
    }
    *deleted = sdm_pg_result_n_affected(result) > 0;
    return true;
}

void sdm_store_circuit_refused(struct sdm_tx *tx, const char *circuit, const char *error_code,
                               const char *error_text)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, circuit);
    sdm_pg_arg_text(&args, error_code);
    sdm_pg_arg_text(&args, error_text);
    sdm_tx_queue(tx, &refused_statement, &args);
}

static bool read_hops(const struct sdm_pg_result *result, struct sdm_arena *arena,
                      struct sdm_wanted_circuit *wired, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);

    wired->n_hops = (size_t)sdm_pg_result_n_rows(result);
    wired->hops = SDM_ARENA_NEW(arena, struct sdm_wanted_hop, wired->n_hops);
    for (size_t i = 0; i < wired->n_hops; i++) {
        struct sdm_wanted_hop *hop = &wired->hops[i];

        hop->switch_no = sdm_row_int32(&in, (int)i, 0);
        hop->switch_id = sdm_row_text(&in, (int)i, 1);
        hop->endpoint = sdm_row_text(&in, (int)i, 2);
        hop->optical = sdm_row_bool(&in, (int)i, 3);
        hop->in_port = sdm_row_int32(&in, (int)i, 4);
        hop->out_port = sdm_row_int32(&in, (int)i, 5);
    }
    return in.ok;
}

struct sdm_wanted_circuit *sdm_store_circuit_load(struct sdm_pg *pg, const char *circuit,
                                                  struct sdm_arena *arena, GError **error)
{
    struct sdm_wanted_circuit *wired = SDM_ARENA_NEW(arena, struct sdm_wanted_circuit, 1);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(sdm_pg_result) hops = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_uuid(&args, circuit);
    sdm_pg_queue(pg, &load_statement, &args);
    sdm_pg_queue(pg, &load_hops_statement, &args);
    if (!sdm_pg_flush(pg, NULL, error)) {
        return NULL;
    }
    result = sdm_pg_take(pg);
    hops = sdm_pg_take(pg);
    if (sdm_pg_result_n_rows(result) == 0) {
        return NULL;
    }
    in = sdm_row_reader(result, arena, error);
    sdm_row_uuid(&in, 0, 0, wired->circuit);
    wired->compute_no = sdm_row_int32(&in, 0, 1);
    wired->brick_no = sdm_row_int32(&in, 0, 2);
    wired->want_up = sdm_row_bool(&in, 0, 3);
    wired->have_up = sdm_row_bool(&in, 0, 4);
    wired->cutting = sdm_row_bool(&in, 0, 5);
    wired->powered = sdm_row_bool(&in, 0, 6);
    wired->behind = sdm_row_bool(&in, 0, 7);
    return in.ok && read_hops(hops, arena, wired, error) ? wired : NULL;
}

static bool query_uuids(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                        const struct sdm_pg_args *args, struct sdm_arena *arena,
                        char (**uuids)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, statement, args, error);

    return result != NULL && sdm_row_uuids(result, arena, uuids, n, error);
}

bool sdm_store_circuit_diverged(struct sdm_pg *pg, int32_t brick_no, struct sdm_arena *arena,
                                char (**circuits)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, brick_no);
    return query_uuids(pg, &diverged_statement, &args, arena, circuits, n, error);
}

bool sdm_store_circuit_reservations(struct sdm_pg *pg, const char *circuit, struct sdm_arena *arena,
                                    char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, circuit);
    return query_uuids(pg, &reservations_statement, &args, arena, reservations, n, error);
}

SDM_STORE_STATEMENTS(circuit, &insert_statement, &insert_hops_statement, &carry_statement,
                     &cutting_statement, &delete_statement, &drop_route_statement, &load_statement,
                     &load_hops_statement, &diverged_statement, &reservations_statement,
                     &refused_statement)
