#include "sdm-controller/dispatcher/reports.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/pg/pg.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/store/tx.h"

#define MIN_PAUSE_MS 50
#define MAX_PAUSE_MS 2000
/* Deliveries beyond the first, until a report that fails is a dead letter.  A few too few do no
 * harm: the agent's next report says it again. */
#define MAX_FAILURES 5
/* The same for one that comes back without having failed: the controller ended each time. */
#define MAX_CRASHES 10

struct shard {
    struct sdm_reports *reports;
    struct sdm_lane *lane;
    struct sdm_amqp_consumer *consumer;
    char name[16];
};

struct sdm_reports {
    struct sdm_reports_config config;
    struct shard *shards;
    struct sdm_counter *taken;
    struct sdm_counter *dropped;
    struct sdm_counter *failed;
    bool is_stopped;
};

struct report_worker {
    struct shard *shard;
    void *taker;
    bool is_giving_up;
};

static void *worker_new(void *user, unsigned index)
{
    struct report_worker *worker = g_new0(struct report_worker, 1);
    const struct sdm_report_taker *taker;

    worker->shard = user;
    taker = &worker->shard->reports->config.taker;
    (void)index;
    worker->taker =
        taker->worker_new(taker->user, (unsigned)(worker->shard - worker->shard->reports->shards));
    return worker;
}

static void worker_free(void *data)
{
    struct report_worker *worker = data;

    worker->shard->reports->config.taker.worker_free(worker->taker);
    g_free(worker);
}

static bool take_once(struct report_worker *worker, const struct sdm_amqp_message *message,
                      GError **error)
{
    const struct sdm_report_taker *taker = &worker->shard->reports->config.taker;
    const char *type = message->type != NULL ? message->type : "";
    g_autoptr(sdm_arena) arena = sdm_arena_new();

    if (strcmp(type, sdm_s7_report_codec.type) == 0) {
        struct sdm_s7_report *report = SDM_ARENA_NEW(arena, struct sdm_s7_report, 1);

        return sdm_codec_decode(&sdm_s7_report_codec, message->body, message->size, arena, report,
                                error) &&
               taker->on_report(worker->taker, message->user_id, report, error);
    }
    if (strcmp(type, sdm_s7_ask_codec.type) == 0) {
        struct sdm_s7_ask *ask = SDM_ARENA_NEW(arena, struct sdm_s7_ask, 1);

        return sdm_codec_decode(&sdm_s7_ask_codec, message->body, message->size, arena, ask,
                                error) &&
               taker->on_ask(worker->taker, message->user_id, ask, error);
    }
    return sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no report '%s'", type);
}

/* Tries until it is taken or fails; false when the lane stops first, and for a report that has to
 * come again to another leader. */
static bool take(struct report_worker *worker, const struct sdm_amqp_message *message,
                 GError **error)
{
    struct sdm_reports *reports = worker->shard->reports;
    unsigned pause_ms = MIN_PAUSE_MS;

    while (!worker->is_giving_up) {
        g_autoptr(GError) why = NULL;

        if (take_once(worker, message, &why)) {
            return true;
        }
        if (sdm_tx_is_superseded(why)) {
            worker->is_giving_up = true;
            reports->config.on_superseded(reports->config.user);
        } else if (why->domain != SDM_UNAVAILABLE && !sdm_tx_is_again(why)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return true;
        } else if (!sdm_lane_sleep(worker->shard->lane, pause_ms)) {
            worker->is_giving_up = true;
        }
        pause_ms = MIN(pause_ms * 2, MAX_PAUSE_MS);
    }
    return false;
}

/* A letter that the broker still owes its word on. */
struct burial {
    struct sdm_reports *reports;
    struct sdm_amqp_tag tag;
};

static void on_buried(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct burial *burial = user;
    enum sdm_amqp_verdict verdict;

    if (sdm_dead_verdict(outcome, &verdict)) {
        sdm_amqp_settle(burial->reports->config.amqp, &burial->tag, 1, verdict);
    }
}

static void bury(const struct shard *shard, const struct sdm_amqp_delivery *delivery,
                 enum sdm_dead_reason reason, const GError *why)
{
    const struct sdm_reports_config *config = &shard->reports->config;
    struct burial *burial = g_new(struct burial, 1);

    *burial = (struct burial){shard->reports, delivery->tag};
    if (!sdm_dead_bury(config->dead, delivery, config->queues[shard - shard->reports->shards],
                       reason, why, on_buried, burial, NULL)) {
        sdm_amqp_settle(config->amqp, &delivery->tag, 1, SDM_AMQP_REQUEUE);
        g_free(burial);
    }
}

/* What nobody can read, from a sender whom the broker has checked; what has failed for the last
 * time.
 */
static enum sdm_dead_reason dead_reason(const struct sdm_amqp_delivery *delivery,
                                        const GError *error)
{
    if (error == NULL) {
        return SDM_DEAD_NOT;
    }
    if (error->domain == SDM_ERROR) {
        return delivery->message.user_id != NULL ? sdm_dead_reason_of(error) : SDM_DEAD_NOT;
    }
    return delivery->delivery_count >= MAX_FAILURES ? SDM_DEAD_FAILED : SDM_DEAD_NOT;
}

