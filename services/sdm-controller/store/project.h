/* What projects hold, and their quotas.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/store/tx.h"

/* Adds to what a project holds; makes its row when there is none.  Takes the row's lock: a
 * transaction that changes several projects does so in the order of their names.
 *
 * Refuses QUOTA_EXCEEDED, with nothing changed, when a quota does not allow it. */
bool sdm_project_take(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error);

/* Takes it back. */
bool sdm_project_give(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error);
