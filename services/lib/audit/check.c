#include "lib/audit/check.h"

#include <inttypes.h>
#include <string.h>

struct expected {
    int64_t block_no;
    uint8_t hash[SDM_AUDIT_HASH_SIZE];
};

struct sdm_audit_check {
    sdm_audit_told_fn *told;
    void *user;
    int64_t n_findings;
    int64_t n_entries;
    GArray *expected; /* struct expected */
    /* The end of what was looked at. */
    int64_t block_no;
    int64_t last_id;
    uint8_t hash[SDM_AUDIT_HASH_SIZE];
    /* Of the block whose entries come; 'at' is the place of the next leaf. */
    GByteArray *leaves;
    size_t at;
};

const char *sdm_audit_finding_name(enum sdm_audit_finding_kind kind)
{
    static const char *const names[] = {
        [SDM_AUDIT_ENTRY_CHANGED] = "changed",     [SDM_AUDIT_ENTRY_MISSING] = "missing",
        [SDM_AUDIT_ENTRY_INSERTED] = "inserted",   [SDM_AUDIT_BLOCK_CHANGED] = "block-changed",
        [SDM_AUDIT_BLOCK_BROKEN] = "block-broken", [SDM_AUDIT_REWRITTEN] = "rewritten",
        [SDM_AUDIT_TRUNCATED] = "truncated",
    };

    return names[kind];
}

struct sdm_audit_check *sdm_audit_check_new(sdm_audit_told_fn *told, void *user)
{
    struct sdm_audit_check *check = g_new0(struct sdm_audit_check, 1);

    check->told = told;
    check->user = user;
    check->expected = g_array_new(FALSE, FALSE, sizeof(struct expected));
    check->leaves = g_byte_array_new();
    return check;
}

void sdm_audit_check_free(struct sdm_audit_check *check)
{
    if (check != NULL) {
        g_array_unref(check->expected);
        g_byte_array_unref(check->leaves);
        g_free(check);
    }
}

static void tell(struct sdm_audit_check *check, enum sdm_audit_finding_kind kind, int64_t block_no,
                 int64_t id, const char *format, ...) G_GNUC_PRINTF(5, 6);

static void tell(struct sdm_audit_check *check, enum sdm_audit_finding_kind kind, int64_t block_no,
                 int64_t id, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    check->n_findings++;
    check->told(&(struct sdm_audit_finding){kind, block_no, id, text}, check->user);
}

void sdm_audit_check_expect(struct sdm_audit_check *check, int64_t block_no,
                            const uint8_t hash[SDM_AUDIT_HASH_SIZE])
{
    struct expected expected = {.block_no = block_no};

    memcpy(expected.hash, hash, sizeof expected.hash);
    g_array_append_val(check->expected, expected);
}

/* What was exported of this block, against what there is. */
static void compare_heads(struct sdm_audit_check *check)
{
    for (guint i = 0; i < check->expected->len; i++) {
        const struct expected *expected = &g_array_index(check->expected, struct expected, i);

        if (expected->block_no == check->block_no &&
            memcmp(expected->hash, check->hash, sizeof check->hash) != 0) {
            char was[SDM_AUDIT_HEX_SIZE];
            char is[SDM_AUDIT_HEX_SIZE];

            sdm_audit_hex(expected->hash, was);
            sdm_audit_hex(check->hash, is);
            tell(check, SDM_AUDIT_REWRITTEN, check->block_no, 0,
                 "block %" PRId64 " was exported with hash %s, the database has %s",
                 check->block_no, was, is);
        }
    }
}

void sdm_audit_check_start(struct sdm_audit_check *check, int64_t block_no, int64_t last_id,
                           const uint8_t hash[SDM_AUDIT_HASH_SIZE])
{
    check->block_no = block_no;
    check->last_id = last_id;
    memcpy(check->hash, hash, sizeof check->hash);
    compare_heads(check);
}

