/* The invariants, judged from the database and the hardware alone. */
#pragma once

#include "sim/sim.h"

/* After every step. */
void sim_check(struct sim *sim);
/* Everything wanted is found and nothing is under way (I4); why not, or NULL. */
const char *sim_unconverged(struct sim *sim);
/* When everything has been released (I8). */
void sim_check_empty(struct sim *sim);
