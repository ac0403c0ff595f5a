/* Takes a plan: in memory first, then in the database; if the transaction fails, memory is given
 * back.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"

/* Writes a plan under a locked ledger; NULL with the error set. 'data' is what the caller gave. */
typedef struct sdm_plan *sdm_plan_fn(struct sdm_reservation_engine *engine,
                                     const struct sdm_topology *topology, void *data,
                                     struct sdm_refusal *refusal, GError **error);

/* Plans and claims in one critical section.  What is claimed is given back when 'tx' does not
 * commit. Returns the plan (sdm_plan_free()), or NULL with what 'plan_fn' refused, explained in the
 * outcome, or PLAN_STALE. */
struct sdm_plan *sdm_claim_plan(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                sdm_plan_fn *plan_fn, void *data, struct sdm_arena *arena,
                                struct sdm_outcome *outcome, GError **error);

/* Writes the plan's segments and circuits for a reservation that exists, and wakes the bricks that
 * it needs.  'member_segments' names segments that exist and which the plan's path reaches, for one
 * more member of a group.  'want_up' is for a circuit that carries no windows.  Refuses PLAN_STALE.
 */
struct sdm_claim_rows {
    const char *reservation;
    int32_t bandwidth_mbps;
    bool want_up;
    const char *member_segment;
};
bool sdm_claim_write(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                     const struct sdm_plan *plan, const struct sdm_claim_rows *rows,
                     struct sdm_arena *arena, char (**segments)[SDM_UUID_SIZE], GError **error);

/* A NetPort window for 'size_bytes', given back when 'tx' does not commit.  NO_WINDOW. */
bool sdm_claim_window(struct sdm_reservation_engine *engine, struct sdm_tx *tx, int32_t compute_no,
                      uint64_t size_bytes, struct sdm_window *window, GError **error);
