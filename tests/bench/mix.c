#include "bench/mix.h"

#include <math.h>
#include <string.h>

#include <glib.h>

#include "bench/topology.h"

#define GIB   (UINT64_C(1) << 30)
#define HOUR  3600.0
#define DAY   (24 * HOUR)
#define MONTH (30 * DAY)

/* A point of a cumulative distribution. */
struct point {
    double value;
    double share;
};

/* Memory of a virtual machine in GiB: the buckets of the data set. */
static const struct point azure_memory[] = {{0.75, 0.04}, {1.75, 0.40}, {3.5, 0.71}, {7, 0.86},
                                            {14, 0.94},   {28, 0.98},   {56, 0.995}, {112, 1}};
/* Upper ends in seconds. */
static const struct point azure_lifetime[] = {{15 * 60, 0.35}, {HOUR, 0.60},    {6 * HOUR, 0.80},
                                              {DAY, 0.91},     {7 * DAY, 0.97}, {MONTH, 1}};

static const char *const names[] = {"uniform", "azure", "half-half", "high-ram", "random"};

bool sdm_bench_mix_from_name(const char *name, enum sdm_bench_mix *mix)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *mix = (enum sdm_bench_mix)i;
            return true;
        }
    }
    return false;
}

const char *sdm_bench_mix_name(enum sdm_bench_mix mix)
{
    return names[mix];
}

/* Above 0, at most 1. */
static double share(uint64_t *random)
{
    return (double)((sdm_bench_random(random) >> 11) + 1) / (double)(UINT64_C(1) << 53);
}

static size_t find(const struct point *points, size_t n, double wanted)
{
    size_t i = 0;

    while (i + 1 < n && points[i].share < wanted) {
        i++;
    }
    return i;
}

/* Between points the logarithm grows evenly; from a minute on. */
static double draw_lifetime(uint64_t *random)
{
    double wanted = share(random);
    size_t i = find(azure_lifetime, G_N_ELEMENTS(azure_lifetime), wanted);
    struct point low = i > 0 ? azure_lifetime[i - 1] : (struct point){60, 0};
    struct point high = azure_lifetime[i];
    double within = (wanted - low.share) / (high.share - low.share);

    return low.value * pow(high.value / low.value, within);
}

static uint64_t draw_gib(uint64_t least, uint64_t most, uint64_t *random)
{
    return (least + sdm_bench_below(random, most - least + 1)) * GIB;
}

static uint64_t draw_size(enum sdm_bench_mix mix, uint64_t unit_bytes, uint64_t *random)
{
    size_t i;

    switch (mix) {
    case SDM_BENCH_MIX_UNIFORM:
        return (1 + sdm_bench_below(random, 32)) * unit_bytes;
    case SDM_BENCH_MIX_AZURE:
        i = find(azure_memory, G_N_ELEMENTS(azure_memory), share(random));
        return (uint64_t)(azure_memory[i].value * (double)GIB);
    case SDM_BENCH_MIX_HALF_HALF:
        return 16 * GIB;
    case SDM_BENCH_MIX_HIGH_RAM:
        return draw_gib(24, 32, random);
    case SDM_BENCH_MIX_RANDOM:
        return draw_gib(1, 32, random);
    }
    g_assert_not_reached();
}

struct sdm_bench_want sdm_bench_mix_next(enum sdm_bench_mix mix, uint64_t unit_bytes,
                                         uint64_t *random)
{
    uint64_t size_bytes = draw_size(mix, unit_bytes, random);
    struct sdm_bench_want want = {.size_bytes =
                                      (size_bytes + unit_bytes - 1) / unit_bytes * unit_bytes};

    if (mix == SDM_BENCH_MIX_AZURE) {
        want.lifetime_s = draw_lifetime(random);
    } else if (mix != SDM_BENCH_MIX_UNIFORM) {
        want.lifetime_s = -HOUR * log(share(random));
    }
    return want;
}
