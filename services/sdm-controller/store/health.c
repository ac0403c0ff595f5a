#include "sdm-controller/store/health.h"

#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement set_statement = {
    .name = "health_set",
    .sql = "UPDATE sdm.device SET state = CASE WHEN $2::boolean THEN 'lost'::sdm.brick_state"
           " ELSE 'active' END WHERE device_no = $1::integer"
           " AND state = CASE WHEN $2::boolean THEN 'active'::sdm.brick_state ELSE 'lost' END",
    .n_params = 2,
};

static const struct sdm_pg_statement power_statement = {
    .name = "health_power",
    .sql = "UPDATE sdm.device SET have_power = CASE WHEN $2::boolean THEN 'off'::sdm.power_state"
           " ELSE 'on' END WHERE device_no = $1::integer AND want_power = have_power"
           " AND have_power = CASE WHEN $2::boolean THEN 'on'::sdm.power_state ELSE 'off' END",
    .n_params = 2,
};

static const struct sdm_pg_statement affected_statement = {
    .name = "health_affected",
    .sql =
        "SELECT r.reservation::text, r.project, r.state::text, r.size_bytes, a.vm::text, c.id,"
        " count(*) OVER () FROM sdm.reservation r"
        " LEFT JOIN LATERAL (SELECT t.vm, t.compute_no FROM sdm.attachment t"
        " WHERE t.reservation = r.reservation ORDER BY t.compute_no LIMIT 1) AS a ON true"
        " LEFT JOIN sdm.device c ON c.device_no = a.compute_no"
        " WHERE r.state NOT IN ('released', 'failed') AND r.reservation IN ("
        " SELECT s.reservation FROM sdm.segment s WHERE s.brick_no = $1::integer"
        " UNION SELECT s.reservation FROM sdm.circuit_hop h"
        " JOIN sdm.segment_circuit sc USING (circuit) JOIN sdm.segment s USING (segment)"
        " WHERE h.switch_no = $1::integer"
        " UNION SELECT v.reservation FROM sdm.circuit_hop h JOIN sdm.circuit k USING (circuit)"
        " JOIN sdm.reservation v ON (v.compute_no, v.accelerator_no) = (k.compute_no, k.brick_no)"
        " WHERE h.switch_no = $1::integer OR k.brick_no = $1::integer)"
        " ORDER BY r.reservation LIMIT $2::bigint",
    .n_params = 2,
};

static bool set(struct sdm_tx *tx, const struct sdm_pg_statement *statement, int32_t device_no,
                bool value, bool *changed, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_bool(&args, value);
    if (!sdm_tx_write(tx, statement, &args, &result, error)) {
        return false;
    }
    *changed = sdm_pg_result_n_affected(result) > 0;
    return true;
}

bool sdm_store_health_set(struct sdm_tx *tx, int32_t device_no, bool lost, bool *changed,
                          GError **error)
{
    return set(tx, &set_statement, device_no, lost, changed, error);
}

bool sdm_store_health_power(struct sdm_tx *tx, int32_t device_no, bool off, bool *changed,
                            GError **error)
{
    return set(tx, &power_statement, device_no, off, changed, error);
}

bool sdm_store_health_affected(struct sdm_pg *pg, int32_t device_no, size_t n_max,
                               struct sdm_arena *arena, struct sdm_affected **affected, size_t *n,
                               int64_t *n_all, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_affected *read;
    struct sdm_row_reader in;

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &affected_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    in = sdm_row_reader(result, arena, error);
    *n = (size_t)sdm_pg_result_n_rows(result);
    *n_all = 0;
    read = SDM_ARENA_NEW(arena, struct sdm_affected, *n);
    for (int i = 0; i < (int)*n; i++) {
        sdm_row_uuid(&in, i, 0, read[i].reservation);
        read[i].project = sdm_row_text(&in, i, 1);
        read[i].state = sdm_row_word(&in, i, 2, &sdm_reservation_state_words);
        read[i].size_bytes = sdm_row_int64(&in, i, 3);
        read[i].vm = sdm_row_text_or_null(&in, i, 4);
        read[i].compute_brick = sdm_row_text_or_null(&in, i, 5);
        *n_all = sdm_row_int64(&in, i, 6);
    }
    *affected = read;
    return in.ok;
}

SDM_STORE_STATEMENTS(health, &set_statement, &power_statement, &affected_statement)
