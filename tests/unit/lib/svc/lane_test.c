#include <criterion/criterion.h>

#include <stdatomic.h>
#include <string.h>

#include "lib/svc/lane.h"

/* What the callbacks see; jobs are pointers to int. */
struct seen {
    atomic_int n_jobs;
    atomic_int n_batches;
    atomic_int largest_batch;
    atomic_int n_room;
    atomic_int n_jobs_at_room;
    atomic_int n_freed;
    atomic_int n_workers;
    atomic_int last;
    atomic_bool out_of_order;
    atomic_bool is_held; /* handlers wait while it is set */
    atomic_int n_held;
};

static struct seen seen;
static int numbers[1000];

static void handle(void *worker, void *const *jobs, size_t n)
{
    cr_assert_eq(worker, &seen);
    atomic_fetch_add(&seen.n_held, 1);
    while (atomic_load(&seen.is_held)) {
        g_usleep(100);
    }
    atomic_fetch_add(&seen.n_batches, 1);
    if ((int)n > atomic_load(&seen.largest_batch)) {
        atomic_store(&seen.largest_batch, (int)n);
    }
    for (size_t i = 0; i < n; i++) {
        int number = *(int *)jobs[i];

        if (number <= atomic_exchange(&seen.last, number)) {
            atomic_store(&seen.out_of_order, true);
        }
    }
    atomic_fetch_add(&seen.n_jobs, (int)n);
}

static void *worker_new(void *user, unsigned index)
{
    cr_assert_lt(index, 3);
    atomic_fetch_add(&seen.n_workers, 1);
    return user;
}

static void worker_free(void *worker)
{
    cr_assert_eq(worker, &seen);
    atomic_fetch_sub(&seen.n_workers, 1);
}

static void has_room(void *user)
{
    cr_assert_eq(user, &seen);
    atomic_store(&seen.n_jobs_at_room, atomic_load(&seen.n_jobs));
    atomic_fetch_add(&seen.n_room, 1);
}

static void job_free(void *job)
{
    (void)job;
    atomic_fetch_add(&seen.n_freed, 1);
}

static struct sdm_lane *make_patient(unsigned n_workers, size_t capacity, size_t batch_max,
                                     unsigned patience_ms)
{
    const struct sdm_lane_config config = {
        .name = "test",
        .n_workers = n_workers,
        .capacity = capacity,
        .batch_max = batch_max,
        .patience_ms = patience_ms,
        .handle = handle,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .has_room = has_room,
        .job_free = job_free,
        .user = &seen,
    };

    memset(&seen, 0, sizeof seen);
    seen.last = -1;
    for (int i = 0; i < (int)G_N_ELEMENTS(numbers); i++) {
        numbers[i] = i;
    }
    return sdm_lane_new(&config);
}

static struct sdm_lane *make(unsigned n_workers, size_t capacity, size_t batch_max)
{
    return make_patient(n_workers, capacity, batch_max, 0);
}

static bool becomes(atomic_int *value, int wanted)
{
    for (int i = 0; i < 50000 && atomic_load(value) != wanted; i++) {
        g_usleep(100);
    }
    return atomic_load(value) == wanted;
}

Test(lane, one_worker_keeps_the_order_and_batches_what_waits)
{
    g_autoptr(sdm_lane) lane = make(1, 1000, 64);
    struct sdm_lane_stats stats;

    atomic_store(&seen.is_held, true);
    cr_assert(sdm_lane_try_push(lane, &numbers[0]));
    /* A lone job is begun at once, not kept until others come. */
    cr_assert(becomes(&seen.n_held, 1));
    for (int i = 1; i < 500; i++) {
        cr_assert(sdm_lane_try_push(lane, &numbers[i]), "%d", i);
    }
    atomic_store(&seen.is_held, false);
    sdm_lane_drain(lane);
    cr_assert_eq(seen.n_jobs, 500);
    cr_assert_eq(seen.largest_batch, 64);
    cr_assert_eq(seen.n_batches, 1 + 8, "%d", seen.n_batches);
    cr_assert_not(seen.out_of_order);
    sdm_lane_get_stats(lane, &stats);
    cr_assert_eq(stats.n_taken, 500);
    cr_assert_eq(stats.n_batches, 9);
    cr_assert_eq(stats.depth, 0);
    cr_assert_eq(stats.n_busy, 0);
}

