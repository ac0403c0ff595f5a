/* Builds the ledger from the database, by streams.  Thread rule: as the connection. */
#pragma once

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/graph/ledger.h"

/* A new ledger (sdm_ledger_free()), or NULL with a database error, or SDM_FAILED where the database
 * contradicts itself. */
struct sdm_ledger *sdm_loader_load(struct sdm_pg *pg, GError **error);
