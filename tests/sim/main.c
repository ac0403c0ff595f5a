/* sim: runs episodes of the simulation, one seed each, counted on from --seed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/coverage.h"

enum { EPISODE_STEPS = 3000, FAULT_DISTANCE = 400, MAX_MEMORY = 3 };

struct plan {
    struct sim_options options;
    double seconds;
    uint64_t steps;
    bool json;
    bool once;
};

static double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Prints the violation and searches for fewer faults that do it too. */
static void tell_violation(struct sim *sim, const struct sim_options *options)
{
    struct sim_options fewer = *options;
    unsigned sparse = options->fault_distance;

    printf("violation of %s: %s\n  seed %llu, step %llu%s%s; the last events:\n", sim->violation,
           sim->violation_text, (unsigned long long)options->seed, (unsigned long long)sim->step,
           options->sabotage != SIM_SABOTAGE_NONE ? ", sabotage " : "",
           options->sabotage != SIM_SABOTAGE_NONE ? sim_sabotage_name(options->sabotage) : "");
    sim_trace_print(sim);
    for (unsigned distance = options->fault_distance * 2; distance > 0 && distance < 1U << 20;
         distance *= 2) {
        fewer.fault_distance = distance;
        fewer.trace = false;
        if (!sim_run(sim, &fewer)) {
            sparse = distance;
        }
    }
    printf("repeat: sim --seed %llu --once --episode-steps %u --fault-distance %u%s%s --trace\n",
           (unsigned long long)options->seed, options->steps, sparse,
           options->sabotage != SIM_SABOTAGE_NONE ? " --sabotage " : "",
           options->sabotage != SIM_SABOTAGE_NONE ? sim_sabotage_name(options->sabotage) : "");
}

static void tell(const struct plan *plan, const struct sim_counts *counts, double took)
{
    unsigned n_all;
    unsigned n_covered = sim_covered(counts, &n_all);

    if (plan->json) {
        printf("{\"seed\": %llu, \"episodes\": %llu, \"steps\": %llu, \"seconds\": %.2f, "
               "\"steps_per_second\": %.0f, \"faults\": %llu, \"crashes\": %llu, "
               "\"failovers\": %llu, \"requests\": %llu, \"reports\": %llu, "
               "\"longest_drain_steps\": %llu, \"pairs_covered\": %u, \"pairs\": %u}\n",
               (unsigned long long)plan->options.seed, (unsigned long long)counts->episodes,
               (unsigned long long)counts->steps, took, (double)counts->steps / took,
               (unsigned long long)counts->faults, (unsigned long long)counts->crashes,
               (unsigned long long)counts->failovers, (unsigned long long)counts->requests,
               (unsigned long long)counts->reports, (unsigned long long)counts->longest_drain,
               n_covered, n_all);
        return;
    }
    sim_coverage_print(counts, stdout);
    printf("%llu episodes, %llu steps in %.2f s of CPU: %.0f steps/s\n"
           "%llu requests (%llu refused), %llu reports, %llu steps of agents, %llu comparisons\n"
           "%llu faults, %llu deaths of processes, %llu failovers; longest way to rest %llu steps\n"
           "%u of %u pairs of state and event\n",
           (unsigned long long)counts->episodes, (unsigned long long)counts->steps, took,
           (double)counts->steps / took, (unsigned long long)counts->requests,
           (unsigned long long)counts->refusals, (unsigned long long)counts->reports,
           (unsigned long long)counts->agent_steps, (unsigned long long)counts->product_steps,
           (unsigned long long)counts->faults, (unsigned long long)counts->crashes,
           (unsigned long long)counts->failovers, (unsigned long long)counts->longest_drain,
           n_covered, n_all);
}

static gboolean set_sabotage(const char *option, const char *name, void *data, GError **error)
{
    struct plan *plan = data;

    (void)option;
    plan->options.sabotage = sim_sabotage_find(name);
    if (plan->options.sabotage == SIM_SABOTAGE_NONE) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "no sabotage '%s': see --list-sabotage", name);
        return false;
    }
    return true;
}

static gboolean list_sabotage(const char *option, const char *value, void *data, GError **error)
{
    (void)option;
    (void)value;
    (void)data;
    (void)error;
    for (int i = 1; i < SIM_N_SABOTAGE; i++) {
        puts(sim_sabotage_name((enum sim_sabotage)i));
    }
    exit(0);
}

