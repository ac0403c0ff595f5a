/* s10.batch: several operations, all or none. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Carries the operations out in order, in the one transaction; the outcome gets
 * "s10.batch.reply/1".  Refuses with the code of the first that is refused; the text names its
 * place. */
bool sdm_reservation_batch(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s10_batch *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
