#include "sim/coverage.h"

#include <string.h>

static const char *const events[] = {
    "report", "circuit-up", "circuit-cut", "fabric-refused", "scrubbed", "recheck", "attach",
    "detach", "resize",     "release",     "expire",         "join",     "leave",
};

enum { N_EVENTS = sizeof events / sizeof *events };

void sim_cover(struct sim *sim, enum sdm_reservation_state from, const char *event,
               enum sdm_reservation_state to)
{
    (void)to;
    for (unsigned i = 0; i < N_EVENTS; i++) {
        if (strcmp(events[i], event) == 0) {
            sim->counts->moves[from][i]++;
            return;
        }
    }
}

unsigned sim_covered(const struct sim_counts *counts, unsigned *n_all)
{
    unsigned n = 0;

    *n_all = 0;
    for (unsigned i = 0; i < SDM_RESERVATION_STATE_RELEASED; i++) {
        for (unsigned j = 0; j < N_EVENTS; j++) {
            *n_all += 1;
            n += counts->moves[i][j] > 0;
        }
    }
    return n;
}

void sim_coverage_print(const struct sim_counts *counts, FILE *out)
{
    fprintf(out, "%-16s", "event");
    for (int i = 0; i <= SDM_RESERVATION_STATE_RELEASING; i++) {
        fprintf(out, " %11s", sdm_reservation_state_name((enum sdm_reservation_state)i));
    }
    fprintf(out, "\n");
    for (unsigned j = 0; j < N_EVENTS; j++) {
        fprintf(out, "%-16s", events[j]);
        for (unsigned i = 0; i <= SDM_RESERVATION_STATE_RELEASING; i++) {
            fprintf(out, " %11llu", (unsigned long long)counts->moves[i][j]);
        }
        fprintf(out, "\n");
    }
}
