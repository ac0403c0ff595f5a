/* What the use cases of S10 share.
 *
 * Each use case is one function: it checks what it was asked, claims in memory, writes in the
 * transaction that it is given, and leaves the rest (switches, agents, scrubbing) to the
 * synthesizer.  It refuses before it writes where it can.
 *
 * Thread rule: an engine is shared by all workers; its members guard themselves. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/caller.h"
#include "sdm-controller/model/outcome.h"
#include "sdm-controller/model/progress.h"
#include "sdm-controller/planner/planner.h"
#include "sdm-controller/reservation/plan_cache.h"
#include "sdm-controller/settle/settle.h"

struct sdm_reservation_engine {
    struct sdm_ledger *ledger;
    /* Used with the ledger locked. */
    struct sdm_planner *planner;
    struct sdm_plan_cache *plans;
    struct sdm_settler settler;
    const struct sdm_clock *clock;
};

/* A lease unless the request names another. */
#define SDM_LEASE_DEFAULT_S 3600

/* The project that a request acts for: the caller's, or the one that an admin names.  NULL with
 * FORBIDDEN when somebody else names another. */
const char *sdm_engine_project(const struct sdm_caller *caller, bool has_project,
                               const char *project, GError **error);

/* Loads a reservation of the caller, locked, to do something with it.  NULL with NOT_FOUND, also
 * for another project's; with LEASE_EXPIRED when its lease has ended, whether it has been given up
 * since or not. */
struct sdm_snapshot *sdm_engine_own(struct sdm_tx *tx, const struct sdm_caller *caller,
                                    const char *reservation, struct sdm_arena *arena,
                                    GError **error);

/* The number of a compute brick.  Takes the ledger's lock.  NOT_FOUND, WRONG_KIND. */
bool sdm_engine_compute(struct sdm_reservation_engine *engine, const char *id, int32_t *compute_no,
                        GError **error);

/* Settles the reservation and fills the outcome with "s10.reply/1". */
bool sdm_engine_reply(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                      const char *reservation, enum sdm_request_direction direction,
                      enum sdm_wait_level wait, struct sdm_arena *arena,
                      struct sdm_outcome *outcome, GError **error);
