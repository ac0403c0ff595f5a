#include "lib/svc/lane.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/cond.h"

#define NAME_SIZE 16

struct worker {
    struct sdm_lane *lane;
    unsigned index;
    pthread_t thread;
};

struct sdm_lane {
    struct sdm_lane_config config;
    char name[NAME_SIZE];
    struct worker *workers;
    struct sdm_metrics *metrics; /* where it is exported, or NULL */

    pthread_mutex_t mutex; /* guards all below */
    pthread_cond_t work;   /* a worker may have something to do, or shall end */
    pthread_cond_t idle;   /* nothing waits and nobody works */
    pthread_cond_t wakeup; /* handlers that sleep shall look */
    GQueue waiting;
    size_t n_busy;
    size_t n_outages; /* handlers that wait for one to end */
    char *outage;     /* what the last of them said; NULL while there is none */
    bool is_paused;
    bool is_stopping;
    bool is_draining;
    bool is_joined;
    bool was_full;
    unsigned n_patient; /* workers that leave what waits to grow */
    int64_t patience_ends_us;
    uint64_t n_pushed;
    uint64_t n_refused;
    uint64_t n_taken;
    uint64_t n_batches;
    uint64_t busy_us;
};

static bool may_take(const struct sdm_lane *lane)
{
    if (lane->is_stopping) {
        return lane->is_draining && !g_queue_is_empty((GQueue *)&lane->waiting);
    }
    return !lane->is_paused && !g_queue_is_empty((GQueue *)&lane->waiting);
}

/* True when somebody is at a batch already and there is not reason enough to begin another. */
static bool is_patient(const struct sdm_lane *lane)
{
    return lane->n_busy > 0 && !lane->is_stopping &&
           lane->waiting.length < lane->config.batch_max &&
           g_get_monotonic_time() < lane->patience_ends_us;
}

static void begin_patience(struct sdm_lane *lane)
{
    lane->patience_ends_us = sdm_cond_deadline_us(lane->config.patience_ms);
}

/* Waits until something may have changed. */
static void wait_for_work(struct sdm_lane *lane)
{
    if (may_take(lane)) {
        lane->n_patient++;
        sdm_cond_wait_until(&lane->work, &lane->mutex, lane->patience_ends_us);
        lane->n_patient--;
    } else {
        pthread_cond_wait(&lane->work, &lane->mutex);
    }
}

/* Waits for jobs and takes them; 0 when the worker shall end.  'has_room' says that the one who
 * was refused has to be told. */
static size_t take(struct sdm_lane *lane, void **jobs, bool *has_room)
{
    size_t n = 0;

    *has_room = false;
    pthread_mutex_lock(&lane->mutex);
    while ((!may_take(lane) && !lane->is_stopping) || (may_take(lane) && is_patient(lane))) {
        wait_for_work(lane);
    }
    if (may_take(lane)) {
        while (n < lane->config.batch_max && !g_queue_is_empty(&lane->waiting)) {
            jobs[n++] = g_queue_pop_head(&lane->waiting);
        }
        lane->n_busy++;
        begin_patience(lane);
        lane->n_taken += n;
        lane->n_batches++;
        if (lane->was_full && g_queue_get_length(&lane->waiting) <= lane->config.capacity / 2) {
            lane->was_full = false;
            *has_room = true;
        }
        if (!g_queue_is_empty(&lane->waiting)) {
            pthread_cond_signal(&lane->work);
        }
    }
    pthread_mutex_unlock(&lane->mutex);
    return n;
}

static void account(struct sdm_lane *lane, int64_t busy_us)
{
    pthread_mutex_lock(&lane->mutex);
    lane->n_busy--;
    lane->busy_us += (uint64_t)busy_us;
    if (lane->n_busy == 0 && g_queue_is_empty(&lane->waiting)) {
        pthread_cond_broadcast(&lane->idle);
    }
    pthread_mutex_unlock(&lane->mutex);
}

static void *work(void *data)
{
    struct worker *worker = data;
    struct sdm_lane *lane = worker->lane;
    const struct sdm_lane_config *config = &lane->config;
    g_autofree void **jobs = g_new(void *, config->batch_max);
    void *own = config->user;
    bool has_room;
    size_t n;

    pthread_setname_np(pthread_self(), lane->name);
    if (config->worker_new != NULL) {
        own = config->worker_new(config->user, worker->index);
    }
    while ((n = take(lane, jobs, &has_room)) > 0) {
        int64_t start_us = g_get_monotonic_time();

        if (has_room && config->has_room != NULL) {
            config->has_room(config->user);
        }
        config->handle(own, jobs, n);
        account(lane, g_get_monotonic_time() - start_us);
    }
    if (config->worker_free != NULL) {
        config->worker_free(own);
    }
    return NULL;
}

