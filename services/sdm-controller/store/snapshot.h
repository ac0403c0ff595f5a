/* Reads one reservation with all that belongs to it.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/pg/pg.h"
#include "sdm-controller/model/snapshot.h"

/* Loads the reservation; two round trips.  With 'lock' its row is locked until the transaction
 * ends, so that requests on one reservation follow each other.
 *
 * Returns a snapshot in 'arena', or NULL with SDM_ERROR NOT_FOUND, or a database error. */
struct sdm_snapshot *sdm_store_snapshot_load(struct sdm_pg *pg, const char *reservation, bool lock,
                                             struct sdm_arena *arena, GError **error);
