/* Conditions whose timed waits follow the clock that nobody sets.
 *
 * Plain pthreads, which ThreadSanitizer sees through, unlike GLib's own mutexes and conditions.
 * Thread rule: as pthread_cond_t. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Ended by pthread_cond_destroy(). */
void sdm_cond_init(pthread_cond_t *cond);

/* The monotonic time that lies 'timeout_ms' ahead, in microseconds. */
int64_t sdm_cond_deadline_us(unsigned timeout_ms);

/* Waits until the condition is signalled or 'end_us' of the monotonic clock (as
 * g_get_monotonic_time() gives it) has passed; false in the second case.  'mutex' is held before
 * and after.  May wake for no reason, as every condition may. */
bool sdm_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t end_us);