struct sdm_lane *sdm_lane_new(const struct sdm_lane_config *config)
{
    struct sdm_lane *lane = g_new0(struct sdm_lane, 1);

    g_assert(config->n_workers >= 1 && config->n_workers <= 64);
    g_assert(config->capacity >= 1 && config->batch_max >= 1 && config->batch_max <= 4096);
    lane->config = *config;
    g_strlcpy(lane->name, config->name, sizeof lane->name);
    lane->config.name = lane->name;
    pthread_mutex_init(&lane->mutex, NULL);
    sdm_cond_init(&lane->work);
    sdm_cond_init(&lane->idle);
    sdm_cond_init(&lane->wakeup);
    g_queue_init(&lane->waiting);
    lane->workers = g_new0(struct worker, config->n_workers);
    for (unsigned i = 0; i < config->n_workers; i++) {
        int failed;

        lane->workers[i] = (struct worker){.lane = lane, .index = i};
        failed = pthread_create(&lane->workers[i].thread, NULL, work, &lane->workers[i]);
        g_assert(failed == 0);
    }
    return lane;
}

void sdm_lane_free(struct sdm_lane *lane)
{
    if (lane == NULL) {
        return;
    }
    if (lane->metrics != NULL) {
        sdm_metrics_remove_user(lane->metrics, lane);
    }
    sdm_lane_stop(lane, false);
    pthread_cond_destroy(&lane->work);
    pthread_cond_destroy(&lane->idle);
    pthread_cond_destroy(&lane->wakeup);
    pthread_mutex_destroy(&lane->mutex);
    g_free(lane->outage);
    g_free(lane->workers);
    g_free(lane);
}

bool sdm_lane_try_push(struct sdm_lane *lane, void *job)
{
    bool is_taken = false;

    pthread_mutex_lock(&lane->mutex);
    if (!lane->is_stopping && g_queue_get_length(&lane->waiting) < lane->config.capacity) {
        if (g_queue_is_empty(&lane->waiting)) {
            begin_patience(lane);
        }
        g_queue_push_tail(&lane->waiting, job);
        lane->n_pushed++;
        is_taken = true;
        /* Those who work look for more by themselves when they are done. */
        if (lane->n_busy < lane->config.n_workers && (lane->n_patient == 0 || !is_patient(lane))) {
            pthread_cond_signal(&lane->work);
        }
    } else {
        lane->was_full = true;
        lane->n_refused++;
    }
    pthread_mutex_unlock(&lane->mutex);
    return is_taken;
}

void sdm_lane_hurry(struct sdm_lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    lane->patience_ends_us = 0;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->mutex);
}

static void free_jobs(const struct sdm_lane *lane, void *const *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_assert(lane->config.job_free != NULL);
        lane->config.job_free(jobs[i]);
    }
}

void sdm_lane_put_back(struct sdm_lane *lane, void *const *jobs, size_t n)
{
    bool is_kept;

    pthread_mutex_lock(&lane->mutex);
    is_kept = !lane->is_joined && (!lane->is_stopping || lane->is_draining);
    if (is_kept) {
        for (size_t i = n; i > 0; i--) {
            g_queue_push_head(&lane->waiting, jobs[i - 1]);
        }
        pthread_cond_signal(&lane->work);
    }
    pthread_mutex_unlock(&lane->mutex);
    if (!is_kept) {
        free_jobs(lane, jobs, n);
    }
}

static void set_paused(struct sdm_lane *lane, bool is_paused)
{
    pthread_mutex_lock(&lane->mutex);
    lane->is_paused = is_paused;
    pthread_cond_broadcast(&lane->work);
    pthread_mutex_unlock(&lane->mutex);
}

void sdm_lane_pause(struct sdm_lane *lane)
{
    set_paused(lane, true);
}

void sdm_lane_resume(struct sdm_lane *lane)
{
    set_paused(lane, false);
}

bool sdm_lane_sleep(struct sdm_lane *lane, unsigned wait_ms)
{
    int64_t end_us = sdm_cond_deadline_us(wait_ms);
    bool goes_on;
    bool is_late = false;

    pthread_mutex_lock(&lane->mutex);
    while (!lane->is_stopping && !is_late) {
        is_late = !sdm_cond_wait_until(&lane->wakeup, &lane->mutex, end_us);
    }
    goes_on = !lane->is_stopping;
    pthread_mutex_unlock(&lane->mutex);
    return goes_on;
}

