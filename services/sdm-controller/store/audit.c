#include "sdm-controller/store/audit.h"

#include "sdm-controller/store/statements.h"

#define N_COLUMNS 12

/* The id is taken here, under the hold of the epoch that the transaction began with: what seals the
 * log relies on that (audit_block.h). */
static const struct sdm_pg_statement add_statement = {
    .name = "audit_add",
    .sql = "INSERT INTO sdm.audit_entry (epoch, action, actor, role, project, type, request_id,"
           " key, object_kind, object, digest, outcome, summary)"
           " SELECT $1::bigint, q.action, q.actor, q.role, q.project, q.type, q.request_id, q.key,"
           " q.object_kind, q.object, decode(q.digest, 'hex'), q.outcome, q.summary"
           " FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
           " $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[])"
           " AS q (action, actor, role, project, type, request_id, key, object_kind, object,"
           " digest, outcome, summary)",
    .n_params = 1 + N_COLUMNS,
};

static const struct sdm_pg_statement takeover_statement = {
    .name = "audit_takeover",
    .sql = "INSERT INTO sdm.audit_entry (epoch, action, actor, role, object_kind, object, outcome,"
           " summary) VALUES ($1::bigint, '" SDM_AUDIT_TAKEOVER "', 'controller', 'controller',"
           " 'controller', $2::text, '" SDM_AUDIT_OK "', format('leads under epoch %s',"
           " $1::bigint))",
    .n_params = 2,
};

static const char *or_else(const char *text, const char *otherwise)
{
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

void sdm_audit_add(struct sdm_tx *tx, const struct sdm_audit_entry *entries, size_t n)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *columns[N_COLUMNS];

    sdm_pg_arg_int64(&args, tx->epoch);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        columns[i] = sdm_pg_arg_array(&args);
    }
    for (size_t i = 0; i < n; i++) {
        const struct sdm_audit_entry *entry = &entries[i];
        const char *const texts[N_COLUMNS] = {
            entry->action,
            or_else(entry->actor, "controller"),
            or_else(entry->role, "controller"),
            entry->project,
            entry->type,
            entry->request_id,
            entry->key,
            entry->object_kind,
            entry->object,
            entry->digest,
            or_else(entry->outcome, SDM_AUDIT_OK),
        };

        for (size_t k = 0; k < N_COLUMNS - 1; k++) {
            sdm_pg_array_text_or_null(columns[k], texts[k]);
        }
        sdm_pg_array_text(columns[N_COLUMNS - 1], or_else(entry->summary, ""));
    }
    sdm_tx_queue(tx, &add_statement, &args);
}

void sdm_audit_note(struct sdm_tx *tx, const struct sdm_audit_entry *entry)
{
    sdm_audit_add(tx, entry, 1);
}

bool sdm_audit_takeover(struct sdm_pg *pg, int64_t epoch, const char *holder, GError **error)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, epoch);
    sdm_pg_arg_text(&args, holder);
    return sdm_pg_run(pg, &takeover_statement, &args, error);
}

SDM_STORE_STATEMENTS(audit, &add_statement, &takeover_statement)
