#include "sdm-controller/store/vm.h"

#include "lib/base/error.h"
#include "sdm-controller/store/row.h"
#include "sdm-controller/store/statements.h"

#define SELECT_VM                                                                                  \
    "SELECT v.vm::text, v.compute_no::integer, d.id::text, v.name::text, v.project::text,"         \
    " v.boot_id::text, v.n_slots::integer, v.n_slots_used::integer, v.max_memory_bytes::bigint,"   \
    " v.memory_bytes::bigint, v.guest_memory_bytes::bigint,"                                       \
    " (SELECT coalesce(sum(w.size_bytes), 0) FROM sdm.attachment a"                                \
    " JOIN sdm.netport_window w ON w.attachment = a.attachment"                                    \
    " WHERE a.vm = v.vm AND w.have = 'attached')::bigint, v.present::boolean"                      \
    " FROM sdm.vm v JOIN sdm.device d ON d.device_no = v.compute_no"

static const struct sdm_pg_statement read_statement = {
    .name = "vm_read",
    .sql = SELECT_VM " WHERE v.vm = $1::uuid",
    .n_params = 1,
};

static const struct sdm_pg_statement list_statement = {
    .name = "vm_list",
    .sql = SELECT_VM " WHERE ($1::text IS NULL OR v.project = $1::text)"
                     " AND ($2::uuid IS NULL OR v.vm > $2::uuid) ORDER BY v.vm LIMIT $3::bigint",
    .n_params = 3,
};

static const struct sdm_pg_statement bind_statement = {
    .name = "vm_bind",
    .sql = "UPDATE sdm.vm SET project = $2::text WHERE vm = $1::uuid",
    .n_params = 2,
};

static const struct sdm_pg_statement foreign_statement = {
    .name = "vm_count_foreign",
    .sql = "SELECT count(*)::bigint FROM sdm.attachment a"
           " JOIN sdm.reservation r ON r.reservation = a.reservation"
           " WHERE a.vm = $1::uuid AND r.project IS DISTINCT FROM $2::text",
    .n_params = 2,
};

/* xmax is 0 in a row that the statement inserted. */
static const struct sdm_pg_statement upsert_statement = {
    .name = "vm_upsert",
    .sql = "INSERT INTO sdm.vm AS v (vm, compute_no, name, boot_id, n_slots, n_slots_used,"
           " max_memory_bytes, memory_bytes, guest_memory_bytes, present)"
           " SELECT q.vm, $1::integer, q.name, q.boot_id, q.n_slots::integer,"
           " q.n_slots_used::integer, q.max_memory_bytes, q.memory_bytes, q.guest_memory_bytes,"
           " true FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],"
           " $7::bigint[], $8::bigint[], $9::bigint[]) AS q (vm, name, boot_id, n_slots,"
           " n_slots_used, max_memory_bytes, memory_bytes, guest_memory_bytes) ORDER BY q.vm"
           " ON CONFLICT (vm) DO UPDATE SET compute_no = excluded.compute_no,"
           " name = excluded.name, boot_id = excluded.boot_id, n_slots = excluded.n_slots,"
           " n_slots_used = excluded.n_slots_used, max_memory_bytes = excluded.max_memory_bytes,"
           " memory_bytes = excluded.memory_bytes,"
           " guest_memory_bytes = excluded.guest_memory_bytes, present = true"
           " WHERE v.compute_no = excluded.compute_no OR NOT v.present"
           " RETURNING v.vm::text, (v.xmax = 0)::boolean",
    .n_params = 9,
};

static const struct sdm_pg_statement elsewhere_statement = {
    .name = "vm_elsewhere",
    .sql = "SELECT v.vm::text, d.id FROM sdm.vm v JOIN sdm.device d ON d.device_no = v.compute_no"
           " WHERE v.vm = ANY ($2::uuid[]) AND v.present AND v.compute_no <> $1::integer"
           " ORDER BY v.vm",
    .n_params = 2,
};

