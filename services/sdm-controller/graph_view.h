/* The graph for the control socket.  Thread rule: any thread; takes the ledger's lock. */
#pragma once

#include <glib.h>

#include "lib/json/json.h"
#include "sdm-controller/graph/ledger.h"

/* Totals: racks, devices, links, capacity, free bytes, circuits, windows. */
struct sdm_json *sdm_graph_view_totals(struct sdm_ledger *ledger);

/* One rack with its devices, what of them is taken, its links and circuits.  NULL with NOT_FOUND.
 */
struct sdm_json *sdm_graph_view_rack(struct sdm_ledger *ledger, const char *rack, GError **error);
