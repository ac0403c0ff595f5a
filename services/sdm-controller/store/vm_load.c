#include "sdm-controller/store/vm_load.h"

#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement load_statement = {
    .name = "vm_load",
    .sql = "SELECT count(*),"
           " coalesce(sum(w.size_bytes) FILTER (WHERE w.have <> 'attached'), 0)::bigint"
           " FROM sdm.netport_window w JOIN sdm.attachment a USING (attachment)"
           " WHERE a.vm = $1::uuid",
    .n_params = 1,
};

bool sdm_store_vm_load(struct sdm_pg *pg, const char *vm, struct sdm_vm_load *load, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_uuid(&args, vm);
    result = sdm_pg_exec(pg, &load_statement, &args, error);
    return result != NULL && sdm_pg_get_int64(result, 0, 0, &load->n_windows, error) &&
           sdm_pg_get_int64(result, 0, 1, &load->coming_bytes, error);
}

SDM_STORE_STATEMENTS(vm_load, &load_statement)
