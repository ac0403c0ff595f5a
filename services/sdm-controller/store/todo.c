#include "sdm-controller/store/todo.h"

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

/* Kinds by their number in enum sdm_work_kind, which the visitor gets. */
G_STATIC_ASSERT(SDM_WORK_CIRCUIT == 0 && SDM_WORK_AGENT == 1 && SDM_WORK_POWER == 2 &&
                SDM_WORK_SCRUB == 3 && SDM_WORK_SETTLE == 4 && SDM_WORK_AUDIT == 5 &&
                SDM_WORK_FENCE == 7 && SDM_WORK_PROBE == 8 && SDM_WORK_EXTENTS == 9);

/* It runs every few seconds however many segments and circuits there are: each part reads an index
 * of what diverges, the devices, or the windows that guests use. */
static const struct sdm_pg_statement each_statement = {
    .name = "todo_each",
    .sql = "SELECT 2, '', d.device_no FROM sdm.device d WHERE d.want_power <> d.have_power"
           " UNION ALL SELECT 0, c.circuit::text, 0 FROM sdm.circuit c WHERE c.want_up <> c.have_up"
           " UNION ALL SELECT 3, s.segment::text, 0 FROM sdm.segment s"
           " WHERE s.state <> 'live' AND s.state = 'scrubbing'"
           " UNION ALL SELECT 4, r.reservation::text, 0 FROM sdm.reservation r"
           " WHERE r.state IN ('attaching', 'detaching', 'releasing')"
           " UNION ALL SELECT 1, '', d.device_no FROM sdm.device d"
           " WHERE d.kind = 'compute' AND d.want_generation <> d.have_generation"
           " UNION ALL SELECT 7, '', d.device_no FROM sdm.device d WHERE d.fence IS NOT NULL"
           " AND (d.fence = 'cutting' OR d.fence = 'confirmed' AND EXISTS (SELECT"
           "      FROM sdm.reservation r WHERE r.compute_no = d.device_no"
           "       AND r.state IN ('held', 'attaching', 'attached')))"
           /* Those that nobody would otherwise miss: what guests use, and what is lost. */
           " UNION ALL SELECT 8, '', d.device_no FROM sdm.device d WHERE d.state = 'lost'"
           " UNION ALL SELECT DISTINCT 8, '', c.brick_no FROM sdm.netport_window w"
           " JOIN sdm.circuit c USING (circuit) WHERE w.have <> 'absent'"
           " UNION ALL SELECT DISTINCT 9, '', s.brick_no FROM sdm.segment s"
           " WHERE s.state <> 'live' AND s.mapped_by <> '{}'",
};

/* Only by looking at all circuits: they rest neither wanted nor up while their reservation is held.
 */
static const struct sdm_pg_statement unused_statement = {
    .name = "todo_unused",
    .sql = "SELECT 0, c.circuit::text, 0 FROM sdm.circuit c WHERE c.cutting"
           " OR NOT c.want_up AND NOT EXISTS"
           "       (SELECT FROM sdm.segment_circuit sc WHERE sc.circuit = c.circuit)",
};

static const struct sdm_pg_statement of_brick_statement = {
    .name = "todo_of_brick",
    .sql = "SELECT 0, c.circuit::text, 0 FROM sdm.circuit c WHERE (c.want_up <> c.have_up OR "
           "c.cutting)"
           " AND (c.brick_no = $1::integer OR c.compute_no = $1::integer)"
           " UNION ALL SELECT 3, s.segment::text, 0 FROM sdm.segment s"
           " WHERE s.brick_no = $1::integer AND s.state = 'scrubbing'",
    .n_params = 1,
};

static const struct sdm_pg_statement switches_statement = {
    .name = "todo_switches",
    .sql = "SELECT 5, '', d.device_no FROM sdm.device d"
           " WHERE d.kind IN ('electrical', 'optical') AND d.state IN ('active', 'lost')",
};

static const struct sdm_pg_statement device_statement = {
    .name = "driven_device",
    .sql = "SELECT d.device_no, d.id, coalesce(d.management, k.management, ''),"
           " d.kind = 'optical', d.want_power = 'on', d.have_power = 'on', d.wake_ms,"
           " d.kind IN ('electrical', 'optical'), d.state = 'lost'"
           " FROM sdm.device d LEFT JOIN sdm.tray t ON t.tray_no = d.tray_no"
           " LEFT JOIN sdm.rack k ON k.rack_no = coalesce(d.rack_no, t.rack_no)"
           " WHERE d.device_no = $1::integer",
    .n_params = 1,
};

struct each {
    sdm_store_todo_fn *visit;
    void *data;
};

static bool visit_row(const struct sdm_pg_result *row, void *data, GError **error)
{
    const struct each *each = data;
    struct sdm_work work = {0};
    int32_t kind;

    if (!sdm_pg_get_int32(row, 0, 0, &kind, error) ||
        !sdm_pg_copy_text(row, 0, 1, work.id, sizeof work.id, error) ||
        !sdm_pg_get_int32(row, 0, 2, &work.device_no, error)) {
        return false;
    }
    work.kind = (enum sdm_work_kind)kind;
    each->visit(&work, each->data);
    return true;
}

bool sdm_store_todo_each(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data, GError **error)
{
    struct each each = {visit, data};

    return sdm_pg_stream(pg, &each_statement, NULL, visit_row, &each, error);
}

bool sdm_store_todo_unused(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data, GError **error)
{
    struct each each = {visit, data};

    return sdm_pg_stream(pg, &unused_statement, NULL, visit_row, &each, error);
}

bool sdm_store_todo_of_brick(struct sdm_pg *pg, int32_t device_no, sdm_store_todo_fn *visit,
                             void *data, GError **error)
{
    struct each each = {visit, data};
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    return sdm_pg_stream(pg, &of_brick_statement, &args, visit_row, &each, error);
}

bool sdm_store_todo_switches(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data,
                             GError **error)
{
    struct each each = {visit, data};

    return sdm_pg_stream(pg, &switches_statement, NULL, visit_row, &each, error);
}

bool sdm_store_driven_device(struct sdm_pg *pg, int32_t device_no, struct sdm_driven_device *device,
                             GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    result = sdm_pg_exec(pg, &device_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", device_no);
    }
    return sdm_pg_get_int32(result, 0, 0, &device->device_no, error) &&
           sdm_pg_copy_text(result, 0, 1, device->id, sizeof device->id, error) &&
           sdm_pg_copy_text(result, 0, 2, device->endpoint, sizeof device->endpoint, error) &&
           sdm_pg_get_bool(result, 0, 3, &device->optical, error) &&
           sdm_pg_get_bool(result, 0, 4, &device->want_on, error) &&
           sdm_pg_get_bool(result, 0, 5, &device->have_on, error) &&
           sdm_pg_get_int32(result, 0, 6, &device->wake_ms, error) &&
           sdm_pg_get_bool(result, 0, 7, &device->is_switch, error) &&
           sdm_pg_get_bool(result, 0, 8, &device->lost, error);
}

SDM_STORE_STATEMENTS(todo, &each_statement, &unused_statement, &of_brick_statement,
                     &switches_statement, &device_statement)
