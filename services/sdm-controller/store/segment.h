/* Segments: extents that are not free.
 *
 * Functions that return nothing only queue their statement; its error shows at the next one that
 * waits, or at the commit.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/store/tx.h"

/* Adds the segments of a plan to what is inserted (rows.h), in its order; 'uuids' names them.  What
 * the database knows better about their bytes or bricks shows with the insert. */
void sdm_store_segments_insert(struct sdm_tx *tx, const char *reservation,
                               const struct sdm_plan_segment *segments,
                               char (*uuids)[SDM_UUID_SIZE], size_t n);

/* Gives segments up: they are scrubbed once nothing maps them. */
void sdm_store_segments_give_up(struct sdm_tx *tx, const char *const *uuids, size_t n);

/* They are cut off from every circuit and wait for the scrub. */
void sdm_store_segments_to_scrub(struct sdm_tx *tx, const char *const *uuids, size_t n);

/* A segment to be scrubbed, with its brick. */
struct sdm_scrub {
    char segment[SDM_UUID_SIZE];
    char reservation[SDM_UUID_SIZE];
    /* Whose quota it counts in; "" for nobody's. */
    const char *project;
    int32_t brick_no;
    const char *brick;
    const char *endpoint;
    bool powered;
    int64_t offset_bytes;
    int64_t size_bytes;
};

/* NULL without an error when it waits for no scrub (any more). */
struct sdm_scrub *sdm_store_scrub_load(struct sdm_pg *pg, const char *segment,
                                       struct sdm_arena *arena, GError **error);

/* The scrub is confirmed: records it and frees the bytes. '*freed' is false when that was done
 * already. */
bool sdm_store_scrub_done(struct sdm_tx *tx, const struct sdm_scrub *scrub, bool *freed,
                          GError **error);

/* Calls 'visit' for the extent of every segment, in any order: for loading the ledger. */
typedef bool sdm_store_segment_fn(const struct sdm_extent *extent, void *data, GError **error);
bool sdm_store_segments_each(struct sdm_pg *pg, sdm_store_segment_fn *visit, void *data,
                             GError **error);
