/* What clients ask, and what they were told: I2 and I3 hold the database to it. */
#pragma once

#include "sim/sim.h"

/* Puts a random request into the queue; false when there is no room. */
bool sim_client_ask(struct sim *sim);
/* Asks for the release of everything; false when nothing is held any more. */
bool sim_client_release_all(struct sim *sim);

/* A request of this key has been committed: once is enough (I3). */
void sim_client_done(struct sim *sim, uint32_t key);
void sim_client_holds(struct sim *sim, uint32_t reservation, int64_t bytes);
/* Something was asked that leaves it with so much. */
void sim_client_gives_back(struct sim *sim, uint32_t reservation, int64_t bytes);
/* A resize was refused late and undone: the client is told its size. */
void sim_client_refused(struct sim *sim, uint32_t reservation, int64_t bytes);
void sim_client_check(struct sim *sim);
