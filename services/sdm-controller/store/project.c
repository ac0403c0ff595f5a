#include "sdm-controller/store/project.h"

#include <inttypes.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/shared.h"
#include "sdm-controller/store/statements.h"

static const struct sdm_pg_statement insert_statement = {
    .name = "project_insert",
    .sql = "INSERT INTO sdm.project (project) SELECT q.project FROM unnest($1::text[])"
           " AS q (project) ORDER BY q.project ON CONFLICT DO NOTHING",
    .n_params = 1,
};

static bool fits(int64_t used, int64_t adding, int64_t more, int64_t max)
{
    return more <= 0 || (used + adding <= max && more <= max - used - adding);
}

bool sdm_project_take(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error)
{
    struct sdm_shared_project *has = sdm_shared_project(tx, project, error);

    if (has == NULL) {
        return false;
    }
    if (sdm_sabotage("quota-ignored") &&
        !(fits(has->n_reservations, has->add_reservations, n_reservations, has->max_reservations) &&
          fits(has->used_bytes, has->add_bytes, (int64_t)size_bytes, has->max_bytes))) {
        return true;
    }
    if (!fits(has->n_reservations, has->add_reservations, n_reservations, has->max_reservations)) {
        return sdm_refuse(error, SDM_ERROR_QUOTA_EXCEEDED,
                          "project '%s' may have %" PRId64 " reservations and has %" PRId64
                          ", %" PRId32 " more wanted",
                          project, has->max_reservations,
                          has->n_reservations + has->add_reservations, n_reservations);
    }
    if (!fits(has->used_bytes, has->add_bytes, (int64_t)size_bytes, has->max_bytes)) {
        return sdm_refuse(error, SDM_ERROR_QUOTA_EXCEEDED,
                          "project '%s' may have %" PRId64 " bytes and has %" PRId64 ", %" PRIu64
                          " more wanted",
                          project, has->max_bytes, has->used_bytes + has->add_bytes, size_bytes);
    }
    if (has->is_new) {
        sdm_pg_array_text(sdm_rows_add(tx, SDM_ROWS_PROJECT, &insert_statement)[0], project);
        has->is_new = false;
    }
    sdm_shared_project_add(tx, project, (int64_t)size_bytes, n_reservations);
    return true;
}

void sdm_project_give(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations)
{
    sdm_shared_project_add(tx, project, -(int64_t)size_bytes, -n_reservations);
}

SDM_STORE_STATEMENTS(project, &insert_statement)
