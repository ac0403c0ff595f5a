/* Every circuit, read whole at start.  Thread rule: as the connection. */
#pragma once

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/model/circuit.h"

/* Calls 'visit' for the path of every circuit with its hops and users, in any order: for loading
 * the ledger.  Holds all of them until then. */
typedef bool sdm_store_path_fn(const struct sdm_path *path, void *data, GError **error);
bool sdm_store_circuits_each(struct sdm_pg *pg, sdm_store_path_fn *visit, void *data,
                             GError **error);

/* Calls 'visit' for every circuit that was found up.  Those of a compute brick that is cut off
 * (SDM_SQL_CUT_OFF) count as down: nothing may make them whole again. */
typedef bool sdm_store_up_fn(const char *circuit, int32_t compute_no, int32_t brick_no, void *data,
                             GError **error);
bool sdm_store_circuits_up(struct sdm_pg *pg, sdm_store_up_fn *visit, void *data, GError **error);
