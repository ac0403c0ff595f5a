/* Recomputes the audit log's chain and says where it was tampered with.
 *
 *     check = sdm_audit_check_new(told, user);
 *     sdm_audit_check_expect(check, block_no, hash);       each head that was exported
 *     sdm_audit_check_start(check, block_no, last_id, hash);   where something was pruned
 *     for each block in order: sdm_audit_check_block(check, &block);
 *                              for each entry of its range, by id: sdm_audit_check_entry(...)
 *     sdm_audit_check_end(check);
 *
 * Pure.  Thread rule: a check belongs to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/audit/record.h"

enum sdm_audit_finding_kind {
    SDM_AUDIT_ENTRY_CHANGED,
    SDM_AUDIT_ENTRY_MISSING,
    SDM_AUDIT_ENTRY_INSERTED,
    SDM_AUDIT_BLOCK_CHANGED, /* its own hash is not that of what it holds */
    SDM_AUDIT_BLOCK_BROKEN,  /* does not follow on the one before it */
    SDM_AUDIT_REWRITTEN,     /* another hash than was exported */
    SDM_AUDIT_TRUNCATED,     /* exported, and no longer there */
};

struct sdm_audit_finding {
    enum sdm_audit_finding_kind kind;
    int64_t block_no; /* 0 for none */
    int64_t id;       /* of the entry, 0 for none */
    const char *text; /* one sentence; valid during the call */
};

/* "changed", "missing", "inserted", "block-changed", "block-broken", "rewritten", "truncated". */
const char *sdm_audit_finding_name(enum sdm_audit_finding_kind kind);

typedef void sdm_audit_told_fn(const struct sdm_audit_finding *finding, void *user);

struct sdm_audit_check;
typedef struct sdm_audit_check sdm_audit_check;

struct sdm_audit_check *sdm_audit_check_new(sdm_audit_told_fn *told, void *user);
void sdm_audit_check_free(struct sdm_audit_check *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_audit_check, sdm_audit_check_free)

/* The block was seen outside of the database with this hash. */
void sdm_audit_check_expect(struct sdm_audit_check *check, int64_t block_no,
                            const uint8_t hash[SDM_AUDIT_HASH_SIZE]);

/* What comes follows on this block, which is no longer there. */
void sdm_audit_check_start(struct sdm_audit_check *check, int64_t block_no, int64_t last_id,
                           const uint8_t hash[SDM_AUDIT_HASH_SIZE]);

/* The next block; its leaves are copied. */
void sdm_audit_check_block(struct sdm_audit_check *check, const struct sdm_audit_block *block);

/* The next entry of the last block's range, by id. */
void sdm_audit_check_entry(struct sdm_audit_check *check, const struct sdm_audit_record *record);

/* After the last; true when nothing was found at all. */
bool sdm_audit_check_end(struct sdm_audit_check *check);

/* The last id that the chain covers, the blocks and the entries that were looked at. */
int64_t sdm_audit_check_last_id(const struct sdm_audit_check *check);
int64_t sdm_audit_check_last_block(const struct sdm_audit_check *check);
int64_t sdm_audit_check_n_entries(const struct sdm_audit_check *check);
