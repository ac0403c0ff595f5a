/* Gives memory back: what release, detach, a resize, the end of a lease and a guest that is gone
 * have in common.  Each is followed by sdm_settle().
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/settle/settle.h"
#include "sdm-controller/store/tx.h"

/* Wants no window of these attachments (NULL for all) and, with 'first_segment', only those of
 * segments from this index on. */
bool sdm_settle_unwant(const struct sdm_settler *settler, struct sdm_tx *tx,
                       const struct sdm_snapshot *snapshot,
                       const struct sdm_snapshot_attachment *attachment, size_t first_segment,
                       struct sdm_arena *arena, GError **error);

/* Gives the whole reservation up; requests that wait to bring something in are told so.  Refuses
 * WRONG_STATE when it has been given up already. */
bool sdm_settle_give_up(const struct sdm_settler *settler, struct sdm_tx *tx,
                        const struct sdm_snapshot *snapshot, const char *text,
                        struct sdm_arena *arena, GError **error);
