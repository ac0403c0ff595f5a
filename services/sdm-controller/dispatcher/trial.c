#include "sdm-controller/dispatcher/trial.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/moved.h"

struct sdm_trial {
    struct sdm_amqp *amqp;

    pthread_mutex_t mutex; /* guards those below */
    /* The message that was tried last. */
    char id[SDM_UUID_SIZE];
    int64_t n_before; /* runs that earlier processes did not end */
    int64_t n_failed; /* in this process */
};

/* A message on its way to the trial queue. */
struct move {
    struct sdm_trial *trial;
    struct sdm_amqp_tag tag;
};

struct sdm_trial *sdm_trial_new(struct sdm_amqp *amqp)
{
    struct sdm_trial *trial = g_new0(struct sdm_trial, 1);

    trial->amqp = amqp;
    pthread_mutex_init(&trial->mutex, NULL);
    return trial;
}

void sdm_trial_free(struct sdm_trial *trial)
{
    if (trial != NULL) {
        pthread_mutex_destroy(&trial->mutex);
        g_free(trial);
    }
}

static void on_moved(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct move *move = user;

    if (outcome != SDM_AMQP_LOST) {
        sdm_amqp_settle(move->trial->amqp, &move->tag, 1,
                        outcome == SDM_AMQP_CONFIRMED ? SDM_AMQP_ACK : SDM_AMQP_REQUEUE);
    }
}

void sdm_trial_move_take(struct sdm_trial *trial, struct sdm_amqp_delivery *delivery,
                         const char *queue)
{
    g_autoptr(sdm_amqp_delivery) original = delivery;
    struct move *move = g_new(struct move, 1);
    char id[SDM_UUID_SIZE];
    struct sdm_moved copy;

    *move = (struct move){trial, original->tag};
    sdm_uuid_new(id);
    sdm_moved_init(&copy, &original->message);
    sdm_moved_add(&copy, SDM_HEADER_TRIAL, id);
    sdm_moved_add_origin(&copy, &original->message, queue);
    sdm_moved_add_senders(&copy, &original->message);
    copy.message.exchange = "";
    copy.message.routing_key = SDM_QUEUE_TRIAL;
    sdm_log_limited(SDM_LOG_WARNING, "request-on-trial",
                    sdm_log_text("type", original->message.type), sdm_log_text("queue", queue),
                    sdm_log_int("delivery", original->delivery_count + 1));
    if (!sdm_amqp_publish(trial->amqp, &copy.message, on_moved, move, NULL)) {
        sdm_amqp_settle(trial->amqp, &move->tag, 1, SDM_AMQP_REQUEUE);
        g_free(move);
    }
    sdm_moved_done(&copy);
}

static const char *header_or(const struct sdm_amqp_message *message, const char *name,
                             const char *fallback)
{
    const char *text = sdm_amqp_message_get_header(message, name);

    return text != NULL ? text : fallback;
}

int64_t sdm_trial_take_up(struct sdm_trial *trial, struct sdm_amqp_delivery *delivery,
                          const char **queue)
{
    struct sdm_amqp_message *message = &delivery->message;
    const char *id = header_or(message, SDM_HEADER_TRIAL, "");
    int64_t n_tries;

    *queue = sdm_amqp_message_get_header(message, SDM_HEADER_QUEUE);
    message->exchange = header_or(message, SDM_HEADER_EXCHANGE, message->exchange);
    message->routing_key = header_or(message, SDM_HEADER_ROUTING_KEY, message->routing_key);
    message->user_id = header_or(message, SDM_HEADER_USER_ID, NULL);
    pthread_mutex_lock(&trial->mutex);
    if (strcmp(trial->id, id) != 0) {
        g_strlcpy(trial->id, id, sizeof trial->id);
        trial->n_before = delivery->delivery_count;
        trial->n_failed = 0;
    }
    /* What else the broker has counted since are connections that were lost. */
    n_tries = trial->n_before + trial->n_failed;
    pthread_mutex_unlock(&trial->mutex);
    return n_tries;
}

void sdm_trial_note_failure(struct sdm_trial *trial, const struct sdm_amqp_delivery *delivery)
{
    const char *id = header_or(&delivery->message, SDM_HEADER_TRIAL, "");

    pthread_mutex_lock(&trial->mutex);
    if (strcmp(trial->id, id) == 0) {
        trial->n_failed++;
    }
    pthread_mutex_unlock(&trial->mutex);
}
