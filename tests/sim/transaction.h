/* Transactions of a controller on the model database, and what happens at their end; after
 * store/tx.c.
 *
 * A transaction is one step: nobody sees half of it.  It may end in four ways: it commits; it
 * commits and the process dies before its effects; it is rolled back; the process dies before the
 * commit. */
#pragma once

#include "sdm-controller/model/circuit.h"
#include "sdm-controller/model/extent.h"
#include "sdm-controller/model/work.h"
#include "sim/sim.h"

enum sim_fate { SIM_COMMITS, SIM_COMMITS_AND_DIES, SIM_ROLLS_BACK, SIM_DIES };

enum sim_effect_kind {
    /* After the commit. */
    SIM_POST,
    SIM_FREE_WINDOW,
    SIM_LEAVE_CIRCUIT,
    SIM_FREE_HOLDER,
    SIM_FREE_EXTENT,
    /* After a rollback. */
    SIM_UNCLAIM_PLAN,
    SIM_UNCLAIM_WINDOW,
    SIM_ADD_CIRCUIT,
};

struct sim_effect {
    enum sim_effect_kind kind;
    struct sim_piece work;
    int32_t compute_no;
    int32_t entry;
    int32_t brick_no;
    int32_t n_users;
    int32_t bandwidth_mbps;
    struct sdm_extent extent;
    const struct sdm_plan *plan;
    const struct sdm_path *path;
};

struct sim_tx {
    struct sim *sim;
    struct sim_controller *controller;
    enum sim_fate fate;
    unsigned n_effects;
    struct sim_effect effects[SIM_MAX_EFFECTS];
    bool refused;
    struct sdm_plan *plan; /* freed at the end */
    const char *event;     /* for coverage: what brought the transaction about */
};

/* False when the controller's epoch is over: it dies. */
bool sim_tx_begin(struct sim *sim, struct sim_controller *controller, const char *event,
                  struct sim_tx *tx);
void sim_tx_on_end(struct sim_tx *tx, struct sim_effect effect);
void sim_tx_post(struct sim_tx *tx, enum sdm_work_kind kind, uint32_t id);
/* Nothing was written: what was claimed goes back. */
void sim_tx_refuse(struct sim_tx *tx);
/* What its end will be. */
bool sim_tx_has_committed(const struct sim_tx *tx);
/* The plan is needed until the end, and freed then. */
void sim_tx_keep_plan(struct sim_tx *tx, struct sdm_plan *plan);
/* Ends it; true when it has committed and the controller lives. */
bool sim_tx_end(struct sim_tx *tx);

/* Moves a reservation on; after settle/settle.c. */
void sim_settle(struct sim_tx *tx, uint32_t reservation);
/* After settle/release.c: wants no window of these attachments (0 for all) from a segment on
 * ('first' counts the reservation's segments, oldest first). */
void sim_unwant(struct sim_tx *tx, uint32_t reservation, uint32_t attachment, uint64_t first);
void sim_give_up(struct sim_tx *tx, uint32_t reservation);
/* What the reservation holds and has not given up. */
int64_t sim_held_bytes(const struct sim *sim, uint32_t reservation);
