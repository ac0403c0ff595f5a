#include "sdm-controller/store/device.h"

#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement update_statement = {
    .name = "device_update",
    .sql = "UPDATE sdm.device SET capacity_bytes = $2::bigint, idle_mw = $3::integer,"
           " active_mw = $4::integer, wake_ms = $5::integer, management = $6::text"
           " WHERE device_no = $1::integer",
    .n_params = 6,
};

static const struct sdm_pg_statement state_statement = {
    .name = "device_set_state",
    .sql = "UPDATE sdm.device SET state = $2::text::sdm.brick_state WHERE device_no = $1::integer",
    .n_params = 2,
};

static const struct sdm_pg_statement want_power_statement = {
    .name = "device_set_want_power",
    .sql = "UPDATE sdm.device SET want_power = $2::text::sdm.power_state"
           " WHERE device_no = $1::integer",
    .n_params = 2,
};

static const struct sdm_pg_statement have_power_statement = {
    .name = "device_set_have_power",
    .sql = "UPDATE sdm.device SET have_power = $2::text::sdm.power_state"
           " WHERE device_no = $1::integer",
    .n_params = 2,
};

static const struct sdm_pg_statement count_want_statement = {
    .name = "device_count_want",
    .sql = "UPDATE sdm.device SET want_generation = want_generation + 1"
           " WHERE device_no = $1::integer RETURNING want_generation::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement have_statement = {
    .name = "device_set_have",
    .sql = "UPDATE sdm.device SET have_generation = least($2::bigint, want_generation)"
           " WHERE device_no = $1::integer AND have_generation < $2::bigint",
    .n_params = 2,
};

static const struct sdm_pg_statement generations_statement = {
    .name = "device_generations",
    .sql = "SELECT d.want_generation::bigint, d.have_generation::bigint FROM sdm.device d"
           " WHERE d.device_no = $1::integer",
    .n_params = 1,
};

static const struct sdm_pg_statement report_statement = {
    .name = "device_set_report",
    .sql = "UPDATE sdm.device SET boot_id = $2::text, agent_version = $3::text,"
           " last_report = clock_timestamp() WHERE device_no = $1::integer",
    .n_params = 3,
};

/* What the schema keeps for the segments of a brick, whoever asks. */
static bool refuse_if_used(GError *violation, GError **error)
{
    const char *constraint = sdm_pg_constraint(violation);

    if (strcmp(constraint, "segment_on_usable_brick") == 0 ||
        strcmp(constraint, "segment_within_brick") == 0) {
        sdm_refuse(error, SDM_ERROR_IN_USE, "the brick has segments that it would lose");
        g_error_free(violation);
    } else {
        g_propagate_error(error, violation);
    }
    return false;
}

bool sdm_device_update(struct sdm_tx *tx, const struct sdm_device *device, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    GError *violation = NULL;

    sdm_pg_arg_int64(&args, device->device_no);
    if (device->kind == SDM_DEVICE_KIND_MEMORY) {
        sdm_pg_arg_int64(&args, (int64_t)device->capacity_bytes);
    } else {
        sdm_pg_arg_null(&args);
    }
    sdm_pg_arg_int64(&args, device->idle_mw);
    sdm_pg_arg_int64(&args, device->active_mw);
    sdm_pg_arg_int64(&args, device->wake_ms);
    sdm_pg_arg_text_or_null(&args, device->management);
    return sdm_tx_write(tx, &update_statement, &args, NULL, &violation) ||
           refuse_if_used(violation, error);
}

static bool set_word(struct sdm_tx *tx, const struct sdm_pg_statement *statement, int32_t device_no,
                     const char *word, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    GError *violation = NULL;

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_text(&args, word);
    return sdm_tx_write(tx, statement, &args, NULL, &violation) || refuse_if_used(violation, error);
}

bool sdm_device_set_state(struct sdm_tx *tx, int32_t device_no, enum sdm_brick_state state,
                          GError **error)
{
    return set_word(tx, &state_statement, device_no, sdm_brick_state_name(state), error);
}

bool sdm_device_set_want_power(struct sdm_tx *tx, int32_t device_no, enum sdm_power_state power,
                               GError **error)
{
    return set_word(tx, &want_power_statement, device_no, sdm_power_state_name(power), error);
}

bool sdm_device_set_have_power(struct sdm_tx *tx, int32_t device_no, enum sdm_power_state power,
                               GError **error)
{
    return set_word(tx, &have_power_statement, device_no, sdm_power_state_name(power), error);
}

bool sdm_device_count_want(struct sdm_tx *tx, int32_t device_no, int64_t *generation,
                           GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    if (!sdm_tx_write(tx, &count_want_statement, &args, &result, error)) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_fail(error, "no device %d", device_no);
    }
    return sdm_pg_get_int64(result, 0, 0, generation, error);
}

bool sdm_device_set_have(struct sdm_tx *tx, int32_t device_no, int64_t generation, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_int64(&args, generation);
    return sdm_tx_write(tx, &have_statement, &args, NULL, error);
}

bool sdm_device_read_generations(struct sdm_pg *pg, int32_t device_no,
                                 struct sdm_device_generations *generations, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    result = sdm_pg_exec(pg, &generations_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", device_no);
    }
    return sdm_pg_get_int64(result, 0, 0, &generations->want, error) &&
           sdm_pg_get_int64(result, 0, 1, &generations->have, error);
}

bool sdm_device_set_report(struct sdm_tx *tx, int32_t device_no, const char *boot_id,
                           const char *agent_version, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_text(&args, boot_id);
    sdm_pg_arg_text(&args, agent_version);
    return sdm_tx_write(tx, &report_statement, &args, NULL, error);
}

SDM_STORE_STATEMENTS(device, &update_statement, &state_statement, &want_power_statement,
                     &have_power_statement, &count_want_statement, &have_statement,
                     &generations_statement, &report_statement)
