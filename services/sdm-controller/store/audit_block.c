#include "sdm-controller/store/audit_block.h"

#include "lib/base/error.h"
#include "sdm-controller/store/statements.h"

/* Who holds the lock of sdm.hold_epoch() and sdm.take_over(), each under the name of its present
 * transaction. */
#define HOLDERS                                                                                    \
    " FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 0"                  \
    " AND l.objid = 7170001 AND l.objsubid = 1 AND l.granted AND l.database ="                     \
    " (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())"

static const struct sdm_pg_statement last_statement = {
    .name = "audit_last",
    .sql = "SELECT coalesce(max(e.id), 0)::bigint,"
           " coalesce((SELECT max(b.last_id) FROM sdm.audit_block b),"
           " (SELECT max(p.last_id) FROM sdm.audit_prune p), 0)::bigint FROM sdm.audit_entry e",
};

static const struct sdm_pg_statement writers_statement = {
    .name = "audit_writers",
    .sql = "SELECT coalesce(array_agg(l.virtualtransaction), '{}')::text" HOLDERS,
};

static const struct sdm_pg_statement passed_statement = {
    .name = "audit_passed",
    .sql = "SELECT (count(*) = 0)::boolean" HOLDERS
           " AND l.virtualtransaction = ANY ($1::text::text[])",
    .n_params = 1,
};

static const struct sdm_pg_statement end_statement = {
    .name = "audit_end",
    .sql = "SELECT coalesce(b.block_no, p.block_no, 0)::bigint,"
           " coalesce(b.last_id, p.last_id, 0)::bigint,"
           " coalesce(encode(coalesce(b.hash, p.hash), 'hex'), repeat('00', 32))::text"
           " FROM (SELECT 1) AS one"
           " LEFT JOIN LATERAL (SELECT x.block_no, x.last_id, x.hash FROM sdm.audit_block x"
           " ORDER BY x.block_no DESC LIMIT 1) AS b ON true"
           " LEFT JOIN LATERAL (SELECT y.block_no, y.last_id, y.hash FROM sdm.audit_prune y"
           " ORDER BY y.block_no DESC LIMIT 1) AS p ON true",
};

static const struct sdm_pg_statement entries_statement = {
    .name = "audit_entries",
    .sql = "SELECT " SDM_AUDIT_RECORD_COLUMNS " FROM sdm.audit_entry e"
           " WHERE e.id > $1::bigint AND e.id <= $2::bigint ORDER BY e.id LIMIT $3::bigint",
    .n_params = 3,
};

static const struct sdm_pg_statement seal_statement = {
    .name = "audit_seal",
    .sql = "INSERT INTO sdm.audit_block (block_no, first_id, last_id, n_entries, prev_hash, hash,"
           " leaves, sealed_at, epoch) VALUES ($1::bigint, $2::bigint, $3::bigint, $4::integer,"
           " decode($5::text, 'hex'), decode($6::text, 'hex'), $7::text::bytea, now(), $8::bigint)",
    .n_params = 8,
};

static const struct sdm_pg_statement heads_statement = {
    .name = "audit_heads",
    .sql = "SELECT b.block_no::bigint, b.first_id::bigint, b.last_id::bigint, b.n_entries::bigint,"
           " b.epoch::bigint, encode(b.hash, 'hex')::text, " SDM_SQL_RFC3339(
               "b.sealed_at") " FROM sdm.audit_block b WHERE b.block_no >= $1::bigint"
                              " ORDER BY b.block_no LIMIT $2::bigint",
    .n_params = 2,
};

bool sdm_audit_look(struct sdm_pg *pg, struct sdm_arena *arena, struct sdm_audit_horizon *horizon,
                    GError **error)
{
    g_autoptr(sdm_pg_result) last = sdm_pg_exec(pg, &last_statement, NULL, error);
    g_autoptr(sdm_pg_result) writers = NULL;
    const char *text;

    if (last == NULL || !sdm_pg_get_int64(last, 0, 0, &horizon->last_id, error) ||
        !sdm_pg_get_int64(last, 0, 1, &horizon->sealed_id, error)) {
        return false;
    }
    /* Only now: who takes an id after this look takes a higher one. */
    writers = sdm_pg_exec(pg, &writers_statement, NULL, error);
    if (writers == NULL || !sdm_pg_get_text(writers, 0, 0, &text, error)) {
        return false;
    }
    horizon->writers = sdm_arena_strdup(arena, text);
    return true;
}

bool sdm_audit_has_passed(struct sdm_pg *pg, const struct sdm_audit_horizon *horizon, bool *passed,
                          GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_text(&args, horizon->writers);
    result = sdm_pg_exec(pg, &passed_statement, &args, error);
    return result != NULL && sdm_pg_get_bool(result, 0, 0, passed, error);
}

static bool read_hash(const struct sdm_pg_result *result, int row, int column,
                      uint8_t hash[SDM_AUDIT_HASH_SIZE], GError **error)
{
    const char *hex;

    return sdm_pg_get_text(result, row, column, &hex, error) &&
           (sdm_audit_unhex(hex, hash) || sdm_fail(error, "'%s' is no hash", hex));
}

