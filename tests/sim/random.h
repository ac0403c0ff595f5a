/* Seeded random numbers (splitmix64): the same seed gives the same run everywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint64_t sim_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One below 'n', which is not 0. */
static inline unsigned sim_below(uint64_t *state, unsigned n)
{
    return (unsigned)(((sim_random(state) >> 32) * n) >> 32);
}

/* True once in 'n' times on average; never for 0. */
static inline bool sim_once_in(uint64_t *state, unsigned n)
{
    return n > 0 && sim_below(state, n) == 0;
}
