/* Answers a request that waited: stores the reply and writes it to the outbox, in one transaction.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/store/stored_reply.h"
#include "sdm-controller/store/tx.h"

/* Finishes a pending row with a reply of 'reply_type' ("s10.reply/1", "error/1") and JSON text
 * 'body', sent to all who have asked, in an oslo envelope where it was asked in one.  A row that is
 * answered already is left alone. */
bool sdm_answer_finish(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                       const char *reply_type, const char *body, struct sdm_arena *arena,
                       GError **error);
