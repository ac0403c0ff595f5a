#include "sdmctl/audit_source.h"

#include "lib/base/error.h"
#include "lib/pg/tx.h"

struct sdm_audit_source {
    struct sdm_pg *pg;
    struct sdm_pg *tx;
};

static const struct sdm_pg_statement view_statement = {
    .name = "audit_view",
    .sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
};

static const struct sdm_pg_statement start_statement = {
    .name = "audit_start",
    .sql = "SELECT p.block_no::bigint, p.last_id::bigint, encode(p.hash, 'hex')::text"
           " FROM sdm.audit_prune p ORDER BY p.block_no DESC LIMIT 1",
};

static const struct sdm_pg_statement block_statement = {
    .name = "audit_block",
    .sql = "SELECT b.block_no::bigint, b.first_id::bigint, b.last_id::bigint, b.n_entries::bigint,"
           " b.epoch::bigint, (extract(epoch FROM b.sealed_at) * 1000000)::bigint,"
           " encode(b.prev_hash, 'hex')::text, encode(b.hash, 'hex')::text, b.leaves::text"
           " FROM sdm.audit_block b WHERE b.block_no > $1::bigint ORDER BY b.block_no LIMIT 1",
    .n_params = 1,
};

static const struct sdm_pg_statement entries_statement = {
    .name = "audit_entries",
    .sql = "SELECT " SDM_AUDIT_RECORD_COLUMNS " FROM sdm.audit_entry e"
           " WHERE e.id >= $1::bigint AND e.id <= $2::bigint ORDER BY e.id",
    .n_params = 2,
};

static const struct sdm_pg_statement unsealed_statement = {
    .name = "audit_unsealed",
    .sql = "SELECT count(*)::bigint, coalesce((extract(epoch FROM clock_timestamp() - min(e.at))"
           " * 1000), 0)::bigint FROM sdm.audit_entry e WHERE e.id > $1::bigint",
    .n_params = 1,
};

static const struct sdm_pg_statement find_statement = {
    .name = "audit_find",
    .sql = "SELECT * FROM (SELECT " SDM_AUDIT_RECORD_COLUMNS " FROM sdm.audit_entry e"
           " WHERE ($1::text IS NULL OR e.project = $1::text)"
           " AND ($2::text IS NULL OR e.object = $2::text)"
           " AND ($3::text IS NULL OR e.actor = $3::text)"
           " AND ($4::bigint = 0 OR e.at >= now() - $4::bigint * interval '1 second')"
           " ORDER BY e.id DESC LIMIT $5::bigint) AS newest ORDER BY 1",
    .n_params = 5,
};

struct sdm_audit_source *sdm_audit_source_open(const char *uri, GError **error)
{
    g_autoptr(sdm_audit_source) source = g_new0(struct sdm_audit_source, 1);

    source->pg = sdm_pg_open(uri, "sdmctl audit", error);
    if (source->pg == NULL) {
        return NULL;
    }
    source->tx = sdm_pg_begin(source->pg);
    return sdm_pg_run(source->pg, &view_statement, NULL, error) ? g_steal_pointer(&source) : NULL;
}

void sdm_audit_source_close(struct sdm_audit_source *source)
{
    if (source != NULL) {
        sdm_pg_rollback(&source->tx);
        sdm_pg_close(source->pg);
        g_free(source);
    }
}

static bool read_hash(const struct sdm_pg_result *result, int column,
                      uint8_t hash[SDM_AUDIT_HASH_SIZE], GError **error)
{
    const char *hex;

    return sdm_pg_get_text(result, 0, column, &hex, error) &&
           (sdm_audit_unhex(hex, hash) || sdm_fail(error, "'%s' is no hash", hex));
}

bool sdm_audit_source_start(struct sdm_audit_source *source, struct sdm_audit_start *start,
                            GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(source->pg, &start_statement, NULL, error);

    *start = (struct sdm_audit_start){0};
    return result != NULL && (sdm_pg_result_n_rows(result) == 0 ||
                              (sdm_pg_get_int64(result, 0, 0, &start->block_no, error) &&
                               sdm_pg_get_int64(result, 0, 1, &start->last_id, error) &&
                               read_hash(result, 2, start->hash, error)));
}

