#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"

static const char *const sabotages[SIM_N_SABOTAGE] = {
    [SIM_SABOTAGE_NONE] = "none",
    [SIM_SABOTAGE_NO_EPOCH_DATABASE] = "no-epoch-database",
    [SIM_SABOTAGE_NO_EPOCH_AGENT] = "no-epoch-agent",
    [SIM_SABOTAGE_NO_EPOCH_DEVICE] = "no-epoch-device",
    [SIM_SABOTAGE_NO_SCRUB] = "no-scrub",
    [SIM_SABOTAGE_FREED_EARLY] = "freed-early",
    [SIM_SABOTAGE_OLD_REPORT] = "old-report",
    [SIM_SABOTAGE_LATE_REPORT] = "late-report",
    [SIM_SABOTAGE_UNKNOWN_GONE] = "unknown-gone",
    [SIM_SABOTAGE_BLOCKS_UNSEEN] = "blocks-unseen",
    [SIM_SABOTAGE_NO_OFFER] = "no-offer",
    [SIM_SABOTAGE_KEY_IGNORED] = "key-ignored",
    [SIM_SABOTAGE_CUT_AT_ONCE] = "cut-at-once",
    [SIM_SABOTAGE_REMAINS] = "remains",
    [SIM_SABOTAGE_BANDWIDTH] = "bandwidth",
    [SIM_SABOTAGE_CLAIM_LOST] = "claim-lost",
    [SIM_SABOTAGE_UNMAP_AT_ONCE] = "unmap-at-once",
    [SIM_SABOTAGE_NO_RECHECK] = "no-recheck",
};

const char *sim_sabotage_name(enum sim_sabotage sabotage)
{
    return sabotages[sabotage];
}

enum sim_sabotage sim_sabotage_find(const char *name)
{
    for (int i = 1; i < SIM_N_SABOTAGE; i++) {
        if (strcmp(sabotages[i], name) == 0) {
            return (enum sim_sabotage)i;
        }
    }
    return SIM_SABOTAGE_NONE;
}

static void print_line(const struct sim_trace_line *line)
{
    printf("%8llu %-20s %lld %lld %lld\n", (unsigned long long)line->step, line->what,
           (long long)line->a, (long long)line->b, (long long)line->c);
}

void sim_trace(struct sim *sim, const char *what, int64_t a, int64_t b, int64_t c)
{
    struct sim_trace_line *line = &sim->trace[sim->n_traced++ % SIM_TRACE_LINES];

    *line = (struct sim_trace_line){sim->step, what, a, b, c};
    if (sim->options.trace) {
        print_line(line);
    }
}

void sim_trace_print(const struct sim *sim)
{
    uint64_t first = sim->n_traced > SIM_TRACE_LINES ? sim->n_traced - SIM_TRACE_LINES : 0;

    for (uint64_t i = first; i < sim->n_traced; i++) {
        print_line(&sim->trace[i % SIM_TRACE_LINES]);
    }
}

void sim_violate(struct sim *sim, const char *invariant, const char *format, ...)
{
    va_list args;

    if (sim->violation != NULL) {
        return;
    }
    sim->violation = invariant;
    va_start(args, format);
    vsnprintf(sim->violation_text, sizeof sim->violation_text, format, args);
    va_end(args);
}
