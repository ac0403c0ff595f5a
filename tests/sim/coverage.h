/* Which state of a reservation met which event, and became what. */
#pragma once

#include <stdio.h>

#include "sim/sim.h"

void sim_cover(struct sim *sim, enum sdm_reservation_state from, const char *event,
               enum sdm_reservation_state to);
/* How many of the pairs that can be have been reached; '*n_all' gets how many there are. */
unsigned sim_covered(const struct sim_counts *counts, unsigned *n_all);
void sim_coverage_print(const struct sim_counts *counts, FILE *out);
