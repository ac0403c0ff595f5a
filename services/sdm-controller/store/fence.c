#include "sdm-controller/store/fence.h"

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement load_statement = {
    .name = "fence_load",
    .sql = "SELECT d.device_no, d.id, coalesce(d.management, k.management, ''), d.fence::text,"
           " d.fence_method::text, d.fence_tries FROM sdm.device d"
           " JOIN sdm.tray t ON t.tray_no = d.tray_no JOIN sdm.rack k ON k.rack_no = t.rack_no"
           " WHERE d.device_no = $1::integer AND d.fence IS NOT NULL",
    .n_params = 1,
};

static const struct sdm_pg_statement cables_statement = {
    .name = "fence_cables",
    .sql = "SELECT o.device_no, o.id, coalesce(o.management, k.management, ''),"
           " o.kind IN ('electrical', 'optical'), o.kind = 'optical', f.port"
           " FROM sdm.port n JOIN sdm.port f ON f.link_no = n.link_no AND f.side <> n.side"
           " JOIN sdm.device o ON o.device_no = f.device_no"
           " LEFT JOIN sdm.tray t ON t.tray_no = o.tray_no"
           " LEFT JOIN sdm.rack k ON k.rack_no = coalesce(o.rack_no, t.rack_no)"
           " WHERE n.device_no = $1::integer ORDER BY o.device_no, f.port",
    .n_params = 1,
};

static const struct sdm_pg_statement begin_statement = {
    .name = "fence_begin",
    .sql = "UPDATE sdm.device SET state = 'fenced', fence = 'cutting',"
           " fence_method = $2::text::sdm.fence_method, fence_tries = 0,"
           " want_generation = want_generation + 1 WHERE device_no = $1::integer",
    .n_params = 2,
};

static const struct sdm_pg_statement tried_statement = {
    .name = "fence_tried",
    .sql = "UPDATE sdm.device SET fence_tries = fence_tries + 1"
           " WHERE device_no = $1::integer AND fence = 'cutting' RETURNING fence_tries",
    .n_params = 1,
};

static const struct sdm_pg_statement end_statement = {
    .name = "fence_end",
    .sql = "UPDATE sdm.device SET fence = $2::text::sdm.fence_state,"
           " want_power = CASE WHEN $3::boolean THEN 'off' ELSE want_power END,"
           " have_power = CASE WHEN $3::boolean THEN 'off' ELSE have_power END"
           " WHERE device_no = $1::integer AND fence IN ('cutting', 'confirmed')",
    .n_params = 3,
};

static const struct sdm_pg_statement undo_statement = {
    .name = "fence_undo",
    .sql = "UPDATE sdm.device SET fence = 'returning', want_power = 'on',"
           " want_generation = want_generation + 1, fence_generation = want_generation + 1"
           " WHERE device_no = $1::integer",
    .n_params = 1,
};

static const struct sdm_pg_statement over_statement = {
    .name = "fence_over",
    .sql = "UPDATE sdm.device SET state = 'active', fence = NULL, fence_method = NULL"
           " WHERE device_no = $1::integer AND fence = 'returning'"
           " AND fence_generation <= $2::bigint AND have_power = 'on'",
    .n_params = 2,
};

static const struct sdm_pg_statement reservations_statement = {
    .name = "fence_reservations",
    .sql = "SELECT r.reservation::text FROM sdm.reservation r WHERE r.compute_no = $1::integer"
           " AND r.state NOT IN ('released', 'failed')"
           " UNION SELECT a.reservation::text FROM sdm.attachment a"
           " WHERE a.compute_no = $1::integer ORDER BY 1",
    .n_params = 1,
};

static const struct sdm_pg_statement windows_statement = {
    .name = "fence_lose_windows",
    .sql = "UPDATE sdm.netport_window SET want = 'absent', have = 'absent', offered = false"
           " WHERE compute_no = $1::integer",
    .n_params = 1,
};

static const struct sdm_pg_statement vms_statement = {
    .name = "fence_lose_vms",
    .sql = "UPDATE sdm.vm SET present = false WHERE compute_no = $1::integer AND present"
           " RETURNING vm::text",
    .n_params = 1,
};