static void settle(const struct shard *shard, const struct sdm_amqp_delivery *delivery,
                   const GError *error)
{
    struct sdm_reports *reports = shard->reports;
    enum sdm_amqp_verdict verdict = SDM_AMQP_ACK;
    enum sdm_dead_reason dead = dead_reason(delivery, error);

    if (error == NULL) {
        sdm_counter_add(reports->taken, 1);
    } else if (error->domain == SDM_ERROR) {
        sdm_counter_add(reports->dropped, 1);
        sdm_log_limited(SDM_LOG_WARNING, "report-refused",
                        sdm_log_text("user_id", delivery->message.user_id), sdm_log_gerror(error));
    } else {
        sdm_counter_add(reports->failed, 1);
        sdm_log_limited(
            SDM_LOG_ERROR, "report-failed", sdm_log_text("user_id", delivery->message.user_id),
            sdm_log_int("delivery", delivery->delivery_count + 1), sdm_log_gerror(error));
        verdict = SDM_AMQP_REQUEUE;
    }
    if (dead != SDM_DEAD_NOT) {
        bury(shard, delivery, dead, error);
        return;
    }
    sdm_amqp_settle(reports->config.amqp, &delivery->tag, 1, verdict);
}

/* It came back too often.  Each connection that this process has lost may have been one of them,
 * and was no fault of its own. */
static bool ended_us(const struct sdm_amqp_delivery *delivery)
{
    return delivery->delivery_count - (int64_t)(delivery->tag.generation - 1) >= MAX_CRASHES;
}

static void handle(void *data, void *const *jobs, size_t n)
{
    struct report_worker *worker = data;

    for (size_t i = 0; i < n; i++) {
        g_autoptr(sdm_amqp_delivery) delivery = jobs[i];
        g_autoptr(GError) error = NULL;

        if (ended_us(delivery)) {
            sdm_fail(&error, "delivered %" PRId64 " times, and not one ended",
                     delivery->delivery_count);
            bury(worker->shard, delivery, SDM_DEAD_UNFINISHED, error);
        } else if (take(worker, &delivery->message, &error)) {
            settle(worker->shard, delivery, error);
        }
    }
}

static bool deliver(void *user, struct sdm_amqp_delivery *delivery)
{
    const struct shard *shard = user;

    return sdm_lane_try_push(shard->lane, delivery);
}

static void has_room(void *user)
{
    const struct shard *shard = user;

    sdm_amqp_consumer_resume(shard->consumer);
}

static void free_job(void *job)
{
    sdm_amqp_delivery_free(job);
}

static void start_shard(struct sdm_reports *reports, unsigned index)
{
    struct shard *shard = &reports->shards[index];
    const struct sdm_lane_config lane = {
        .name = shard->name,
        .n_workers = 1,
        .capacity = reports->config.prefetch,
        .batch_max = 64,
        .handle = handle,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .has_room = has_room,
        .job_free = free_job,
        .user = shard,
    };
    const struct sdm_amqp_consumer_config consumer = {
        .queue = reports->config.queues[index],
        .prefetch = reports->config.prefetch,
        .priority = sdm_broker_priority(reports->config.epoch),
        .deliver = deliver,
        .user = shard,
    };

    shard->reports = reports;
    g_snprintf(shard->name, sizeof shard->name, "reports-%u", index);
    shard->lane = sdm_lane_new(&lane);
    shard->consumer = sdm_amqp_consume(reports->config.amqp, &consumer);
}

static struct sdm_counter *counter(struct sdm_metrics *metrics, const char *verdict)
{
    return sdm_metrics_counter(metrics, "sdm_reports_total", "Messages of agents, by verdict",
                               "verdict", verdict, NULL);
}

struct sdm_reports *sdm_reports_new(const struct sdm_reports_config *config)
{
    struct sdm_reports *reports = g_new0(struct sdm_reports, 1);

    reports->config = *config;
    reports->taken = counter(config->metrics, "taken");
    reports->dropped = counter(config->metrics, "refused");
    reports->failed = counter(config->metrics, "failed");
    reports->shards = g_new0(struct shard, config->n_queues);
    for (unsigned i = 0; i < config->n_queues; i++) {
        start_shard(reports, i);
    }
    return reports;
}

void sdm_reports_stop(struct sdm_reports *reports)
{
    /* Consumers go with the connection. */
    if (reports->is_stopped) {
        return;
    }
    reports->is_stopped = true;
    for (unsigned i = 0; i < reports->config.n_queues; i++) {
        sdm_amqp_consumer_stop(reports->shards[i].consumer);
    }
    for (unsigned i = 0; i < reports->config.n_queues; i++) {
        sdm_lane_stop(reports->shards[i].lane, true);
    }
}

void sdm_reports_free(struct sdm_reports *reports)
{
    if (reports == NULL) {
        return;
    }
    for (unsigned i = 0; i < reports->config.n_queues; i++) {
        sdm_lane_free(reports->shards[i].lane);
    }
    g_free(reports->shards);
    g_free(reports);
}