bool sdm_audit_source_block(struct sdm_audit_source *source, int64_t after, GByteArray *leaves,
                            struct sdm_audit_block *block, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(GByteArray) bytes = NULL;
    const char *text;

    *block = (struct sdm_audit_block){0};
    sdm_pg_arg_int64(&args, after);
    result = sdm_pg_exec(source->pg, &block_statement, &args, error);
    if (result == NULL || sdm_pg_result_n_rows(result) == 0) {
        return result != NULL;
    }
    if (!sdm_pg_get_int64(result, 0, 0, &block->block_no, error) ||
        !sdm_pg_get_int64(result, 0, 1, &block->first_id, error) ||
        !sdm_pg_get_int64(result, 0, 2, &block->last_id, error) ||
        !sdm_pg_get_int64(result, 0, 3, &block->n_entries, error) ||
        !sdm_pg_get_int64(result, 0, 4, &block->epoch, error) ||
        !sdm_pg_get_int64(result, 0, 5, &block->sealed_at_us, error) ||
        !read_hash(result, 6, block->prev_hash, error) ||
        !read_hash(result, 7, block->hash, error) || !sdm_pg_get_text(result, 0, 8, &text, error)) {
        return false;
    }
    bytes = sdm_audit_read_bytea(text);
    if (bytes == NULL) {
        return sdm_fail(error, "the leaves of block %" G_GINT64_FORMAT " are none",
                        block->block_no);
    }
    g_byte_array_set_size(leaves, 0);
    g_byte_array_append(leaves, bytes->data, bytes->len);
    block->leaves = leaves->data;
    block->leaves_size = leaves->len;
    return true;
}

struct visiting {
    sdm_audit_record_fn *visit;
    void *user;
};

static bool visit_row(const struct sdm_pg_result *row, void *data, GError **error)
{
    const struct visiting *visiting = data;
    struct sdm_audit_record record = {0};

    if (!sdm_pg_get_int64(row, 0, 0, &record.id, error) ||
        !sdm_pg_get_int64(row, 0, 1, &record.at_us, error) ||
        !sdm_pg_get_int64(row, 0, 2, &record.epoch, error)) {
        return false;
    }
    for (int i = 0; i < SDM_AUDIT_N_TEXTS; i++) {
        if (!sdm_pg_get_is_null(row, 0, 3 + i) &&
            !sdm_pg_get_text(row, 0, 3 + i, &record.texts[i], error)) {
            return false;
        }
    }
    visiting->visit(&record, visiting->user);
    return true;
}

bool sdm_audit_source_entries(struct sdm_audit_source *source, int64_t first_id, int64_t last_id,
                              sdm_audit_record_fn *visit, void *user, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    struct visiting visiting = {visit, user};

    sdm_pg_arg_int64(&args, first_id);
    sdm_pg_arg_int64(&args, last_id);
    return sdm_pg_stream(source->pg, &entries_statement, &args, visit_row, &visiting, error);
}

bool sdm_audit_source_unsealed(struct sdm_audit_source *source, int64_t last_id, int64_t *n,
                               int64_t *age_ms, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, last_id);
    result = sdm_pg_exec(source->pg, &unsealed_statement, &args, error);
    return result != NULL && sdm_pg_get_int64(result, 0, 0, n, error) &&
           sdm_pg_get_int64(result, 0, 1, age_ms, error);
}

bool sdm_audit_source_find(struct sdm_audit_source *source, const struct sdm_audit_filter *filter,
                           sdm_audit_record_fn *visit, void *user, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    struct visiting visiting = {visit, user};

    sdm_pg_arg_text_or_null(&args, filter->project);
    sdm_pg_arg_text_or_null(&args, filter->object);
    sdm_pg_arg_text_or_null(&args, filter->actor);
    sdm_pg_arg_int64(&args, filter->since_s);
    sdm_pg_arg_int64(&args, filter->limit);
    return sdm_pg_stream(source->pg, &find_statement, &args, visit_row, &visiting, error);
}