void sdm_lane_begin_outage(struct sdm_lane *lane, const char *why)
{
    pthread_mutex_lock(&lane->mutex);
    lane->n_outages++;
    g_free(lane->outage);
    lane->outage = g_strdup(why);
    pthread_mutex_unlock(&lane->mutex);
}

void sdm_lane_end_outage(struct sdm_lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    if (--lane->n_outages == 0) {
        g_clear_pointer(&lane->outage, g_free);
    }
    pthread_mutex_unlock(&lane->mutex);
}

char *sdm_lane_dup_outage(struct sdm_lane *lane)
{
    char *why;

    pthread_mutex_lock(&lane->mutex);
    why = g_strdup(lane->outage);
    pthread_mutex_unlock(&lane->mutex);
    return why;
}

void sdm_lane_drain(struct sdm_lane *lane)
{
    pthread_mutex_lock(&lane->mutex);
    while (lane->n_busy > 0 || !g_queue_is_empty(&lane->waiting)) {
        pthread_cond_wait(&lane->idle, &lane->mutex);
    }
    pthread_mutex_unlock(&lane->mutex);
}

void sdm_lane_stop(struct sdm_lane *lane, bool drain)
{
    void *job;

    pthread_mutex_lock(&lane->mutex);
    if (lane->is_joined) {
        pthread_mutex_unlock(&lane->mutex);
        return;
    }
    lane->is_stopping = true;
    lane->is_draining = drain;
    pthread_cond_broadcast(&lane->work);
    pthread_cond_broadcast(&lane->wakeup);
    pthread_mutex_unlock(&lane->mutex);
    for (unsigned i = 0; i < lane->config.n_workers; i++) {
        pthread_join(lane->workers[i].thread, NULL);
    }
    pthread_mutex_lock(&lane->mutex);
    lane->is_joined = true;
    pthread_mutex_unlock(&lane->mutex);
    while ((job = g_queue_pop_head(&lane->waiting)) != NULL) {
        free_jobs(lane, &job, 1);
    }
}

void sdm_lane_get_stats(struct sdm_lane *lane, struct sdm_lane_stats *stats)
{
    pthread_mutex_lock(&lane->mutex);
    *stats = (struct sdm_lane_stats){
        .depth = g_queue_get_length(&lane->waiting),
        .n_busy = lane->n_busy,
        .is_paused = lane->is_paused || lane->n_outages > 0,
        .n_pushed = lane->n_pushed,
        .n_refused = lane->n_refused,
        .n_taken = lane->n_taken,
        .n_batches = lane->n_batches,
        .busy_us = lane->busy_us,
    };
    pthread_mutex_unlock(&lane->mutex);
}

const char *sdm_lane_get_name(const struct sdm_lane *lane)
{
    return lane->name;
}

#define STAT(member, factor)                                                                       \
    static double read_##member(void *user)                                                        \
    {                                                                                              \
        struct sdm_lane_stats stats;                                                               \
                                                                                                   \
        sdm_lane_get_stats(user, &stats);                                                          \
        return (double)stats.member * (factor);                                                    \
    }

STAT(depth, 1)
STAT(n_busy, 1)
STAT(is_paused, 1)
STAT(n_refused, 1)
STAT(n_taken, 1)
STAT(n_batches, 1)
STAT(busy_us, 1e-6)

void sdm_lane_export(struct sdm_lane *lane, struct sdm_metrics *metrics)
{
    static const struct {
        enum sdm_metrics_kind kind;
        const char *name;
        const char *help;
        double (*read)(void *user);
    } rows[] = {
        {SDM_METRICS_GAUGE, "sdm_lane_depth", "jobs waiting", read_depth},
        {SDM_METRICS_GAUGE, "sdm_lane_busy_workers", "workers at work", read_n_busy},
        {SDM_METRICS_GAUGE, "sdm_lane_paused", "1 while an outage holds it", read_is_paused},
        {SDM_METRICS_COUNTER, "sdm_lane_refused_total", "pushes that found it full",
         read_n_refused},
        {SDM_METRICS_COUNTER, "sdm_lane_jobs_total", "jobs given to a worker", read_n_taken},
        {SDM_METRICS_COUNTER, "sdm_lane_batches_total", "batches of jobs", read_n_batches},
        {SDM_METRICS_COUNTER, "sdm_lane_busy_seconds_total", "time of all workers at work",
         read_busy_us},
    };

    lane->metrics = metrics;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        sdm_metrics_add_function(metrics, rows[i].kind, rows[i].name, rows[i].help, rows[i].read,
                                 lane, "lane", lane->name, NULL);
    }
}