static int64_t leaf_id(const struct sdm_audit_check *check)
{
    guint64 id;

    if (check->at + SDM_AUDIT_LEAF_SIZE > check->leaves->len) {
        return INT64_MAX;
    }
    memcpy(&id, check->leaves->data + check->at, sizeof id);
    return (int64_t)GUINT64_FROM_BE(id);
}

/* Entries that the block counts, below 'id'. */
static void tell_missing(struct sdm_audit_check *check, int64_t id)
{
    for (; leaf_id(check) < id; check->at += SDM_AUDIT_LEAF_SIZE) {
        tell(check, SDM_AUDIT_ENTRY_MISSING, check->block_no, leaf_id(check),
             "entry %" PRId64 " of block %" PRId64 " is missing", leaf_id(check), check->block_no);
    }
}

void sdm_audit_check_block(struct sdm_audit_check *check, const struct sdm_audit_block *block)
{
    uint8_t hash[SDM_AUDIT_HASH_SIZE];

    tell_missing(check, INT64_MAX);
    if (block->block_no != check->block_no + 1) {
        tell(check, SDM_AUDIT_BLOCK_BROKEN, block->block_no, 0,
             "block %" PRId64 " follows on block %" PRId64, block->block_no, check->block_no);
    } else if (block->first_id != check->last_id + 1 ||
               memcmp(block->prev_hash, check->hash, sizeof check->hash) != 0) {
        tell(check, SDM_AUDIT_BLOCK_BROKEN, block->block_no, 0,
             "block %" PRId64 " does not go on where the one before it ends", block->block_no);
    }
    sdm_audit_hash_block(block, hash);
    if (memcmp(block->hash, hash, sizeof hash) != 0 ||
        block->leaves_size != (size_t)block->n_entries * SDM_AUDIT_LEAF_SIZE) {
        tell(check, SDM_AUDIT_BLOCK_CHANGED, block->block_no, 0,
             "block %" PRId64 " was changed: its hash is not that of what it holds",
             block->block_no);
    }
    check->block_no = block->block_no;
    check->last_id = block->last_id;
    memcpy(check->hash, block->hash, sizeof check->hash);
    g_byte_array_set_size(check->leaves, 0);
    g_byte_array_append(check->leaves, block->leaves, (guint)block->leaves_size);
    check->at = 0;
    compare_heads(check);
}

void sdm_audit_check_entry(struct sdm_audit_check *check, const struct sdm_audit_record *record)
{
    g_autoptr(GByteArray) leaf = g_byte_array_new();

    check->n_entries++;
    tell_missing(check, record->id);
    if (leaf_id(check) != record->id) {
        tell(check, SDM_AUDIT_ENTRY_INSERTED, check->block_no, record->id,
             "entry %" PRId64 " was not there when block %" PRId64 " was sealed", record->id,
             check->block_no);
        return;
    }
    sdm_audit_append_leaf(leaf, record);
    if (memcmp(leaf->data, check->leaves->data + check->at, SDM_AUDIT_LEAF_SIZE) != 0) {
        tell(check, SDM_AUDIT_ENTRY_CHANGED, check->block_no, record->id,
             "entry %" PRId64 " of block %" PRId64 " was changed", record->id, check->block_no);
    }
    check->at += SDM_AUDIT_LEAF_SIZE;
}

bool sdm_audit_check_end(struct sdm_audit_check *check)
{
    int64_t farthest = 0;

    tell_missing(check, INT64_MAX);
    for (guint i = 0; i < check->expected->len; i++) {
        farthest = MAX(farthest, g_array_index(check->expected, struct expected, i).block_no);
    }
    if (farthest > check->block_no) {
        tell(check, SDM_AUDIT_TRUNCATED, check->block_no + 1, 0,
             "block %" PRId64 " was exported, the database ends at block %" PRId64, farthest,
             check->block_no);
    }
    return check->n_findings == 0;
}

int64_t sdm_audit_check_last_id(const struct sdm_audit_check *check)
{
    return check->last_id;
}

int64_t sdm_audit_check_last_block(const struct sdm_audit_check *check)
{
    return check->block_no;
}

int64_t sdm_audit_check_n_entries(const struct sdm_audit_check *check)
{
    return check->n_entries;
}
