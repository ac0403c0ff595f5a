/* What administrators see and set of projects.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/store/tx.h"

#define SDM_QUOTA_NONE INT64_C(-1)

struct sdm_quota {
    const char *project;
    int64_t used_bytes;
    int64_t n_reservations;
    int64_t max_bytes;        /* SDM_QUOTA_NONE: unlimited */
    int64_t max_reservations; /* likewise */
};

/* Reads a project's row and locks it; '*found' false when there is none. */
bool sdm_quota_lock(struct sdm_tx *tx, const char *project, struct sdm_arena *arena,
                    struct sdm_quota *quota, bool *found, GError **error);

/* Sets both limits of 'quota'; makes the project's row when there is none. */
bool sdm_quota_set(struct sdm_tx *tx, const struct sdm_quota *quota, GError **error);

/* Projects behind 'after' by name, or the one that 'project' names; either may be NULL.  At most
 * 'n_max', in the arena. */
bool sdm_quota_list(struct sdm_pg *pg, const char *project, const char *after, size_t n_max,
                    struct sdm_arena *arena, struct sdm_quota **quotas, size_t *n, GError **error);
