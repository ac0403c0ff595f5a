#include "sdm-controller/dispatcher/replies.h"

#include <string.h>

#include "lib/svc/log.h"
#include "lib/wire/oslo.h"

struct route_metrics {
    struct sdm_counter *answered;
    struct sdm_counter *refused;
    struct sdm_counter *waiting;
    struct sdm_counter *failed;
    struct sdm_histogram *latency;
};

struct sdm_replies {
    struct sdm_amqp *amqp;
    struct sdm_dead *dead;
    struct sdm_trial *trial;
    struct route_metrics *routes; /* sdm_n_routes and one for what is none of them */
};

/* What a publication still owes: the verdict on the request. */
struct owed {
    struct sdm_replies *replies;
    struct sdm_amqp_tag tag;
    enum sdm_amqp_verdict verdict;
};

static struct sdm_counter *counter(struct sdm_metrics *metrics, const char *type,
                                   const char *verdict)
{
    return sdm_metrics_counter(metrics, "sdm_requests_total",
                               "Requests that were answered, by message type and verdict", "type",
                               type, "verdict", verdict, NULL);
}

struct sdm_replies *sdm_replies_new(struct sdm_amqp *amqp, struct sdm_dead *dead,
                                    struct sdm_trial *trial, struct sdm_metrics *metrics)
{
    struct sdm_replies *replies = g_new0(struct sdm_replies, 1);

    replies->amqp = amqp;
    replies->dead = dead;
    replies->trial = trial;
    replies->routes = g_new0(struct route_metrics, sdm_n_routes + 1);
    for (size_t i = 0; i <= sdm_n_routes; i++) {
        const char *type = i < sdm_n_routes ? sdm_routes[i].type : "other";

        replies->routes[i] = (struct route_metrics){
            .answered = counter(metrics, type, "answered"),
            .refused = counter(metrics, type, "refused"),
            .waiting = counter(metrics, type, "waiting"),
            .failed = counter(metrics, type, "failed"),
            .latency =
                sdm_metrics_histogram(metrics, "sdm_request_duration_seconds",
                                      "Time from the delivery of a request to its answer or commit",
                                      &sdm_metrics_latency, "type", type, NULL),
        };
    }
    return replies;
}

void sdm_replies_free(struct sdm_replies *replies)
{
    if (replies != NULL) {
        g_free(replies->routes);
        g_free(replies);
    }
}

static const struct route_metrics *metrics_of(const struct sdm_replies *replies,
                                              const struct sdm_request *request)
{
    size_t index = request->route != NULL ? (size_t)(request->route - sdm_routes) : sdm_n_routes;

    return &replies->routes[index];
}

static void count(const struct sdm_replies *replies, const struct sdm_request *request)
{
    const struct route_metrics *metrics = metrics_of(replies, request);

    if (request->state == SDM_REQUEST_WAITING) {
        sdm_counter_add(metrics->waiting, 1);
    } else if (strcmp(request->reply_type, "error/1") == 0) {
        sdm_counter_add(metrics->refused, 1);
    } else {
        sdm_counter_add(metrics->answered, 1);
    }
    sdm_histogram_observe(metrics->latency, g_get_monotonic_time() - request->received_us);
}

static void on_published(void *user, enum sdm_amqp_outcome outcome)
{
    struct owed *owed = user;

    /* LOST: with the connection the broker takes the request back, and delivers it again.
     * RETURNED, REFUSED: the asker's queue is gone or full; the answer is kept as stored. */
    if (outcome != SDM_AMQP_LOST) {
        sdm_amqp_settle(owed->replies->amqp, &owed->tag, 1, owed->verdict);
    }
    g_free(owed);
}

static struct sdm_amqp_message message_of(const struct sdm_request *request, const char *body)
{
    return (struct sdm_amqp_message){
        .exchange = "",
        .routing_key = request->address.reply_to,
        .type = request->reply_type,
        .correlation_id = request->address.correlation_id,
        .content_type = "application/json",
        .body = body,
        .size = strlen(body),
        .is_persistent = true,
        .is_mandatory = true,
    };
}

static void publish(struct sdm_replies *replies, const struct sdm_request *request,
                    const char *body, enum sdm_amqp_verdict verdict)
{
    struct sdm_amqp_message message = message_of(request, body);
    struct owed *owed = g_new(struct owed, 1);

    *owed = (struct owed){replies, request->delivery->tag, verdict};
    if (!sdm_amqp_publish(replies->amqp, &message, on_published, owed, NULL)) {
        /* Without a connection this says nothing to anybody; with too much waiting it comes again.
         */
        sdm_amqp_settle(replies->amqp, &owed->tag, 1, SDM_AMQP_REQUEUE);
        g_free(owed);
    }
}

