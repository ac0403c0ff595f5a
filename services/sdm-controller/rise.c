#include "sdm-controller/rise.h"

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/fabric/session.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/leader.h"

/* One that is lost may have been given up for what it has seen; it is not waited for long. */
enum { N_WORKERS = 16, POLL_US = 2000, LOST_TIMEOUT_MS = 100 };

struct rising {
    int64_t timeout_ms;
    int64_t deadline_us;
    int n_left; /* atomic */
};

/* One device; read by others when 'n_left' is 0. */
struct question {
    struct rising *rising;
    const struct sdm_asked_device *device;
    int64_t seen;
};

/* Under epoch 0, which a device that has seen any refuses, and says which. */
static void ask(struct question *question)
{
    struct rising *rising = question->rising;
    int64_t left_ms = (rising->deadline_us - g_get_monotonic_time()) / 1000;
    int64_t timeout_ms = question->device->lost ? LOST_TIMEOUT_MS : rising->timeout_ms / 2 + 1;
    g_autoptr(GError) error = NULL;

    if (left_ms > 0 && !sdm_session_ask_epoch(question->device->endpoint, question->device->id, 0,
                                              MIN(left_ms, timeout_ms), &question->seen, &error)) {
        sdm_log_limited(SDM_LOG_WARNING, "epoch-not-known",
                        sdm_log_text("device", question->device->id), sdm_log_gerror(error));
    }
}

static void handle(void *worker, void *const *jobs, size_t n)
{
    (void)worker;
    for (size_t i = 0; i < n; i++) {
        struct question *question = jobs[i];

        ask(question);
        g_atomic_int_dec_and_test(&question->rising->n_left);
    }
}

static void leave(void *job)
{
    (void)job;
}

/* Waits for all, and shows life meanwhile. */
static void ask_all(struct sdm_pg *pg, int64_t epoch, const struct sdm_rise_config *config,
                    struct question *questions, size_t n)
{
    struct rising rising = {
        .timeout_ms = config->timeout_ms,
        .deadline_us = g_get_monotonic_time() + config->timeout_ms * 1000,
        .n_left = (int)n,
    };
    g_autoptr(sdm_lane) lane = sdm_lane_new(&(struct sdm_lane_config){
        .name = "rise",
        .n_workers = N_WORKERS,
        .capacity = n,
        .batch_max = 1,
        .handle = handle,
        .job_free = leave,
    });
    int64_t beat_us = g_get_monotonic_time();

    for (size_t i = 0; i < n; i++) {
        questions[i].rising = &rising;
        sdm_lane_try_push(lane, &questions[i]);
    }
    while (g_atomic_int_get(&rising.n_left) > 0) {
        g_autoptr(GError) error = NULL;

        if (g_get_monotonic_time() - beat_us >= config->beat_ms * 1000) {
            beat_us = g_get_monotonic_time();
            sdm_leader_beat(pg, epoch, &error);
        }
        g_usleep(POLL_US);
    }
}

static int64_t highest(int64_t epoch, const struct question *questions, size_t n)
{
    int64_t seen = 0;

    for (size_t i = 0; i < n; i++) {
        if (questions[i].seen - epoch >= SDM_LEADER_RISE_MAX) {
            sdm_log_event(SDM_LOG_ERROR, "epoch-untrue",
                          sdm_log_text("device", questions[i].device->id),
                          sdm_log_int("seen", questions[i].seen), sdm_log_int("epoch", epoch));
        } else {
            seen = MAX(seen, questions[i].seen);
        }
    }
    return seen;
}

int64_t sdm_rise(struct sdm_pg *pg, int64_t epoch, const struct sdm_rise_config *config,
                 bool *is_older)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    struct sdm_asked_device *devices;
    struct question *questions;
    int64_t risen = epoch;
    int64_t seen;
    size_t n;

    *is_older = false;
    if (!sdm_store_asked_devices(pg, 0, arena, &devices, &n, &error)) {
        sdm_log_limited(SDM_LOG_WARNING, "epochs-not-known", sdm_log_gerror(error));
        return epoch;
    }
    if (n == 0) {
        return epoch;
    }
    questions = SDM_ARENA_NEW(arena, struct question, n);
    for (size_t i = 0; i < n; i++) {
        questions[i] = (struct question){.device = &devices[i]};
    }
    ask_all(pg, epoch, config, questions, n);
    seen = highest(epoch, questions, n);
    if (seen < epoch) {
        return epoch;
    }
    *is_older = true;
    if (!sdm_leader_rise(pg, epoch, seen, config->holder, &risen, &error)) {
        sdm_log_event(SDM_LOG_WARNING, "not-risen", sdm_log_gerror(error));
        return epoch;
    }
    sdm_log_event(SDM_LOG_WARNING, "risen", sdm_log_int("from", epoch),
                  sdm_log_int("epoch", risen));
    return risen;
}