/* False with 'error' set when an option is unknown or out of its range. */
static bool read_options(int argc, char **argv, struct plan *plan, GError **error)
{
    gint64 seed = 1, steps = 0;
    int episode_steps = EPISODE_STEPS, fault_distance = FAULT_DISTANCE, n_compute = 0, n_memory = 0;
    gboolean once = false, trace = false, json = false;
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &seed, "of the first episode, 1", "S"},
        {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &plan->seconds,
         "for so long, 10: the number of episodes depends on the machine", "T"},
        {"steps", 0, 0, G_OPTION_ARG_INT64, &steps,
         "until so many steps are done: the same everywhere", "N"},
        {"once", 0, 0, G_OPTION_ARG_NONE, &once,
         "one episode: what a violation's message says to repeat it", NULL},
        {"episode-steps", 0, 0, G_OPTION_ARG_INT, &episode_steps, "steps under faults, 3000", "N"},
        {"fault-distance", 0, 0, G_OPTION_ARG_INT, &fault_distance,
         "the higher, the fewer faults, 400; 0 for none", "N"},
        {"compute", 0, 0, G_OPTION_ARG_INT, &n_compute, "compute bricks, 1 to 3; else random", "N"},
        {"memory", 0, 0, G_OPTION_ARG_INT, &n_memory, "memory bricks, 1 to 3; else random", "N"},
        {"sabotage", 0, 0, G_OPTION_ARG_CALLBACK, set_sabotage, "breaks a rule", "NAME"},
        {"list-sabotage", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, list_sabotage,
         "names the rules that can be broken", NULL},
        {"trace", 0, 0, G_OPTION_ARG_NONE, &trace, "prints every event", NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &json, "prints the counts as one object", NULL},
        {NULL},
    };
    g_autoptr(GOptionContext) context =
        g_option_context_new("- episodes: a random rack of a seed, faults, healing, release");
    GOptionGroup *group = g_option_group_new("sim", "", "", plan, NULL);

    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    g_option_context_set_description(
        context,
        "The status is 0 when no invariant was violated, 1 when one was, 2 for an option.");
    if (!g_option_context_parse(context, &argc, &argv, error)) {
        return false;
    }
    if (argc > 1 || seed < 0 || steps < 0 || plan->seconds < 0 || episode_steps < 0 ||
        fault_distance < 0 || n_compute < 0 || n_compute > SIM_MAX_COMPUTE || n_memory < 0 ||
        n_memory > MAX_MEMORY) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "nothing but options; none negative; at most %d compute and %d memory bricks",
                    SIM_MAX_COMPUTE, MAX_MEMORY);
        return false;
    }
    plan->options.seed = (uint64_t)seed;
    plan->options.steps = (unsigned)episode_steps;
    plan->options.fault_distance = (unsigned)fault_distance;
    plan->options.n_compute = (unsigned)n_compute;
    plan->options.n_memory = (unsigned)n_memory;
    plan->options.trace = trace;
    plan->steps = (uint64_t)steps;
    plan->once = once;
    plan->json = json;
    return true;
}

static bool goes_on(const struct plan *plan, const struct sim_counts *counts, double took)
{
    if (plan->once) {
        return counts->episodes == 0;
    }
    return plan->steps > 0 ? counts->steps < plan->steps : took < plan->seconds;
}

int main(int argc, char **argv)
{
    static struct sim_counts counts;
    struct plan plan = {
        .options = {.seed = 1, .fault_distance = FAULT_DISTANCE, .steps = EPISODE_STEPS},
        .seconds = 10};
    double start = now_seconds();
    bool violated = false;
    struct sim_options options;
    g_autoptr(GError) error = NULL;
    struct sim *sim;

    if (!read_options(argc, argv, &plan, &error)) {
        fprintf(stderr, "sim: %s\n", error->message);
        return 2;
    }
    sim = sim_new(&counts);
    options = plan.options;
    while (!violated && goes_on(&plan, &counts, now_seconds() - start)) {
        violated = !sim_run(sim, &options);
        if (!violated) {
            options.seed++;
        }
    }
    if (violated) {
        tell_violation(sim, &options);
    }
    tell(&plan, &counts, now_seconds() - start);
    sim_free(sim);
    return violated ? 1 : 0;
}
