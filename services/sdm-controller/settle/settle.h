/* Moves a reservation on: reads it, asks model/progress for the next step, writes it, until nothing
 * changes; then answers the requests that waited for it.
 *
 * Requests, reports, switches, leases and restarts all come through here, so that each of them
 * finds the work of the others.
 *
 * Thread rule: as the transaction; the ledger is locked only in effects. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/snapshot.h"
#include "sdm-controller/model/work.h"
#include "sdm-controller/store/tx.h"

/* Where its effects go; both outlive every transaction. */
struct sdm_settler {
    struct sdm_ledger *ledger;
    const struct sdm_work_sink *sink;
};

/* Moves the reservation as far as it goes now.  'text' is what its history says of a change of
 * state (NULL for the usual words).  Returns it as it then is, in 'arena', or NULL with NOT_FOUND
 * or a database error. */
struct sdm_snapshot *sdm_settle(const struct sdm_settler *settler, struct sdm_tx *tx,
                                const char *reservation, const char *text, struct sdm_arena *arena,
                                GError **error);
