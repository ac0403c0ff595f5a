#include "sdm-controller/store/timing.h"

#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement fabric_statement = {
    .name = "timing_fabric",
    .sql = "UPDATE sdm.stored_reply SET fabric_us = greatest(fabric_us, $2::bigint)"
           " WHERE reservation = $1::uuid AND reply IS NULL",
    .n_params = 2,
};

static const struct sdm_pg_statement agent_statement = {
    .name = "timing_agent",
    .sql = "UPDATE sdm.stored_reply SET agent_us = greatest(agent_us, $2::bigint),"
           " guest_us = greatest(guest_us, $3::bigint)"
           " WHERE reservation = $1::uuid AND reply IS NULL",
    .n_params = 3,
};

static const struct sdm_pg_statement read_statement = {
    .name = "timing_read",
    .sql = "SELECT coalesce(r.controller_us, 0), coalesce(r.fabric_us, 0),"
           " coalesce(r.agent_us, 0), coalesce(r.guest_us, 0) FROM sdm.stored_reply r"
           " WHERE r.project = $1::text AND r.key = $2::text",
    .n_params = 2,
};

void sdm_timing_fabric(struct sdm_tx *tx, const char *reservation, int64_t fabric_us)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_int64(&args, fabric_us);
    sdm_tx_queue(tx, &fabric_statement, &args);
}

void sdm_timing_agent(struct sdm_tx *tx, const char *reservation, int64_t agent_us,
                      int64_t guest_us)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, reservation);
    sdm_pg_arg_int64(&args, agent_us);
    sdm_pg_arg_int64(&args, guest_us);
    sdm_tx_queue(tx, &agent_statement, &args);
}

bool sdm_timing_read(struct sdm_pg *pg, const char *project, const char *key,
                     struct sdm_wire_timing *timing, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_text(&args, project);
    sdm_pg_arg_text(&args, key);
    result = sdm_pg_exec(pg, &read_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    *timing = (struct sdm_wire_timing){0};
    if (sdm_pg_result_n_rows(result) == 0) {
        return true;
    }
    in = sdm_row_reader(result, NULL, error);
    timing->controller_us = (uint64_t)sdm_row_int64(&in, 0, 0);
    timing->fabric_us = (uint64_t)sdm_row_int64(&in, 0, 1);
    timing->agent_us = (uint64_t)sdm_row_int64(&in, 0, 2);
    timing->guest_us = (uint64_t)sdm_row_int64(&in, 0, 3);
    return in.ok;
}

SDM_STORE_STATEMENTS(timing, &fabric_statement, &agent_statement, &read_statement)
