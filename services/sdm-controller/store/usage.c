#include "sdm-controller/store/usage.h"
#include "sdm-controller/store/statements.h"

#define LAST_REPORT                                                                                \
    SDM_SQL_TIMESTAMP("d.last_report")                                                             \
    "::text, coalesce((extract(epoch FROM clock_timestamp() - d.last_report) * 1000000)::bigint,"  \
    " -1)::bigint"

#define SEGMENT_SUMS                                                                               \
    " sum(x.size_bytes) FILTER (WHERE x.state = 'live') AS live_bytes,"                            \
    " sum(x.size_bytes) FILTER (WHERE x.state = 'scrubbing') AS scrubbing_bytes,"                  \
    " sum(x.size_bytes) FILTER (WHERE x.state = 'quarantined') AS quarantined_bytes"

#define WINDOW_SUMS                                                                                \
    " count(*) AS n_windows,"                                                                      \
    " sum(y.size_bytes) FILTER (WHERE y.have = 'attached') AS attached_bytes"

static const struct sdm_pg_statement devices_statement = {
    .name = "usage_devices",
    .sql =
        "SELECT d.device_no::integer, d.state::text, d.want_power::text, d.have_power::text,"
        " coalesce(s.live_bytes, 0)::bigint, coalesce(s.scrubbing_bytes, 0)::bigint,"
        " coalesce(s.quarantined_bytes, 0)::bigint, coalesce(w.attached_bytes, 0)::bigint,"
        " CASE WHEN d.kind IN ('electrical', 'optical') THEN"
        " (SELECT count(DISTINCT h.port) FROM sdm.circuit_hop h WHERE h.switch_no = d.device_no)"
        " ELSE (SELECT count(*) FROM sdm.circuit c"
        " WHERE c.compute_no = d.device_no OR c.brick_no = d.device_no) END::bigint,"
        " (SELECT count(*) FROM sdm.vm v WHERE v.compute_no = d.device_no AND v.present)::bigint,"
        " coalesce(w.n_windows, 0)::bigint, (SELECT r.reservation FROM sdm.reservation r"
        " WHERE r.accelerator_no = d.device_no AND r.state NOT IN ('released', 'failed'))::text,"
        " d.want_generation::bigint, d.have_generation::bigint, " LAST_REPORT
        ", d.agent_version::text, d.fence::text FROM sdm.device d"
        " LEFT JOIN LATERAL (SELECT" SEGMENT_SUMS
        " FROM sdm.segment x WHERE x.brick_no = d.device_no) AS s ON true"
        " LEFT JOIN LATERAL (SELECT" WINDOW_SUMS
        " FROM sdm.netport_window y WHERE y.compute_no = d.device_no) AS w ON true"
        " WHERE d.device_no = ANY ($1::bigint[]) ORDER BY d.device_no",
    .n_params = 1,
};

static const struct sdm_pg_statement circuits_statement = {
    .name = "usage_circuits",
    .sql = "SELECT c.circuit::text, c.compute_no::integer, c.compute_port::integer,"
           " c.brick_no::integer, c.brick_port::integer, c.bandwidth_mbps::integer,"
           " c.have_up::boolean, (SELECT count(*) FROM sdm.netport_window w"
           " WHERE w.circuit = c.circuit)::bigint FROM sdm.circuit c"
           " WHERE c.compute_no = ANY ($1::bigint[]) OR c.brick_no = ANY ($1::bigint[])"
           " ORDER BY c.compute_no, c.brick_no LIMIT $2::bigint",
    .n_params = 2,
};

static const struct sdm_pg_statement totals_statement = {
    .name = "usage_totals",
    .sql = "SELECT (SELECT coalesce(sum(s.size_bytes), 0) FROM sdm.segment s"
           " WHERE s.state = 'live')::bigint,"
           " (SELECT coalesce(sum(CASE WHEN EXISTS (SELECT FROM sdm.segment s"
           " WHERE s.brick_no = d.device_no) OR EXISTS (SELECT FROM sdm.circuit c"
           " WHERE c.compute_no = d.device_no OR c.brick_no = d.device_no)"
           " THEN greatest(d.active_mw, d.idle_mw) ELSE d.idle_mw END::bigint), 0)"
           " FROM sdm.device d WHERE d.have_power = 'on' AND d.state <> 'retired')::bigint,"
           " (SELECT count(*) FROM sdm.reservation r"
           " WHERE r.state NOT IN ('released', 'failed'))::bigint,"
           " (SELECT count(*) FROM sdm.segment)::bigint,"
           " (SELECT count(*) FROM sdm.stored_reply p WHERE p.reply IS NULL)::bigint,"
           " (SELECT count(*) FROM sdm.outbox)::bigint,"
           " (SELECT count(*) FROM sdm.device d"
           " WHERE d.have_generation < d.want_generation)::bigint",
};

static const struct sdm_pg_statement holders_statement = {
    .name = "usage_holders",
    .sql = "SELECT r.accelerator_no::integer, r.compute_no::integer FROM sdm.reservation r"
           " WHERE r.accelerator_no IS NOT NULL AND r.state NOT IN ('released', 'failed')",
};

static bool read_word(const struct sdm_pg_result *result, int row, int column,
                      const struct sdm_words *words, int *value, GError **error)
{
    return sdm_pg_get_word(result, row, column, words->words, words->n_words, value, error);
}

static bool read_words(const struct sdm_pg_result *result, int row, struct sdm_device_usage *usage,
                       GError **error)
{
    int state;
    int want_power;
    int have_power;

    if (!read_word(result, row, 1, &sdm_brick_state_words, &state, error) ||
        !read_word(result, row, 2, &sdm_power_state_words, &want_power, error) ||
        !read_word(result, row, 3, &sdm_power_state_words, &have_power, error)) {
        return false;
    }
    usage->state = (enum sdm_brick_state)state;
    usage->want_power = (enum sdm_power_state)want_power;
    usage->have_power = (enum sdm_power_state)have_power;
    return true;
}

