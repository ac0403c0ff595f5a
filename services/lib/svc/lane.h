/* A bounded queue with workers of its own.
 *
 * A worker takes up to 'batch_max' waiting jobs at once.  While nobody works a job is taken at
 * once, so that a lone one is not delayed to fill a batch.  A full lane refuses, and says later
 * that it has room again, so that its source can stop asking instead of anything being dropped.
 *
 * Thread rule: every function may be called from any thread, sdm_lane_stop() and sdm_lane_free()
 * not from a worker of the lane itself.  Callbacks run without a lock held. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/svc/metrics.h"

struct sdm_lane;
typedef struct sdm_lane sdm_lane;

struct sdm_lane_config {
    const char *name;   /* at most 15 characters; the workers' thread name */
    unsigned n_workers; /* 1 to 64 */
    size_t capacity;    /* jobs waiting, at least 1 */
    size_t batch_max;   /* jobs a call of 'handle', 1 to 4096 */
    /* While a worker is at a batch another one joins it when a whole batch waits, or when jobs have
     * waited for so long: what comes meanwhile becomes one batch, and not several small ones that
     * cost more together.  0: at once. */
    unsigned patience_ms;

    /* Carries out 'n' jobs in their order, on a worker's thread; the jobs are the handler's. */
    void (*handle)(void *worker, void *const *jobs, size_t n);
    /* Makes and frees what a worker has for itself, such as a database connection, on the worker's
     * thread; both may be NULL. */
    void *(*worker_new)(void *user, unsigned index);
    void (*worker_free)(void *worker);
    /* Once after a refused push, on a worker's thread, when the lane is half empty again; may be
     * NULL. */
    void (*has_room)(void *user);
    /* For a job that sdm_lane_stop() finds waiting; needed unless every stop drains. */
    void (*job_free)(void *job);
    void *user; /* first argument of worker_new and has_room; 'worker' if worker_new is NULL */
};

/* Starts the workers. */
struct sdm_lane *sdm_lane_new(const struct sdm_lane_config *config);

/* sdm_lane_stop() without draining, if that has not been done. */
void sdm_lane_free(struct sdm_lane *lane);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_lane, sdm_lane_free)

/* False when the lane is full or stops; the job then stays the caller's. */
bool sdm_lane_try_push(struct sdm_lane *lane, void *job);

/* Ends the patience of workers with what waits: it gains nothing from being in one batch. */
void sdm_lane_hurry(struct sdm_lane *lane);

/* Puts jobs that a handler could not begin back to the front in their order, beyond the capacity
 * if need be; for outages, after sdm_lane_pause().  A stopping lane frees them. */
void sdm_lane_put_back(struct sdm_lane *lane, void *const *jobs, size_t n);

/* Workers finish what they have and take nothing more until sdm_lane_resume(). */
void sdm_lane_pause(struct sdm_lane *lane);
void sdm_lane_resume(struct sdm_lane *lane);

/* For a handler that waits for an outage to end: false at once when the lane stops, else true
 * after 'wait_ms'. */
bool sdm_lane_sleep(struct sdm_lane *lane, unsigned wait_ms);

/* For a handler that waits: a part that it needs is away, 'why' says which.  Each begin is followed
 * by one end of the same handler; of several that wait the last to begin tells why. */
void sdm_lane_begin_outage(struct sdm_lane *lane, const char *why);
void sdm_lane_end_outage(struct sdm_lane *lane);

/* Why handlers wait, or NULL when none does; the caller frees it. */
char *sdm_lane_dup_outage(struct sdm_lane *lane);

/* Blocks until nothing waits and no handler runs; a paused lane is not drained while it waits. */
void sdm_lane_drain(struct sdm_lane *lane);

/* Takes no more jobs, and ends the workers: after all that waits has been handled when 'drain',
 * also if the lane is paused; else after what they are at, and frees the rest. */
void sdm_lane_stop(struct sdm_lane *lane, bool drain);

struct sdm_lane_stats {
    size_t depth;   /* waiting now */
    size_t n_busy;  /* workers in their handler now */
    bool is_paused; /* by sdm_lane_pause(), or because a handler waits for an outage to end */
    uint64_t n_pushed;
    uint64_t n_refused; /* pushes that found the lane full */
    uint64_t n_taken;   /* jobs given to a handler */
    uint64_t n_batches; /* calls of a handler */
    uint64_t busy_us;   /* time in handlers, of all workers together */
};

void sdm_lane_get_stats(struct sdm_lane *lane, struct sdm_lane_stats *stats);
const char *sdm_lane_get_name(const struct sdm_lane *lane);

/* Shows the statistics as sdm_lane_*{lane="name"} until the lane is freed; 'metrics' outlives it.
 */
void sdm_lane_export(struct sdm_lane *lane, struct sdm_metrics *metrics);