/* Sends the answer, after which the request is settled with 'verdict'. */
static void answer(struct sdm_replies *replies, const struct sdm_request *request,
                   enum sdm_amqp_verdict verdict)
{
    g_autofree char *enveloped = NULL;
    g_autoptr(GError) error = NULL;

    if (request->address.reply_to == NULL) {
        sdm_amqp_settle(replies->amqp, &request->delivery->tag, 1, verdict);
        return;
    }
    if (request->address.oslo_msg_id == NULL) {
        publish(replies, request, request->reply, verdict);
        return;
    }
    enveloped = sdm_oslo_encode_reply(request->address.oslo_msg_id, request->reply_type,
                                      request->reply, strlen(request->reply), &error);
    if (enveloped == NULL) {
        g_error("a reply that we wrote is no JSON object: %s", error->message);
    }
    publish(replies, request, enveloped, verdict);
}

/* A letter that the broker still owes its word on. */
struct burial {
    struct sdm_replies *replies;
    struct sdm_request *request;
};

static void on_buried(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct burial *burial = user;
    g_autoptr(sdm_request) request = burial->request;
    enum sdm_amqp_verdict verdict;

    if (sdm_dead_verdict(outcome, &verdict)) {
        answer(burial->replies, request, verdict);
    }
}

static void bury_take(struct sdm_replies *replies, struct sdm_request *request)
{
    struct burial *burial = g_new(struct burial, 1);

    *burial = (struct burial){replies, request};
    if (!sdm_dead_bury(replies->dead, request->delivery, request->queue, request->dead,
                       request->refusal, on_buried, burial, NULL)) {
        /* As with answers: it comes again. */
        sdm_amqp_settle(replies->amqp, &request->delivery->tag, 1, SDM_AMQP_REQUEUE);
        sdm_request_free(request);
        g_free(burial);
    }
}

void sdm_replies_send_take(struct sdm_replies *replies, struct sdm_request *request)
{
    count(replies, request);
    if (request->dead != SDM_DEAD_NOT) {
        bury_take(replies, request);
        return;
    }
    if (request->state == SDM_REQUEST_WAITING) {
        sdm_amqp_settle(replies->amqp, &request->delivery->tag, 1, SDM_AMQP_ACK);
    } else {
        answer(replies, request, SDM_AMQP_ACK);
    }
    sdm_request_free(request);
}

#ifdef SDM_FAULTS
static void ignore_outcome(void *user, enum sdm_amqp_outcome outcome)
{
    (void)user;
    (void)outcome;
}

void sdm_replies_send_early(struct sdm_replies *replies, const struct sdm_request *request)
{
    if (request->state == SDM_REQUEST_ANSWERED && request->address.reply_to != NULL &&
        request->address.oslo_msg_id == NULL) {
        struct sdm_amqp_message message = message_of(request, request->reply);

        sdm_amqp_publish(replies->amqp, &message, ignore_outcome, NULL, NULL);
    }
}
#endif

void sdm_replies_fail_take(struct sdm_replies *replies, struct sdm_request *request,
                           const GError *why)
{
    sdm_counter_add(metrics_of(replies, request)->failed, 1);
    sdm_log_limited(
        SDM_LOG_ERROR, "request-failed", sdm_log_text("type", request->type),
        sdm_log_text("user", request->caller.user), sdm_log_text("key", request->members.key),
        sdm_log_int("delivery", request->delivery->delivery_count + 1), sdm_log_gerror(why));
    if (!request->is_on_trial) {
        sdm_trial_move_take(replies->trial, g_steal_pointer(&request->delivery), request->queue);
        sdm_request_free(request);
    } else if (request->n_tries + 1 < SDM_TRIALS) {
        sdm_trial_note_failure(replies->trial, request->delivery);
        sdm_amqp_settle(replies->amqp, &request->delivery->tag, 1, SDM_AMQP_REQUEUE);
        sdm_request_free(request);
    } else {
        request->dead = SDM_DEAD_FAILED;
        sdm_request_answer_error(request, why);
        g_clear_error(&request->refusal);
        request->refusal = g_error_copy(why);
        bury_take(replies, request);
    }
}