static const struct sdm_pg_statement gone_statement = {
    .name = "vm_gone",
    .sql = "UPDATE sdm.vm SET present = false WHERE compute_no = $1::integer AND present"
           " AND vm <> ALL ($2::uuid[]) RETURNING vm::text",
    .n_params = 2,
};

static const struct sdm_pg_statement missing_statement = {
    .name = "vm_missing",
    .sql = "SELECT a.reservation::text FROM sdm.vm v JOIN sdm.attachment a ON a.vm = v.vm"
           " WHERE v.compute_no = $1::integer AND v.present AND v.vm <> ALL ($2::uuid[])",
    .n_params = 2,
};

static bool read_row(const struct sdm_pg_result *result, int row, struct sdm_vm *vm, GError **error)
{
    return sdm_pg_copy_text(result, row, 0, vm->vm, sizeof vm->vm, error) &&
           sdm_pg_get_int32(result, row, 1, &vm->compute_no, error) &&
           sdm_pg_copy_text(result, row, 2, vm->compute_brick, sizeof vm->compute_brick, error) &&
           sdm_pg_copy_text(result, row, 3, vm->name, sizeof vm->name, error) &&
           sdm_pg_copy_text_or_empty(result, row, 4, vm->project, sizeof vm->project, error) &&
           sdm_pg_copy_text(result, row, 5, vm->boot_id, sizeof vm->boot_id, error) &&
           sdm_pg_get_int32(result, row, 6, &vm->n_slots, error) &&
           sdm_pg_get_int32(result, row, 7, &vm->n_slots_used, error) &&
           sdm_pg_get_int64(result, row, 8, &vm->max_memory_bytes, error) &&
           sdm_pg_get_int64(result, row, 9, &vm->memory_bytes, error) &&
           sdm_pg_get_int64(result, row, 10, &vm->guest_memory_bytes, error) &&
           sdm_pg_get_int64(result, row, 11, &vm->remote_bytes, error) &&
           sdm_pg_get_bool(result, row, 12, &vm->present, error);
}

bool sdm_vm_read(struct sdm_pg *pg, const char *vm, struct sdm_vm *row, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_vm read = {0};

    sdm_pg_arg_uuid(&args, vm);
    result = sdm_pg_exec(pg, &read_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    if (sdm_pg_result_n_rows(result) == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no virtual machine '%s'", vm);
    }
    if (!read_row(result, 0, &read, error)) {
        return false;
    }
    *row = read;
    return true;
}

bool sdm_vm_list(struct sdm_pg *pg, const char *project, const char *after, size_t n_max,
                 struct sdm_arena *arena, struct sdm_vm **rows, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_vm *read;

    sdm_pg_arg_text_or_null(&args, project);
    sdm_pg_arg_uuid(&args, after);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &list_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_vm, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        if (!read_row(result, row, &read[row], error)) {
            return false;
        }
    }
    *rows = read;
    *n = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

bool sdm_vm_bind(struct sdm_tx *tx, const char *vm, const char *project, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_uuid(&args, vm);
    sdm_pg_arg_text_or_null(&args, project);
    return sdm_tx_write(tx, &bind_statement, &args, NULL, error);
}

bool sdm_vm_count_foreign(struct sdm_pg *pg, const char *vm, const char *project, int64_t *n,
                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, vm);
    sdm_pg_arg_text_or_null(&args, project);
    result = sdm_pg_exec(pg, &foreign_statement, &args, error);
    return result != NULL && sdm_pg_get_int64(result, 0, 0, n, error);
}

static void add_rows(struct sdm_pg_args *args, const struct sdm_vm *rows, size_t n)
{
    struct sdm_pg_array *columns[8];

    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        columns[i] = sdm_pg_arg_array(args);
    }
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(columns[0], rows[i].vm);
        sdm_pg_array_text(columns[1], rows[i].name);
        sdm_pg_array_text(columns[2], rows[i].boot_id);
        sdm_pg_array_int64(columns[3], rows[i].n_slots);
        sdm_pg_array_int64(columns[4], rows[i].n_slots_used);
        sdm_pg_array_int64(columns[5], rows[i].max_memory_bytes);
        sdm_pg_array_int64(columns[6], rows[i].memory_bytes);
        sdm_pg_array_int64(columns[7], rows[i].guest_memory_bytes);
    }
}

