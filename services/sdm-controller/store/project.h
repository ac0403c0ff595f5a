/* What projects hold, and their quotas.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/store/tx.h"

/* Adds to what a project holds, written with the commit (shared.h); makes its row when it has none.
 *
 * Refuses QUOTA_EXCEEDED, with nothing changed, when its quota does not allow it as far as it can
 * be seen; what others take meanwhile is refused by the commit. */
bool sdm_project_take(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations, GError **error);

/* Takes it back. */
void sdm_project_give(struct sdm_tx *tx, const char *project, uint64_t size_bytes,
                      int32_t n_reservations);