Test(lane, a_patient_worker_joins_for_a_whole_batch)
{
    g_autoptr(sdm_lane) lane = make_patient(3, 1000, 10, 600000);

    atomic_store(&seen.is_held, true);
    cr_assert(sdm_lane_try_push(lane, &numbers[0]));
    cr_assert(becomes(&seen.n_held, 1));
    for (int i = 1; i <= 25; i++) {
        cr_assert(sdm_lane_try_push(lane, &numbers[i]));
    }
    cr_assert(becomes(&seen.n_held, 3));
    atomic_store(&seen.is_held, false);
    sdm_lane_drain(lane);
    cr_assert_eq(seen.n_jobs, 26);
    cr_assert_eq(seen.n_batches, 1 + 3, "%d: one alone, two whole ones, and the rest",
                 seen.n_batches);
}

Test(lane, nobody_waits_longer_than_its_patience)
{
    g_autoptr(sdm_lane) lane = make_patient(2, 1000, 10, 1);

    atomic_store(&seen.is_held, true);
    cr_assert(sdm_lane_try_push(lane, &numbers[0]));
    cr_assert(becomes(&seen.n_held, 1));
    cr_assert(sdm_lane_try_push(lane, &numbers[1]));
    cr_assert(becomes(&seen.n_held, 2), "it waits for a worker that may never end");
    atomic_store(&seen.is_held, false);
    sdm_lane_drain(lane);
}

Test(lane, a_full_lane_refuses_and_says_once_that_it_has_room)
{
    g_autoptr(sdm_lane) lane = make(1, 8, 1);
    struct sdm_lane_stats stats;
    int n = 0;

    atomic_store(&seen.is_held, true);
    cr_assert(sdm_lane_try_push(lane, &numbers[n++]));
    cr_assert(becomes(&seen.n_held, 1));
    while (sdm_lane_try_push(lane, &numbers[n])) {
        n++;
    }
    cr_assert_eq(n, 1 + 8);
    cr_assert_not(sdm_lane_try_push(lane, &numbers[n]));
    cr_assert_eq(seen.n_room, 0);
    atomic_store(&seen.is_held, false);
    sdm_lane_drain(lane);
    cr_assert_eq(seen.n_room, 1);
    cr_assert_eq(seen.n_jobs_at_room, 4, "told at %d, not when it was half empty",
                 seen.n_jobs_at_room);
    cr_assert_eq(seen.n_jobs, 9);
    sdm_lane_get_stats(lane, &stats);
    cr_assert_eq(stats.n_refused, 2);
}

Test(lane, paused_it_takes_nothing_and_keeps_what_is_put_back_in_front)
{
    g_autoptr(sdm_lane) lane = make(1, 4, 10);
    void *again[] = {&numbers[1], &numbers[2], &numbers[3]};

    sdm_lane_pause(lane);
    cr_assert(sdm_lane_try_push(lane, &numbers[4]));
    cr_assert(sdm_lane_try_push(lane, &numbers[5]));
    sdm_lane_put_back(lane, again, 3);
    g_usleep(20000);
    cr_assert_eq(seen.n_jobs, 0);
    sdm_lane_resume(lane);
    sdm_lane_drain(lane);
    cr_assert_eq(seen.n_jobs, 5);
    cr_assert_not(seen.out_of_order);
}

