#include "sdm-controller/dispatcher/dispatcher.h"

#include "lib/base/error.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/replies.h"
#include "sdm-controller/dispatcher/request.h"
#include "sdm-controller/dispatcher/trial.h"
#include "sdm-controller/dispatcher/worker.h"

/* Longer than a batch takes on a database that is not in trouble. */
#define PATIENCE_MS 100

/* The queues that are consumed from. */
enum { SOURCE_S10, SOURCE_S11, SOURCE_TRIAL, N_SOURCES };

struct source {
    struct sdm_dispatcher *dispatcher;
    const char *queue;
    struct sdm_amqp_consumer *consumer;
};

struct sdm_dispatcher {
    struct sdm_amqp *amqp;
    struct sdm_replies *replies;
    struct sdm_trial *trial;
    struct sdm_worker_config worker_config;
    struct sdm_worker_lane lanes[SDM_N_LANE_ID];
    struct source sources[N_SOURCES];
};

static bool is_read(const struct sdm_request *request)
{
    const struct sdm_route *route = sdm_request_peek_route(request->delivery);

    return route != NULL && route->read != NULL;
}

/* What only reads goes to the lane with many workers, whatever queue it came by. */
static enum sdm_lane_id choose_lane(const struct sdm_request *request)
{
    const struct sdm_route *route = sdm_request_peek_route(request->delivery);

    if (route == NULL) {
        return g_strcmp0(request->queue, SDM_QUEUE_S11) == 0 ? SDM_LANE_REGISTRY
                                                             : SDM_LANE_RESERVATION;
    }
    return is_read(request) ? SDM_LANE_RESERVATION : route->lane;
}

static bool deliver(void *user, struct sdm_amqp_delivery *delivery)
{
    const struct source *source = user;
    struct sdm_dispatcher *dispatcher = source->dispatcher;
    struct sdm_request *request;
    struct sdm_lane *lane;
    bool hurries;

    if (source != &dispatcher->sources[SOURCE_TRIAL] &&
        delivery->delivery_count >= SDM_TRIAL_AFTER) {
        sdm_trial_move_take(dispatcher->trial, delivery, source->queue);
        return true;
    }
    request = sdm_request_new_take(delivery, g_get_monotonic_time());
    request->queue = source->queue;
    if (source == &dispatcher->sources[SOURCE_TRIAL]) {
        request->is_on_trial = true;
        request->n_tries = sdm_trial_take_up(dispatcher->trial, delivery, &request->queue);
    }
    lane = dispatcher->lanes[choose_lane(request)].lane;
    hurries = is_read(request);
    if (sdm_lane_try_push(lane, request)) {
        if (hurries) {
            sdm_lane_hurry(lane);
        }
        return true;
    }
    request->delivery = NULL;
    sdm_request_free(request);
    return false;
}

static void has_room(void *user)
{
    const struct sdm_worker_lane *lane = user;
    struct sdm_dispatcher *dispatcher = lane->owner;

    for (size_t i = 0; i < N_SOURCES; i++) {
        if (dispatcher->sources[i].consumer != NULL) {
            sdm_amqp_consumer_resume(dispatcher->sources[i].consumer);
        }
    }
}

static void free_job(void *job)
{
    sdm_request_free(job);
}

static void start_lane(struct sdm_dispatcher *dispatcher, enum sdm_lane_id id, const char *name,
                       unsigned n_workers, const struct sdm_dispatcher_config *config)
{
    struct sdm_worker_lane *lane = &dispatcher->lanes[id];
    const struct sdm_lane_config lane_config = {
        .name = name,
        .n_workers = n_workers,
        /* Room for both queues: what they may send unanswered always finds a place. */
        .capacity = (size_t)config->prefetch * SDM_N_LANE_ID,
        /* A registration starts from what the one before it has committed. */
        .batch_max = id == SDM_LANE_REGISTRY ? 1 : config->batch_max,
        .patience_ms = PATIENCE_MS,
        .handle = sdm_worker_handle,
        .worker_new = sdm_worker_new,
        .worker_free = sdm_worker_free,
        .has_room = has_room,
        .job_free = free_job,
        .user = lane,
    };

    lane->config = &dispatcher->worker_config;
    lane->id = id;
    lane->owner = dispatcher;
    lane->lane = sdm_lane_new(&lane_config);
    sdm_lane_export(lane->lane, config->metrics);
}

