/* Lanes under load: pushed from several threads, paused, resumed, put back, exported and stopped
 * while they work.  Every job is carried out once or freed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/svc/lane.h"

#define N_PUSHERS 3
#define N_JOBS    3000

static atomic_int n_handled;
static atomic_int n_freed;
static atomic_int n_room;
static struct sdm_lane *lane;

struct own {
    int n; /* of one worker: not atomic */
};

static void *own_new(void *user, unsigned index)
{
    (void)user;
    (void)index;
    return g_new0(struct own, 1);
}

static void own_free(void *own)
{
    g_free(own);
}

static void handle(void *own, void *const *jobs, size_t n)
{
    /* Now and then the first tries of a batch meet an outage. */
    if (++((struct own *)own)->n % 50 == 0) {
        sdm_lane_pause(lane);
        sdm_lane_put_back(lane, jobs, n);
        sdm_lane_begin_outage(lane, "nothing is there");
        sdm_lane_sleep(lane, 1);
        sdm_lane_end_outage(lane);
        sdm_lane_resume(lane);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        (*(int *)jobs[i])++;
    }
    atomic_fetch_add(&n_handled, (int)n);
}

static void has_room(void *user)
{
    (void)user;
    atomic_fetch_add(&n_room, 1);
}

static void job_free(void *job)
{
    (void)job;
    atomic_fetch_add(&n_freed, 1);
}

static void *push(void *jobs)
{
    for (int i = 0; i < N_JOBS; i++) {
        while (!sdm_lane_try_push(lane, &((int *)jobs)[i])) {
            sched_yield();
        }
    }
    return NULL;
}

static int check(int *jobs, int n_jobs, int wanted)
{
    int n_wrong = 0;

    for (int i = 0; i < n_jobs; i++) {
        n_wrong += jobs[i] == wanted ? 0 : 1;
    }
    return n_wrong;
}

int main(void)
{
    const struct sdm_lane_config config = {
        .name = "tsan",
        .n_workers = 4,
        .capacity = 64,
        .batch_max = 16,
        .handle = handle,
        .worker_new = own_new,
        .worker_free = own_free,
        .has_room = has_room,
        .job_free = job_free,
    };
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    int *jobs = g_new0(int, N_PUSHERS *N_JOBS);
    pthread_t threads[N_PUSHERS];
    int n_wrong;

    lane = sdm_lane_new(&config);
    sdm_lane_export(lane, metrics);
    for (int i = 0; i < N_PUSHERS; i++) {
        pthread_create(&threads[i], NULL, push, jobs + (ptrdiff_t)i * N_JOBS);
    }
    for (int i = 0; i < 20; i++) {
        g_free(sdm_metrics_render(metrics));
        g_free(sdm_lane_dup_outage(lane));
    }
    for (int i = 0; i < N_PUSHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    sdm_lane_drain(lane);
    n_wrong = check(jobs, N_PUSHERS * N_JOBS, 1);
    for (int i = 0; i < 64; i++) {
        sdm_lane_try_push(lane, &jobs[i]);
    }
    sdm_lane_stop(lane, false);
    n_wrong += atomic_load(&n_handled) + atomic_load(&n_freed) == N_PUSHERS * N_JOBS + 64 ? 0 : 1;
    sdm_lane_free(lane);
    g_free(jobs);
    printf("%d wrong, %d times full\n", n_wrong, atomic_load(&n_room));
    return n_wrong == 0 && atomic_load(&n_room) > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
