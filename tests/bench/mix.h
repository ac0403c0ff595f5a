/* What is asked for, and for how long: request mixes with published shape.
 *
 * UNIFORM      1 to 32 units; a random holder gives back.  What earlier figures were taken with.
 * AZURE        memory and lifetime of virtual machines of a public cloud: Cortez et al., "Resource
 *              Central", SOSP 2017, figures 3 (memory) and 5 (lifetime), and the buckets of
 *              AzurePublicDataset V1, which go with it.  An approximation of that shape, not its
 *              data: seven in ten below 4 GB, nine in ten gone within a day.
 * HALF_HALF    every request 16 GB;
 * HIGH_RAM     24 to 32 GB;
 * RANDOM       1 to 32 GB: the memory of three workloads of the dReDBox project (Syrivelis et al.,
 *              ICSAMOS 2017, and Bielski et al., DATE 2018), which Zervas et al., JOCN 2018,
 * allocate too.  They name no lifetimes: exponential, mean an hour.
 *
 * Pure: random numbers come from the caller's state. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum sdm_bench_mix {
    SDM_BENCH_MIX_UNIFORM,
    SDM_BENCH_MIX_AZURE,
    SDM_BENCH_MIX_HALF_HALF,
    SDM_BENCH_MIX_HIGH_RAM,
    SDM_BENCH_MIX_RANDOM,
};

struct sdm_bench_want {
    uint64_t size_bytes;
    /* 0: says nothing, see UNIFORM. */
    double lifetime_s;
};

/* "azure"; "half-half"; false and '*mix' untouched when it is none. */
bool sdm_bench_mix_from_name(const char *name, enum sdm_bench_mix *mix);
const char *sdm_bench_mix_name(enum sdm_bench_mix mix);

/* The next request, in whole units. */
struct sdm_bench_want sdm_bench_mix_next(enum sdm_bench_mix mix, uint64_t unit_bytes,
                                         uint64_t *random);