static bool read_fence(const struct sdm_pg_result *result, int row, int column,
                       struct sdm_device_usage *usage, GError **error)
{
    int fence = 0;

    usage->is_fenced = !sdm_pg_get_is_null(result, row, column);
    if (usage->is_fenced &&
        !read_word(result, row, column, &sdm_fence_state_words, &fence, error)) {
        return false;
    }
    usage->fence = (enum sdm_fence_state)fence;
    return true;
}

static bool read_device(const struct sdm_pg_result *result, int row, struct sdm_device_usage *usage,
                        GError **error)
{
    return sdm_pg_get_int32(result, row, 0, &usage->device_no, error) &&
           read_words(result, row, usage, error) &&
           sdm_pg_get_int64(result, row, 4, &usage->live_bytes, error) &&
           sdm_pg_get_int64(result, row, 5, &usage->scrubbing_bytes, error) &&
           sdm_pg_get_int64(result, row, 6, &usage->quarantined_bytes, error) &&
           sdm_pg_get_int64(result, row, 7, &usage->attached_bytes, error) &&
           sdm_pg_get_int64(result, row, 8, &usage->n_ports_used, error) &&
           sdm_pg_get_int64(result, row, 9, &usage->n_vms, error) &&
           sdm_pg_get_int64(result, row, 10, &usage->n_windows, error) &&
           sdm_pg_copy_text_or_empty(result, row, 11, usage->reservation, sizeof usage->reservation,
                                     error) &&
           sdm_pg_get_int64(result, row, 12, &usage->want_generation, error) &&
           sdm_pg_get_int64(result, row, 13, &usage->have_generation, error) &&
           sdm_pg_copy_text_or_empty(result, row, 14, usage->last_report, sizeof usage->last_report,
                                     error) &&
           sdm_pg_get_int64(result, row, 15, &usage->report_age_us, error) &&
           sdm_pg_copy_text_or_empty(result, row, 16, usage->agent_version,
                                     sizeof usage->agent_version, error) &&
           read_fence(result, row, 17, usage, error);
}

bool sdm_usage_of_devices(struct sdm_pg *pg, const int64_t *device_nos, size_t n,
                          struct sdm_arena *arena, struct sdm_device_usage **usages, size_t *n_read,
                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_device_usage *read;

    sdm_pg_arg_int64_array(&args, device_nos, n);
    result = sdm_pg_exec(pg, &devices_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_device_usage, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        if (!read_device(result, row, &read[row], error)) {
            return false;
        }
    }
    *usages = read;
    *n_read = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

static bool read_circuit(const struct sdm_pg_result *result, int row,
                         struct sdm_circuit_usage *usage, GError **error)
{
    return sdm_pg_copy_text(result, row, 0, usage->circuit, sizeof usage->circuit, error) &&
           sdm_pg_get_int32(result, row, 1, &usage->compute_no, error) &&
           sdm_pg_get_int32(result, row, 2, &usage->compute_port, error) &&
           sdm_pg_get_int32(result, row, 3, &usage->brick_no, error) &&
           sdm_pg_get_int32(result, row, 4, &usage->brick_port, error) &&
           sdm_pg_get_int32(result, row, 5, &usage->bandwidth_mbps, error) &&
           sdm_pg_get_bool(result, row, 6, &usage->have_up, error) &&
           sdm_pg_get_int64(result, row, 7, &usage->n_windows, error);
}

bool sdm_usage_of_circuits(struct sdm_pg *pg, const int64_t *device_nos, size_t n, size_t n_max,
                           struct sdm_arena *arena, struct sdm_circuit_usage **usages,
                           size_t *n_read, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_circuit_usage *read;

    sdm_pg_arg_int64_array(&args, device_nos, n);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &circuits_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_circuit_usage, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        if (!read_circuit(result, row, &read[row], error)) {
            return false;
        }
    }
    *usages = read;
    *n_read = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

bool sdm_usage_total(struct sdm_pg *pg, struct sdm_usage_totals *totals, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &totals_statement, NULL, error);
    struct sdm_usage_totals read;
    int64_t *const columns[] = {
        &read.live_bytes, &read.power_mw, &read.n_reservations, &read.n_segments,
        &read.n_pending,  &read.n_outbox, &read.n_diverged,
    };

    if (result == NULL) {
        return false;
    }
    for (int i = 0; i < (int)G_N_ELEMENTS(columns); i++) {
        if (!sdm_pg_get_int64(result, 0, i, columns[i], error)) {
            return false;
        }
    }
    *totals = read;
    return true;
}

struct holders {
    sdm_usage_holder_fn *visit;
    void *data;
};

static bool read_holder(const struct sdm_pg_result *row, void *data, GError **error)
{
    const struct holders *holders = data;
    int32_t accelerator_no;
    int32_t compute_no;

    return sdm_pg_get_int32(row, 0, 0, &accelerator_no, error) &&
           sdm_pg_get_int32(row, 0, 1, &compute_no, error) &&
           holders->visit(accelerator_no, compute_no, holders->data, error);
}

bool sdm_usage_holders_each(struct sdm_pg *pg, sdm_usage_holder_fn *visit, void *data,
                            GError **error)
{
    struct holders holders = {visit, data};

    return sdm_pg_stream(pg, &holders_statement, NULL, read_holder, &holders, error);
}

SDM_STORE_STATEMENTS(usage, &devices_statement, &circuits_statement, &totals_statement,
                     &holders_statement)
