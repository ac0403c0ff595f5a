/* A controller process: what it has in memory, how it starts, works and dies. */
#pragma once

#include "sdm-controller/model/work.h"
#include "sim/sim.h"

/* Becomes the leader: counts the epoch up, loads the ledger, resumes all work; after
 * leadership.c, loader.c and sdm_synthesizer_resume(). */
void sim_controller_lead(struct sim *sim, struct sim_controller *controller);
/* Loses everything in memory. */
void sim_controller_die(struct sim *sim, struct sim_controller *controller);
/* What is not yet as it is wanted is work again; after store/todo.c. */
void sim_controller_recheck(struct sim *sim, struct sim_controller *controller);

/* After sdm_synthesizer_post(). */
void sim_post(struct sim *sim, struct sim_controller *controller, int kind, uint32_t id);
/* The piece of a job is over, or comes again. */
void sim_end_piece(struct sim_controller *controller, struct sim_job *job, bool done);

/* Takes one of its next steps, any; false when it has none. */
bool sim_controller_step(struct sim *sim, struct sim_controller *controller);
/* A worker takes a request from the queue; false when there is none, or no worker is free. */
bool sim_controller_take_request(struct sim *sim, struct sim_controller *controller);
/* The report lane takes a report (place in the order of the broker). */
void sim_controller_take_report(struct sim *sim, struct sim_controller *controller,
                                const struct sim_report *report);

/* work.c: one step of a piece. */
void sim_work_step(struct sim *sim, struct sim_controller *controller, struct sim_job *job);
/* request.c */
void sim_request_run(struct sim *sim, struct sim_controller *controller,
                     const struct sim_request *request);
void sim_request_write(struct sim *sim, struct sim_controller *controller, struct sim_job *job);
