/* The audit log's canonical serialisation, and its hashes: docs/DATABASE.md specifies both, so that
 * a third party can recompute them.
 *
 *     leaf  = SHA-256("sdm-audit-entry/1\n" id at_us epoch text...)
 *     block = SHA-256("sdm-audit-block/1\n" prev_hash block_no first_id last_id n_entries epoch
 *                     sealed_at_us leaves)
 *
 * Numbers are 8 bytes, big-endian; a text is its length in 4 bytes, big-endian, and its bytes; one
 * that is NULL has the length 2^32 - 1.
 *
 * Pure.  Thread rule: values. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define SDM_AUDIT_HASH_SIZE 32
/* Of one entry in a block's leaves: its id and its leaf. */
#define SDM_AUDIT_LEAF_SIZE (8 + SDM_AUDIT_HASH_SIZE)
/* Room for a hash in hexadecimal and the terminating zero. */
#define SDM_AUDIT_HEX_SIZE (2 * SDM_AUDIT_HASH_SIZE + 1)

/* The texts of an entry, in the order in which they are serialised; columns of sdm.audit_entry. */
enum sdm_audit_text {
    SDM_AUDIT_ACTION,
    SDM_AUDIT_ACTOR,
    SDM_AUDIT_ROLE,
    SDM_AUDIT_PROJECT,
    SDM_AUDIT_TYPE,
    SDM_AUDIT_REQUEST_ID,
    SDM_AUDIT_KEY,
    SDM_AUDIT_OBJECT_KIND,
    SDM_AUDIT_OBJECT,
    SDM_AUDIT_DIGEST, /* lower-case hexadecimal */
    SDM_AUDIT_OUTCOME,
    SDM_AUDIT_SUMMARY,
    SDM_AUDIT_N_TEXTS,
};

/* A row of sdm.audit_entry.  Texts are borrowed, NULL for NULL. */
struct sdm_audit_record {
    int64_t id;
    int64_t at_us; /* since 1970 */
    int64_t epoch;
    const char *texts[SDM_AUDIT_N_TEXTS];
};

/* A row of sdm.audit_block.  'leaves' is borrowed. */
struct sdm_audit_block {
    int64_t block_no;
    int64_t first_id;
    int64_t last_id;
    int64_t n_entries;
    int64_t epoch;
    int64_t sealed_at_us;
    uint8_t prev_hash[SDM_AUDIT_HASH_SIZE];
    uint8_t hash[SDM_AUDIT_HASH_SIZE];
    const uint8_t *leaves;
    size_t leaves_size; /* bytes */
};

/* The columns of sdm.audit_entry AS e that sdm_audit_record holds, in its order. */
#define SDM_AUDIT_RECORD_COLUMNS                                                                   \
    "e.id::bigint, (extract(epoch FROM e.at) * 1000000)::bigint, e.epoch::bigint,"                 \
    " e.action::text, e.actor::text, e.role::text, e.project::text, e.type::text,"                 \
    " e.request_id::text, e.key::text, e.object_kind::text, e.object::text,"                       \
    " encode(e.digest, 'hex')::text, e.outcome::text, e.summary::text"

/* Appends the entry's part of a block's leaves. */
void sdm_audit_append_leaf(GByteArray *leaves, const struct sdm_audit_record *record);

/* The hash of everything in the block but 'hash' itself. */
void sdm_audit_hash_block(const struct sdm_audit_block *block, uint8_t hash[SDM_AUDIT_HASH_SIZE]);

/* Appends two hexadecimal digits a byte. */
void sdm_audit_append_hex(GString *out, const uint8_t *bytes, size_t size);
void sdm_audit_hex(const uint8_t hash[SDM_AUDIT_HASH_SIZE], char hex[SDM_AUDIT_HEX_SIZE]);
/* False for what is not 64 hexadecimal digits; 'hash' is untouched then. */
bool sdm_audit_unhex(const char *hex, uint8_t hash[SDM_AUDIT_HASH_SIZE]);
/* Bytes of any number from hexadecimal digits, as PostgreSQL writes a bytea: "\x" and digits.  A
 * new array (g_byte_array_unref()), or NULL when it is none. */
GByteArray *sdm_audit_read_bytea(const char *text);