static bool read_cables(const struct sdm_pg_result *result, struct sdm_arena *arena,
                        struct sdm_fence *fence, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);

    fence->n_cables = (size_t)sdm_pg_result_n_rows(result);
    fence->cables = SDM_ARENA_NEW(arena, struct sdm_fence_cable, fence->n_cables);
    for (size_t i = 0; i < fence->n_cables; i++) {
        struct sdm_fence_cable *cable = &fence->cables[i];

        cable->device_no = sdm_row_int32(&in, (int)i, 0);
        cable->device = sdm_row_text(&in, (int)i, 1);
        cable->endpoint = sdm_row_text(&in, (int)i, 2);
        cable->is_switch = sdm_row_bool(&in, (int)i, 3);
        cable->optical = sdm_row_bool(&in, (int)i, 4);
        cable->port = sdm_row_int32(&in, (int)i, 5);
    }
    return in.ok;
}

struct sdm_fence *sdm_store_fence_load(struct sdm_pg *pg, int32_t device_no,
                                       struct sdm_arena *arena, GError **error)
{
    struct sdm_fence *fence = SDM_ARENA_NEW(arena, struct sdm_fence, 1);
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(sdm_pg_result) cables = NULL;
    struct sdm_row_reader in;

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_queue(pg, &load_statement, &args);
    sdm_pg_queue(pg, &cables_statement, &args);
    if (!sdm_pg_flush(pg, NULL, error)) {
        return NULL;
    }
    result = sdm_pg_take(pg);
    cables = sdm_pg_take(pg);
    if (sdm_pg_result_n_rows(result) == 0) {
        return NULL;
    }
    in = sdm_row_reader(result, arena, error);
    fence->device_no = sdm_row_int32(&in, 0, 0);
    fence->brick = sdm_row_text(&in, 0, 1);
    fence->endpoint = sdm_row_text(&in, 0, 2);
    fence->state = sdm_row_word(&in, 0, 3, &sdm_fence_state_words);
    fence->method = sdm_row_word(&in, 0, 4, &sdm_fence_method_words);
    fence->n_tries = sdm_row_int32(&in, 0, 5);
    return in.ok && read_cables(cables, arena, fence, error) ? fence : NULL;
}

bool sdm_store_fence_begin(struct sdm_tx *tx, int32_t device_no, enum sdm_fence_method method,
                           GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_text(&args, sdm_fence_method_name(method));
    return sdm_tx_write(tx, &begin_statement, &args, NULL, error);
}

bool sdm_store_fence_tried(struct sdm_tx *tx, int32_t device_no, int32_t *n_tries, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    if (!sdm_tx_write(tx, &tried_statement, &args, &result, error)) {
        return false;
    }
    *n_tries = 0;
    return sdm_pg_result_n_rows(result) == 0 || sdm_pg_get_int32(result, 0, 0, n_tries, error);
}

/* Runs it; '*touched' says whether it changed a row. */
static bool write_row(struct sdm_tx *tx, const struct sdm_pg_statement *statement,
                      const struct sdm_pg_args *args, bool *touched, GError **error)
{
    g_autoptr(sdm_pg_result) result = NULL;

    if (!sdm_tx_write(tx, statement, args, &result, error)) {
        return false;
    }
    *touched = sdm_pg_result_n_affected(result) > 0;
    return true;
}

bool sdm_store_fence_end(struct sdm_tx *tx, int32_t device_no, enum sdm_fence_state state, bool off,
                         bool *ended, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_text(&args, sdm_fence_state_name(state));
    sdm_pg_arg_bool(&args, off);
    return write_row(tx, &end_statement, &args, ended, error);
}

bool sdm_store_fence_undo(struct sdm_tx *tx, int32_t device_no, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    return sdm_tx_write(tx, &undo_statement, &args, NULL, error);
}

bool sdm_store_fence_over(struct sdm_tx *tx, int32_t device_no, int64_t generation, bool *over,
                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, device_no);
    sdm_pg_arg_int64(&args, generation);
    return write_row(tx, &over_statement, &args, over, error);
}

bool sdm_store_fence_reservations(struct sdm_pg *pg, int32_t device_no, struct sdm_arena *arena,
                                  char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    result = sdm_pg_exec(pg, &reservations_statement, &args, error);
    return result != NULL && sdm_row_uuids(result, arena, reservations, n, error);
}

bool sdm_store_fence_lose_all(struct sdm_tx *tx, int32_t device_no, struct sdm_arena *arena,
                              char (**vms)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, device_no);
    return sdm_tx_write(tx, &windows_statement, &args, NULL, error) &&
           sdm_tx_write(tx, &vms_statement, &args, &result, error) &&
           sdm_row_uuids(result, arena, vms, n, error);
}

SDM_STORE_STATEMENTS(fence, &load_statement, &cables_statement, &begin_statement, &tried_statement,
                     &end_statement, &undo_statement, &over_statement, &reservations_statement,
                     &windows_statement, &vms_statement)
