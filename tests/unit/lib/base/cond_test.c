#include <criterion/criterion.h>
#include <glib.h>

#include "lib/base/cond.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static bool is_told;

static bool wait_until_told(int64_t end_us)
{
    bool is_late = false;
    bool was_told;

    pthread_mutex_lock(&mutex);
    while (!is_told && !is_late) {
        is_late = !sdm_cond_wait_until(&cond, &mutex, end_us);
    }
    was_told = is_told;
    pthread_mutex_unlock(&mutex);
    return was_told;
}

static void *tell(void *data)
{
    (void)data;
    pthread_mutex_lock(&mutex);
    is_told = true;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

Test(cond, time_runs_out_and_not_before)
{
    int64_t start_us = g_get_monotonic_time();

    sdm_cond_init(&cond);
    cr_assert_not(wait_until_told(sdm_cond_deadline_us(50)));
    cr_assert_geq(g_get_monotonic_time() - start_us, 50000);
    pthread_cond_destroy(&cond);
}

Test(cond, a_deadline_that_has_passed_does_not_wait)
{
    static const int64_t ends_us[] = {INT64_MIN, -1, 0, 1};

    sdm_cond_init(&cond);
    for (size_t i = 0; i < G_N_ELEMENTS(ends_us); i++) {
        cr_assert_not(wait_until_told(ends_us[i]), "%" G_GINT64_FORMAT, ends_us[i]);
    }
    pthread_cond_destroy(&cond);
}

Test(cond, who_is_told_goes_on, .timeout = 20)
{
    pthread_t thread;

    sdm_cond_init(&cond);
    cr_assert_eq(pthread_create(&thread, NULL, tell, NULL), 0);
    cr_assert(wait_until_told(sdm_cond_deadline_us(60000)));
    pthread_join(thread, NULL);
    pthread_cond_destroy(&cond);
}
