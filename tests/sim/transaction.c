#include "sim/transaction.h"

#include <string.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/plan.h"
#include "sim/controller.h"

bool sim_tx_begin(struct sim *sim, struct sim_controller *controller, const char *event,
                  struct sim_tx *tx)
{
    tx->sim = sim;
    tx->controller = controller;
    tx->n_effects = 0;
    tx->refused = false;
    tx->plan = NULL;
    tx->event = event;
    tx->fate = SIM_COMMITS;
    if (controller->epoch != sim->database.epoch &&
        !sim_sabotaged(sim, SIM_SABOTAGE_NO_EPOCH_DATABASE)) {
        sim_trace(sim, "superseded", controller->epoch, sim->database.epoch, 0);
        sim_controller_die(sim, controller);
        return false;
    }
    if (sim_faulty(sim, 4)) {
        tx->fate = (enum sim_fate)(1 + sim_below(&sim->random, 3));
        sim->counts->faults++;
    }
    if (tx->fate == SIM_ROLLS_BACK || tx->fate == SIM_DIES) {
        sim->backup = sim->database;
    }
    return true;
}

void sim_tx_on_end(struct sim_tx *tx, struct sim_effect effect)
{
    if (tx->n_effects == SIM_MAX_EFFECTS) {
        sim_violate(tx->sim, "simulator", "too many effects of one transaction");
        return;
    }
    tx->effects[tx->n_effects++] = effect;
}

void sim_tx_post(struct sim_tx *tx, enum sdm_work_kind kind, uint32_t id)
{
    sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_POST, .work = {.kind = (int)kind, .id = id}});
}

static void run_committed(struct sim_tx *tx, const struct sim_effect *effect)
{
    struct sdm_ledger *ledger = tx->controller->ledger;

    switch (effect->kind) {
    case SIM_POST:
        sim_post(tx->sim, tx->controller, effect->work.kind, effect->work.id);
        break;
    case SIM_FREE_WINDOW:
        sdm_ledger_free_window(ledger, effect->compute_no, effect->entry);
        break;
    case SIM_LEAVE_CIRCUIT:
        /* A restart does not count an accelerator that is being released. */
        if (!sdm_ledger_leave_circuit(ledger, effect->compute_no, effect->brick_no, effect->n_users,
                                      effect->bandwidth_mbps) &&
            effect->brick_no != tx->sim->accelerator_no) {
            sim_violate(tx->sim, "I8",
                        "the ledger knows fewer users of circuit %d-%d, or %d Mbit/s",
                        effect->compute_no, effect->brick_no, effect->bandwidth_mbps);
        }
        break;
    case SIM_FREE_HOLDER:
        sdm_ledger_free_holder(ledger, effect->brick_no);
        break;
    case SIM_FREE_EXTENT:
        if (!sdm_ledger_free_extent(ledger, &effect->extent)) {
            sim_violate(tx->sim, "I1", "an extent of brick %d is freed twice in the ledger",
                        effect->extent.brick_no);
        }
        break;
    default:
        break;
    }
}

static void run_rolled_back(struct sim_tx *tx, const struct sim_effect *effect)
{
    struct sdm_ledger *ledger = tx->controller->ledger;

    if (effect->kind == SIM_UNCLAIM_PLAN && !sim_sabotaged(tx->sim, SIM_SABOTAGE_CLAIM_LOST)) {
        sdm_ledger_unclaim(ledger, effect->plan);
    } else if (effect->kind == SIM_UNCLAIM_WINDOW) {
        sdm_ledger_free_window(ledger, effect->compute_no, effect->entry);
    } else if (effect->kind == SIM_ADD_CIRCUIT) {
        sdm_ledger_add_circuit(ledger, effect->path, NULL);
    }
}

void sim_tx_refuse(struct sim_tx *tx)
{
    tx->refused = true;
}

bool sim_tx_has_committed(const struct sim_tx *tx)
{
    return !tx->refused && (tx->fate == SIM_COMMITS || tx->fate == SIM_COMMITS_AND_DIES);
}

void sim_tx_keep_plan(struct sim_tx *tx, struct sdm_plan *plan)
{
    tx->plan = plan;
}

static void run_effects(struct sim_tx *tx, bool committed)
{
    sdm_ledger_lock(tx->controller->ledger);
    for (unsigned i = 0; i < tx->n_effects; i++) {
        if (committed) {
            run_committed(tx, &tx->effects[i]);
        } else {
            run_rolled_back(tx, &tx->effects[i]);
        }
    }
    sdm_ledger_unlock(tx->controller->ledger);
}

bool sim_tx_end(struct sim_tx *tx)
{
    struct sim *sim = tx->sim;
    bool committed = sim_tx_has_committed(tx);
    bool dies = tx->fate == SIM_DIES || tx->fate == SIM_COMMITS_AND_DIES;

    if (committed && tx->controller->epoch < sim->database.epoch) {
        sim_violate(sim, "I7", "epoch %d has committed in epoch %d", (int)tx->controller->epoch,
                    (int)sim->database.epoch);
    }
    if (!committed && tx->fate != SIM_COMMITS && tx->fate != SIM_COMMITS_AND_DIES) {
        sim->database = sim->backup;
    }
    if (tx->fate != SIM_COMMITS) {
        sim_trace(sim,
                  tx->fate == SIM_COMMITS_AND_DIES ? "committed-and-died"
                  : tx->fate == SIM_DIES           ? "died-before-commit"
                                                   : "rolled-back",
                  tx->controller->epoch, 0, 0);
    }
    if (dies) {
        sim_controller_die(sim, tx->controller);
    } else {
        run_effects(tx, committed);
    }
    sdm_plan_free(tx->plan);
    return committed && !dies;
}
