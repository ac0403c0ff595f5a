#include "lib/base/cond.h"

#include <time.h>

#include <glib.h>

void sdm_cond_init(pthread_cond_t *cond)
{
    pthread_cond_init(cond, NULL);
}

int64_t sdm_cond_deadline_us(unsigned timeout_ms)
{
    return g_get_monotonic_time() + (int64_t)timeout_ms * 1000;
}

bool sdm_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t end_us)
{
    /* The wait refuses times before the clock's start. */
    int64_t until_us = MAX(end_us, 0);
    struct timespec end = {
        .tv_sec = until_us / G_USEC_PER_SEC,
        .tv_nsec = until_us % G_USEC_PER_SEC * 1000,
    };

    /* It names its clock itself, which libfaketime leaves alone: the clock of a condition's
     * attributes it takes for the one that it shifts, so that a shifted daemon would never wait. */
    return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &end) == 0;
}