static bool copy_uuid(const struct sdm_pg_result *result, int row, struct sdm_arena *arena,
                      const char **uuid, GError **error)
{
    const char *borrowed;

    if (!sdm_pg_get_text(result, row, 0, &borrowed, error)) {
        return false;
    }
    *uuid = sdm_arena_strdup(arena, borrowed);
    return true;
}

static bool find_elsewhere(struct sdm_tx *tx, int32_t compute_no, const struct sdm_vm *rows,
                           size_t n, struct sdm_arena *arena, struct sdm_vm_changes *changes,
                           GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_pg_array *named;

    sdm_pg_arg_int64(&args, compute_no);
    named = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(named, rows[i].vm);
    }
    result = sdm_pg_exec(sdm_tx_read(tx), &elsewhere_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    changes->elsewhere = SDM_ARENA_NEW(arena, struct sdm_vm_elsewhere, n);
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        struct sdm_vm_elsewhere *elsewhere = &changes->elsewhere[changes->n_elsewhere++];

        if (!copy_uuid(result, row, arena, &elsewhere->vm, error) ||
            !sdm_pg_copy_text(result, row, 1, elsewhere->compute_brick,
                              sizeof elsewhere->compute_brick, error)) {
            return false;
        }
    }
    return true;
}

static bool upsert(struct sdm_tx *tx, int32_t compute_no, const struct sdm_vm *rows, size_t n,
                   struct sdm_arena *arena, struct sdm_vm_changes *changes, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, compute_no);
    add_rows(&args, rows, n);
    if (!sdm_tx_write(tx, &upsert_statement, &args, &result, error)) {
        return false;
    }
    changes->appeared = SDM_ARENA_NEW(arena, const char *, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        bool is_new;

        if (!sdm_pg_get_bool(result, row, 1, &is_new, error) ||
            (is_new &&
             !copy_uuid(result, row, arena, &changes->appeared[changes->n_appeared++], error))) {
            return false;
        }
    }
    /* Those that were left as they are belong to others. */
    return (size_t)sdm_pg_result_n_rows(result) == n ||
           find_elsewhere(tx, compute_no, rows, n, arena, changes, error);
}

bool sdm_vm_report(struct sdm_tx *tx, int32_t compute_no, const struct sdm_vm *rows, size_t n,
                   struct sdm_arena *arena, struct sdm_vm_changes *changes, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_vm_changes found = {0};
    struct sdm_pg_array *named;

    if (n > 0 && !upsert(tx, compute_no, rows, n, arena, &found, error)) {
        return false;
    }
    sdm_pg_arg_int64(&args, compute_no);
    named = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(named, rows[i].vm);
    }
    if (!sdm_tx_write(tx, &gone_statement, &args, &result, error)) {
        return false;
    }
    found.gone = SDM_ARENA_NEW(arena, const char *, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        if (!copy_uuid(result, row, arena, &found.gone[found.n_gone++], error)) {
            return false;
        }
    }
    *changes = found;
    return true;
}

bool sdm_vm_missing(struct sdm_pg *pg, int32_t compute_no, const struct sdm_vm *rows, size_t n,
                    struct sdm_arena *arena, char (**reservations)[SDM_UUID_SIZE],
                    size_t *n_reservations, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_pg_array *reported;

    sdm_pg_arg_int64(&args, compute_no);
    reported = sdm_pg_arg_array(&args);
    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(reported, rows[i].vm);
    }
    result = sdm_pg_exec(pg, &missing_statement, &args, error);
    return result != NULL && sdm_row_uuids(result, arena, reservations, n_reservations, error);
}

SDM_STORE_STATEMENTS(vm, &read_statement, &list_statement, &bind_statement, &foreign_statement,
                     &upsert_statement, &elsewhere_statement, &gone_statement, &missing_statement)
