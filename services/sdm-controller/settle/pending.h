/* Answers the requests that wait for a reservation.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/store/tx.h"

/* Notes on each request that waits to bring something in that it was refused, so that it is
 * answered with this error once what it began is undone. */
bool sdm_pending_refuse(struct sdm_tx *tx, const char *reservation, const char *error_code,
                        const char *error_text, struct sdm_arena *arena, GError **error);

/* The same for each that waits, whatever it is after. */
bool sdm_pending_refuse_all(struct sdm_tx *tx, const char *reservation, const char *error_code,
                            const char *error_text, struct sdm_arena *arena, GError **error);

/* Answers those whose level is reached, and those that were refused and are undone.  '*answered'
 * says whether any was. */
bool sdm_pending_answer(struct sdm_tx *tx, const struct sdm_snapshot *snapshot,
                        struct sdm_arena *arena, bool *answered, GError **error);