Test(lane, stop_drains_or_frees)
{
    static const struct {
        const char *label;
        bool drain;
        int n_jobs;
        int n_freed;
    } rows[] = {
        {"drain", true, 100, 0},
        {"drop", false, 0, 100},
    };

    for (size_t row = 0; row < G_N_ELEMENTS(rows); row++) {
        struct sdm_lane *lane = make(3, 100, 7);
        void *late[] = {&numbers[200]};

        sdm_lane_pause(lane);
        for (int i = 0; i < 100; i++) {
            cr_assert(sdm_lane_try_push(lane, &numbers[i]), "%s", rows[row].label);
        }
        sdm_lane_stop(lane, rows[row].drain);
        cr_assert_eq(seen.n_jobs, rows[row].n_jobs, "%s: %d", rows[row].label, seen.n_jobs);
        cr_assert_eq(seen.n_freed, rows[row].n_freed, "%s: %d", rows[row].label, seen.n_freed);
        cr_assert_eq(seen.n_workers, 0, "%s: a worker's own was not freed", rows[row].label);
        cr_assert_not(sdm_lane_try_push(lane, &numbers[0]), "%s", rows[row].label);
        sdm_lane_put_back(lane, late, 1);
        cr_assert_eq(seen.n_freed, rows[row].n_freed + 1, "%s", rows[row].label);
        sdm_lane_free(lane);
    }
}

static void sleep_long(void *worker, void *const *jobs, size_t n)
{
    struct sdm_lane *lane = *(struct sdm_lane **)jobs[0];

    (void)worker;
    (void)n;
    atomic_fetch_add(&seen.n_held, 1);
    cr_assert_not(sdm_lane_sleep(lane, 60000));
    atomic_fetch_add(&seen.n_jobs, 1);
}

Test(lane, a_stop_ends_a_sleeping_handler)
{
    const struct sdm_lane_config config = {
        .name = "sleeper", .n_workers = 1, .capacity = 1, .batch_max = 1, .handle = sleep_long};
    g_autoptr(sdm_lane) lane = sdm_lane_new(&config);
    int64_t start_us = g_get_monotonic_time();

    cr_assert(sdm_lane_try_push(lane, &lane));
    cr_assert(becomes(&seen.n_held, 1));
    sdm_lane_stop(lane, false);
    cr_assert_eq(seen.n_jobs, 1);
    cr_assert_lt(g_get_monotonic_time() - start_us, 30 * G_USEC_PER_SEC);
}

Test(lane, tells_why_handlers_wait_until_none_does)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_lane) lane = make(1, 10, 1);
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    g_autofree char *waiting = NULL;
    g_autofree char *going_on = NULL;

    sdm_lane_export(lane, metrics);
    cr_assert_null(sdm_lane_dup_outage(lane));
    sdm_lane_begin_outage(lane, "no disk");
    sdm_lane_begin_outage(lane, "no server");
    sdm_lane_end_outage(lane);
    first = sdm_lane_dup_outage(lane);
    cr_assert_str_eq(first, "no server");
    waiting = sdm_metrics_render(metrics);
    cr_assert_not_null(strstr(waiting, "sdm_lane_paused{lane=\"test\"} 1\n"), "%s", waiting);
    sdm_lane_end_outage(lane);
    second = sdm_lane_dup_outage(lane);
    cr_assert_null(second);
    going_on = sdm_metrics_render(metrics);
    cr_assert_not_null(strstr(going_on, "sdm_lane_paused{lane=\"test\"} 0\n"), "%s", going_on);
}

Test(lane, shows_its_figures)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    struct sdm_lane *lane = make(1, 10, 1);
    g_autofree char *with = NULL;
    g_autofree char *without = NULL;

    sdm_lane_export(lane, metrics);
    cr_assert(sdm_lane_try_push(lane, &numbers[0]));
    sdm_lane_drain(lane);
    with = sdm_metrics_render(metrics);
    cr_assert_not_null(strstr(with, "sdm_lane_jobs_total{lane=\"test\"} 1\n"), "%s", with);
    sdm_lane_free(lane);
    without = sdm_metrics_render(metrics);
    cr_assert_str_eq(without, "");
}
