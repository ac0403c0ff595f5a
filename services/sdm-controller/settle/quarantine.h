/* Takes the bytes of a reservation into quarantine: somebody may still reach them, so they are
 * neither handed out nor scrubbed until an administrator decides.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/settle/settle.h"
#include "sdm-controller/store/tx.h"

/* The reservation has failed: its project gets its quota back, its requests that wait are refused
 * with 'text', nothing of it is wanted any more.  Followed by sdm_settle(). */
bool sdm_settle_fail(const struct sdm_settler *settler, struct sdm_tx *tx,
                     const struct sdm_snapshot *snapshot, const char *text, struct sdm_arena *arena,
                     GError **error);