static void start_source(struct sdm_dispatcher *dispatcher, int index, const char *queue,
                         uint16_t prefetch)
{
    struct source *source = &dispatcher->sources[index];
    const struct sdm_amqp_consumer_config config = {
        .queue = queue,
        .prefetch = prefetch,
        /* What a stopped leader would be given, and keep until the broker misses its heartbeats. */
        .priority = sdm_broker_priority(dispatcher->worker_config.epoch),
        .deliver = deliver,
        .user = source,
    };

    source->dispatcher = dispatcher;
    source->queue = queue;
    source->consumer = sdm_amqp_consume(dispatcher->amqp, &config);
}

struct sdm_dispatcher *sdm_dispatcher_new(const struct sdm_dispatcher_config *config)
{
    struct sdm_dispatcher *dispatcher = g_new0(struct sdm_dispatcher, 1);

    dispatcher->amqp = config->amqp;
    dispatcher->trial = sdm_trial_new(config->amqp);
    dispatcher->replies =
        sdm_replies_new(config->amqp, config->dead, dispatcher->trial, config->metrics);
    dispatcher->worker_config = (struct sdm_worker_config){
        .database = config->database,
        .epoch = config->epoch,
        .use_cases = config->use_cases,
        .auth = config->auth,
        .replies = dispatcher->replies,
        .on_superseded = config->on_superseded,
        .user = config->user,
    };
    start_lane(dispatcher, SDM_LANE_RESERVATION, "reservation", config->n_workers, config);
    start_lane(dispatcher, SDM_LANE_REGISTRY, "registry", 1, config);
    start_source(dispatcher, SOURCE_S10, SDM_QUEUE_S10, config->prefetch);
    start_source(dispatcher, SOURCE_S11, SDM_QUEUE_S11, config->prefetch);
    /* One at a time: what does not end is that one's fault. */
    start_source(dispatcher, SOURCE_TRIAL, SDM_QUEUE_TRIAL, 1);
    return dispatcher;
}

bool sdm_dispatcher_check(struct sdm_dispatcher *dispatcher, GError **error)
{
    for (size_t i = 0; i < SDM_N_LANE_ID; i++) {
        g_autofree char *why = sdm_lane_dup_outage(dispatcher->lanes[i].lane);

        if (why != NULL) {
            return sdm_unavailable(error, "requests wait: %s", why);
        }
    }
    return true;
}

void sdm_dispatcher_stop(struct sdm_dispatcher *dispatcher)
{
    for (size_t i = 0; i < N_SOURCES; i++) {
        sdm_amqp_consumer_stop(dispatcher->sources[i].consumer);
    }
    for (size_t i = 0; i < SDM_N_LANE_ID; i++) {
        sdm_lane_stop(dispatcher->lanes[i].lane, true);
    }
}

void sdm_dispatcher_free(struct sdm_dispatcher *dispatcher)
{
    if (dispatcher == NULL) {
        return;
    }
    for (size_t i = 0; i < SDM_N_LANE_ID; i++) {
        sdm_lane_free(dispatcher->lanes[i].lane);
    }
    sdm_replies_free(dispatcher->replies);
    sdm_trial_free(dispatcher->trial);
    g_free(dispatcher);
}

struct sdm_lane *sdm_dispatcher_lane(const struct sdm_dispatcher *dispatcher, enum sdm_lane_id id)
{
    return dispatcher->lanes[id].lane;
}
