/* Time as an argument: code that needs the time takes a clock, so that tests and the simulator give
 * their own. */
#pragma once

#include <stdint.h>

struct sdm_clock {
    /* Microseconds since an arbitrary start; never goes back. */
    int64_t (*monotonic_us)(const struct sdm_clock *clock);
    /* Microseconds since 1970 UTC; may jump. */
    int64_t (*wall_us)(const struct sdm_clock *clock);
};

/* The machine's clock. */
extern const struct sdm_clock sdm_clock_system;

static inline int64_t sdm_clock_monotonic_us(const struct sdm_clock *clock)
{
    return clock->monotonic_us(clock);
}

static inline int64_t sdm_clock_wall_us(const struct sdm_clock *clock)
{
    return clock->wall_us(clock);
}
