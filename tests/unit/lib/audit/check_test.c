#include <criterion/criterion.h>

#include <string.h>

#include "lib/audit/check.h"

#define N_BLOCKS 4
#define PER      3

/* A log of N_BLOCKS blocks with PER entries each, ids 1 to 12, and what a check of it found. */
struct log {
    struct sdm_audit_record records[N_BLOCKS][PER];
    struct sdm_audit_block blocks[N_BLOCKS];
    GByteArray *leaves[N_BLOCKS];
    GString *found;
};

static void seal(struct log *log, size_t from)
{
    for (size_t i = from; i < N_BLOCKS; i++) {
        struct sdm_audit_block *block = &log->blocks[i];

        g_clear_pointer(&log->leaves[i], g_byte_array_unref);
        log->leaves[i] = g_byte_array_new();
        for (size_t k = 0; k < PER; k++) {
            sdm_audit_append_leaf(log->leaves[i], &log->records[i][k]);
        }
        *block = (struct sdm_audit_block){.block_no = (int64_t)i + 1,
                                          .first_id = (int64_t)(i * PER + 1),
                                          .last_id = (int64_t)((i + 1) * PER),
                                          .n_entries = PER,
                                          .leaves = log->leaves[i]->data,
                                          .leaves_size = log->leaves[i]->len};
        if (i > 0) {
            memcpy(block->prev_hash, log->blocks[i - 1].hash, sizeof block->prev_hash);
        }
        sdm_audit_hash_block(block, block->hash);
    }
}

static void make(struct log *log)
{
    *log = (struct log){.found = g_string_new(NULL)};
    for (size_t i = 0; i < N_BLOCKS * PER; i++) {
        log->records[i / PER][i % PER] =
            (struct sdm_audit_record){.id = (int64_t)i + 1, .texts = {"request", "alice"}};
    }
    seal(log, 0);
}

static void drop(struct log *log)
{
    for (size_t i = 0; i < N_BLOCKS; i++) {
        g_byte_array_unref(log->leaves[i]);
    }
    g_string_free(log->found, TRUE);
}

static void on_finding(const struct sdm_audit_finding *finding, void *user)
{
    struct log *log = user;

    cr_assert(strlen(finding->text) > 0);
    g_string_append_printf(log->found, "%s:%d:%d ", sdm_audit_finding_name(finding->kind),
                           (int)finding->block_no, (int)finding->id);
}

/* Looks at blocks 'from' to 'to' without entry 'without' and with 'extra' (NULL for none). */
static const char *look(struct log *log, size_t from, size_t to, int64_t without,
                        const struct sdm_audit_record *extra, const struct log *heads)
{
    g_autoptr(sdm_audit_check) check = sdm_audit_check_new(on_finding, log);
    bool ok;

    g_string_truncate(log->found, 0);
    for (size_t i = 0; heads != NULL && i < N_BLOCKS; i++) {
        sdm_audit_check_expect(check, heads->blocks[i].block_no, heads->blocks[i].hash);
    }
    if (from > 0) {
        sdm_audit_check_start(check, (int64_t)from, log->blocks[from - 1].last_id,
                              log->blocks[from - 1].hash);
    }
    for (size_t i = from; i < to; i++) {
        sdm_audit_check_block(check, &log->blocks[i]);
        for (size_t k = 0; k < PER; k++) {
            if (log->records[i][k].id != without) {
                sdm_audit_check_entry(check, &log->records[i][k]);
            }
        }
        if (extra != NULL && extra->id == log->blocks[i].last_id) {
            sdm_audit_check_entry(check, extra);
        }
    }
    ok = sdm_audit_check_end(check);
    cr_assert_eq(ok, log->found->len == 0);
    cr_assert_eq(sdm_audit_check_last_block(check), (int64_t)to);
    return log->found->str;
}

Test(check, an_intact_log)
{
    struct log log;

    make(&log);
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, &log), "");
    cr_assert_str_eq(look(&log, 2, N_BLOCKS, 0, NULL, &log), "");
    cr_assert_str_eq(look(&log, 0, 0, 0, NULL, NULL), "");
    drop(&log);
}

Test(check, entries)
{
    struct sdm_audit_record extra = {.id = 6, .texts = {"request", "eve"}};
    struct log log;

    make(&log);
    for (int64_t id = 1; id <= N_BLOCKS * PER; id++) {
        g_autofree char *want =
            g_strdup_printf("missing:%d:%d ", (int)((id - 1) / PER) + 1, (int)id);

        cr_assert_str_eq(look(&log, 0, N_BLOCKS, id, NULL, &log), want);
    }
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, &extra, &log), "inserted:2:6 ");
    log.records[1][1].texts[1] = "bob";
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, &log), "changed:2:5 ");
    drop(&log);
}

Test(check, blocks)
{
    struct log log;

    make(&log);
    log.blocks[1].epoch = 9;
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, &log), "block-changed:2:0 ");
    seal(&log, 0);
    log.blocks[1].leaves_size -= SDM_AUDIT_LEAF_SIZE;
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, &log), "block-changed:2:0 inserted:2:6 ");
    seal(&log, 0);
    log.blocks[2].prev_hash[0] ^= 1;
    sdm_audit_hash_block(&log.blocks[2], log.blocks[2].hash);
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, NULL), "block-broken:3:0 block-broken:4:0 ");
    drop(&log);
}

Test(check, heads)
{
    struct log log;
    struct log exported;

    make(&log);
    make(&exported);
    cr_assert_str_eq(look(&log, 0, 2, 0, NULL, &exported), "truncated:3:0 ");
    log.records[1][0].texts[1] = "bob";
    seal(&log, 0);
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, NULL), "");
    cr_assert_str_eq(look(&log, 0, N_BLOCKS, 0, NULL, &exported),
                     "rewritten:2:0 rewritten:3:0 rewritten:4:0 ");
    cr_assert_str_eq(look(&log, 2, N_BLOCKS, 0, NULL, &exported),
                     "rewritten:2:0 rewritten:3:0 rewritten:4:0 ");
    drop(&log);
    drop(&exported);
}
