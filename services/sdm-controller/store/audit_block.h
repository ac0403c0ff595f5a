/* Sealing the audit log: entries that are committed go into blocks that are chained by their
 * hashes.
 *
 * Ids come from a sequence, and transactions commit in another order.  Which ids are final is found
 * out without stopping a writer: every writer holds the leader's lock from its epoch check, which
 * comes before it takes an id, to its end (sdm.hold_epoch()).  So of the highest id that is visible
 * and those who hold the lock a moment later: once these have ended, no id up to that one can still
 * appear.  It needs no number of a transaction, so it holds in a restored database too.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/audit/record.h"
#include "lib/base/arena.h"
#include "sdm-controller/store/tx.h"

/* A point that the log may be sealed up to, once 'writers' have ended. */
struct sdm_audit_horizon {
    int64_t last_id;     /* highest entry, 0 for none */
    int64_t sealed_id;   /* that is sealed */
    const char *writers; /* in the arena */
};

/* Outside of a transaction. */
bool sdm_audit_look(struct sdm_pg *pg, struct sdm_arena *arena, struct sdm_audit_horizon *horizon,
                    GError **error);
bool sdm_audit_has_passed(struct sdm_pg *pg, const struct sdm_audit_horizon *horizon, bool *passed,
                          GError **error);

/* Writes the next block, of the entries up to 'last_id', at most 'n_max' of them.  '*block' is what
 * it wrote, without its leaves; 'block_no' 0 when nothing was left. */
bool sdm_audit_seal(struct sdm_tx *tx, int64_t last_id, size_t n_max, struct sdm_audit_block *block,
                    GError **error);

/* A block without its leaves, and when it was sealed as text. */
struct sdm_audit_head {
    struct sdm_audit_block block;
    char sealed_at[SDM_TIMESTAMP_SIZE];
};

/* Up to 'n_max' blocks from 'block_no' on, in their order. */
bool sdm_audit_heads(struct sdm_pg *pg, int64_t block_no, size_t n_max, struct sdm_arena *arena,
                     struct sdm_audit_head **heads, size_t *n, GError **error);
