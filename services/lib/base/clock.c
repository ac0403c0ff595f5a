#include "lib/base/clock.h"

#include <glib.h>

static int64_t system_monotonic_us(const struct sdm_clock *clock)
{
    (void)clock;
    return g_get_monotonic_time();
}

static int64_t system_wall_us(const struct sdm_clock *clock)
{
    (void)clock;
    return g_get_real_time();
}

const struct sdm_clock sdm_clock_system = {system_monotonic_us, system_wall_us};
