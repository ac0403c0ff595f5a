/* The agent of a compute brick, after sdm-agent/session: what it knows and remembers; what to do is
 * reconcile's word. */
#pragma once

#include "sim/sim.h"

struct sim_agent *sim_agent_new(void);
void sim_agent_free(struct sim_agent *agent);
/* A process starts: only the epoch and the last wanted state's file are left of the one before. */
void sim_agent_start(struct sim *sim, int32_t compute_no);
/* At the beginning of an episode. */
void sim_agent_reset(struct sim *sim, int32_t compute_no);
/* One of its next steps: a job of a lane, a comparison, a report, a question; false for none. */
bool sim_agent_step(struct sim *sim, int32_t compute_no);
/* The message in its queue is delivered; false when there is none. */
bool sim_agent_take_want(struct sim *sim, int32_t compute_no);
/* Its regular look. */
void sim_agent_look(struct sim *sim, int32_t compute_no);
/* Libvirt says that something has happened to a guest. */
void sim_agent_hear(struct sim *sim, int32_t compute_no);
bool sim_agent_is_idle(const struct sim *sim, int32_t compute_no);