/* Where the chain ends: number, id and hash of what the next block follows on. */
static bool read_end(struct sdm_tx *tx, struct sdm_audit_block *next, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(tx->pg, &end_statement, NULL, error);

    if (result == NULL || !sdm_pg_get_int64(result, 0, 0, &next->block_no, error) ||
        !sdm_pg_get_int64(result, 0, 1, &next->first_id, error) ||
        !read_hash(result, 0, 2, next->prev_hash, error)) {
        return false;
    }
    next->block_no += 1;
    next->first_id += 1;
    return true;
}

static bool read_record(const struct sdm_pg_result *result, int row,
                        struct sdm_audit_record *record, GError **error)
{
    if (!sdm_pg_get_int64(result, row, 0, &record->id, error) ||
        !sdm_pg_get_int64(result, row, 1, &record->at_us, error) ||
        !sdm_pg_get_int64(result, row, 2, &record->epoch, error)) {
        return false;
    }
    for (int i = 0; i < SDM_AUDIT_N_TEXTS; i++) {
        record->texts[i] = NULL;
        if (!sdm_pg_get_is_null(result, row, 3 + i) &&
            !sdm_pg_get_text(result, row, 3 + i, &record->texts[i], error)) {
            return false;
        }
    }
    return true;
}

/* Hashes the entries of the block's range; 'last_id' falls to the last of them when there are more.
 */
static bool hash_entries(struct sdm_tx *tx, size_t n_max, GByteArray *leaves,
                         struct sdm_audit_block *block, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_pg_arg_int64(&args, block->first_id - 1);
    sdm_pg_arg_int64(&args, block->last_id);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(tx->pg, &entries_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    block->n_entries = sdm_pg_result_n_rows(result);
    for (int row = 0; row < block->n_entries; row++) {
        struct sdm_audit_record record;

        if (!read_record(result, row, &record, error)) {
            return false;
        }
        sdm_audit_append_leaf(leaves, &record);
        if ((size_t)row + 1 == n_max) {
            block->last_id = record.id;
        }
    }
    return true;
}

static bool write_block(struct sdm_tx *tx, const struct sdm_audit_block *block, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(GString) leaves = g_string_new("\\x");
    char prev_hash[SDM_AUDIT_HEX_SIZE];
    char hash[SDM_AUDIT_HEX_SIZE];

    sdm_audit_hex(block->prev_hash, prev_hash);
    sdm_audit_hex(block->hash, hash);
    sdm_audit_append_hex(leaves, block->leaves, block->leaves_size);
    sdm_pg_arg_int64(&args, block->block_no);
    sdm_pg_arg_int64(&args, block->first_id);
    sdm_pg_arg_int64(&args, block->last_id);
    sdm_pg_arg_int64(&args, block->n_entries);
    sdm_pg_arg_text(&args, prev_hash);
    sdm_pg_arg_text(&args, hash);
    sdm_pg_arg_text(&args, leaves->str);
    sdm_pg_arg_int64(&args, block->epoch);
    return sdm_tx_write(tx, &seal_statement, &args, NULL, error);
}

bool sdm_audit_seal(struct sdm_tx *tx, int64_t last_id, size_t n_max, struct sdm_audit_block *block,
                    GError **error)
{
    g_autoptr(GByteArray) leaves = g_byte_array_new();
    struct sdm_audit_block next = {
        .last_id = last_id, .epoch = tx->epoch, .sealed_at_us = tx->now_us};

    if (!read_end(tx, &next, error)) {
        return false;
    }
    *block = (struct sdm_audit_block){0};
    if (next.first_id > last_id) {
        return true;
    }
    if (!hash_entries(tx, n_max, leaves, &next, error)) {
        return false;
    }
    next.leaves = leaves->data;
    next.leaves_size = leaves->len;
    sdm_audit_hash_block(&next, next.hash);
    if (!write_block(tx, &next, error)) {
        return false;
    }
    *block = next;
    block->leaves = NULL;
    return true;
}

bool sdm_audit_heads(struct sdm_pg *pg, int64_t block_no, size_t n_max, struct sdm_arena *arena,
                     struct sdm_audit_head **heads, size_t *n, GError **error)
{
    g_auto(sdm_pg_args) args = {0};
    g_autoptr(sdm_pg_result) result = NULL;
    struct sdm_audit_head *read;

    sdm_pg_arg_int64(&args, block_no);
    sdm_pg_arg_int64(&args, (int64_t)n_max);
    result = sdm_pg_exec(pg, &heads_statement, &args, error);
    if (result == NULL) {
        return false;
    }
    read = SDM_ARENA_NEW(arena, struct sdm_audit_head, sdm_pg_result_n_rows(result));
    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        struct sdm_audit_block *block = &read[row].block;

        if (!sdm_pg_get_int64(result, row, 0, &block->block_no, error) ||
            !sdm_pg_get_int64(result, row, 1, &block->first_id, error) ||
            !sdm_pg_get_int64(result, row, 2, &block->last_id, error) ||
            !sdm_pg_get_int64(result, row, 3, &block->n_entries, error) ||
            !sdm_pg_get_int64(result, row, 4, &block->epoch, error) ||
            !read_hash(result, row, 5, block->hash, error) ||
            !sdm_pg_copy_text(result, row, 6, read[row].sealed_at, sizeof read[row].sealed_at,
                              error)) {
            return false;
        }
    }
    *heads = read;
    *n = (size_t)sdm_pg_result_n_rows(result);
    return true;
}

SDM_STORE_STATEMENTS(audit_block, &last_statement, &writers_statement, &passed_statement,
                     &end_statement, &entries_statement, &seal_statement, &heads_statement)
