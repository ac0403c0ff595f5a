/* The audit log as it stands in the database, in one consistent view.
 *
 * Thread rule: the main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/audit/record.h"
#include "lib/pg/pg.h"

struct sdm_audit_source;
typedef struct sdm_audit_source sdm_audit_source;

/* Connects and begins a read-only transaction that sees one state of the database. */
struct sdm_audit_source *sdm_audit_source_open(const char *uri, GError **error);
void sdm_audit_source_close(struct sdm_audit_source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_audit_source, sdm_audit_source_close)

/* Where the log was pruned last; 'block_no' 0 when it never was. */
struct sdm_audit_start {
    int64_t block_no;
    int64_t last_id;
    uint8_t hash[SDM_AUDIT_HASH_SIZE];
};
bool sdm_audit_source_start(struct sdm_audit_source *source, struct sdm_audit_start *start,
                            GError **error);

/* The next block after the one of that number, its leaves in 'leaves'; 'block_no' 0 for none. */
bool sdm_audit_source_block(struct sdm_audit_source *source, int64_t after, GByteArray *leaves,
                            struct sdm_audit_block *block, GError **error);

typedef void sdm_audit_record_fn(const struct sdm_audit_record *record, void *user);

/* Entries from 'first_id' to 'last_id', by id. */
bool sdm_audit_source_entries(struct sdm_audit_source *source, int64_t first_id, int64_t last_id,
                              sdm_audit_record_fn *visit, void *user, GError **error);

/* How many entries are above 'last_id', and the age of the oldest in milliseconds. */
bool sdm_audit_source_unsealed(struct sdm_audit_source *source, int64_t last_id, int64_t *n,
                               int64_t *age_ms, GError **error);

/* What is looked for; NULL and 0 for anything. */
struct sdm_audit_filter {
    const char *project;
    const char *object;
    const char *actor;
    int64_t since_s; /* not older */
    int64_t limit;   /* the newest so many */
};

/* Entries that the filter lets through, oldest first. */
bool sdm_audit_source_find(struct sdm_audit_source *source, const struct sdm_audit_filter *filter,
                           sdm_audit_record_fn *visit, void *user, GError **error);
