/* How long it takes to compile 1,000 changed circuits, beside 200,000 that stay: what of their
 * cross-connections is to be made and cut, and what each compute brick's agent is told.  Prints one
 * JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <glib.h>

#include "sdm-controller/compile/agent.h"
#include "sdm-controller/compile/crossings.h"

enum { N_STAYING = 200000, N_CHANGED = 1000, N_HOPS = 5, N_WINDOWS = 8, N_RUNS = 21 };

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* Circuit 'i' crosses five switches, at ports of its own. */
static size_t cross(struct sdm_crossings *crossings, int i, bool add)
{
    char circuit[SDM_UUID_SIZE];
    size_t n_orders = 0;

    g_snprintf(circuit, sizeof circuit, "00000000-0000-4000-8000-%012d", i);
    for (int hop = 0; hop < N_HOPS; hop++) {
        struct sdm_crossing crossing = {1 + (i * N_HOPS + hop) % 7000, 2 * i, 2 * i + 1};

        n_orders += add ? sdm_crossings_add(crossings, crossing, circuit)
                        : sdm_crossings_remove(crossings, crossing, circuit);
    }
    return n_orders;
}

static double measure(struct sdm_crossings *crossings, struct sdm_arena *arena,
                      const struct sdm_wanted_brick *brick)
{
    double start = now_ms();
    size_t n_orders = 0;

    for (int i = 0; i < N_CHANGED; i++) {
        struct sdm_s7_want want;

        n_orders += cross(crossings, N_STAYING + i, true);
        sdm_compile_agent(brick, 1, arena, &want);
    }
    start = now_ms() - start;
    for (int i = 0; i < N_CHANGED; i++) {
        n_orders += cross(crossings, N_STAYING + i, false);
    }
    g_assert(n_orders == (size_t)2 * N_CHANGED * N_HOPS);
    sdm_arena_reset(arena);
    return start;
}

int main(void)
{
    g_autoptr(sdm_crossings) crossings = sdm_crossings_new();
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_wanted_row rows[N_WINDOWS] = {{.entry = 1, .vm = "vm", .size_bytes = 1 << 27}};
    struct sdm_wanted_brick brick = {1, "cb0", 1, 1 << 27, rows, N_WINDOWS};
    double took_ms[N_RUNS];

    for (int i = 0; i < N_STAYING; i++) {
        cross(crossings, i, true);
    }
    for (int i = 0; i < N_RUNS; i++) {
        took_ms[i] = measure(crossings, arena, &brick);
    }
    qsort(took_ms, N_RUNS, sizeof took_ms[0], compare);
    printf("{\"changed\": %d, \"staying\": %d, \"compile_ms\": %.2f, \"max_ms\": %.2f}\n",
           N_CHANGED, N_STAYING, took_ms[N_RUNS / 2], took_ms[N_RUNS - 1]);
    return 0;
}
