/* A compute brick as its agent's backends see it: carries out steps, and shows what there is. */
#pragma once

#include "sdm-agent/reconcile/reconcile.h"
#include "sim/sim.h"

enum sim_step_end { SIM_STEP_ENDED, SIM_STEP_PENDING, SIM_STEP_FAILED };

enum sim_step_end sim_brick_step(struct sim *sim, struct sim_compute *compute,
                                 const struct sdm_step *step);

/* Fill lists that have room: SIM_MAX_ENTRIES, SIM_MAX_BLOCKS, SIM_MAX_VMS and, in each of these,
 * SIM_MAX_DIMMS.  Blocks are those of the entries in 'found'. */
void sim_brick_entries(const struct sim_compute *compute, struct sdm_found *found);
void sim_brick_blocks(const struct sim_compute *compute, struct sdm_found *found);
void sim_brick_guests(const struct sim_compute *compute, struct sdm_found *found);

/* The sabotage: what is not wanted goes at once, whoever uses it. */
void sim_brick_unmap_at_once(struct sim_compute *compute, const struct sdm_want *want);
