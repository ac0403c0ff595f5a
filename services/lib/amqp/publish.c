#include "lib/amqp/amqp.h"

#include "lib/amqp/core.h"
#include "lib/base/cond.h"
#include "lib/base/error.h"

struct publish_op {
    struct sdm_op op;
    struct sdm_publication *publication;
};

static void run_publish(struct sdm_amqp *amqp, struct sdm_op *op)
{
    sdm_publisher_add_take(&amqp->publisher, ((struct publish_op *)op)->publication);
    g_free(op);
}

bool sdm_amqp_publish(struct sdm_amqp *amqp, const struct sdm_amqp_message *message,
                      void (*done)(void *user, enum sdm_amqp_outcome outcome), void *user,
                      GError **error)
{
    struct sdm_publication *publication;
    struct publish_op *op;

    if (!sdm_amqp_is_connected(amqp)) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    if (atomic_fetch_add(&amqp->n_waiting, 1) >= amqp->config.max_waiting) {
        atomic_fetch_sub(&amqp->n_waiting, 1);
        return sdm_unavailable(error, "%zu messages wait to be published",
                               amqp->config.max_waiting);
    }
    publication = g_new0(struct sdm_publication, 1);
    publication->message = sdm_amqp_message_dup(message);
    publication->done = done;
    publication->user = user;
    publication->start_us = g_get_monotonic_time();
    op = g_new0(struct publish_op, 1);
    op->op.run = run_publish;
    op->publication = publication;
    sdm_op_post(amqp, &op->op);
    return true;
}

/* Both who waits and who publishes hold it: whoever lets go last frees it. */
struct awaited {
    pthread_mutex_t mutex; /* guards those below */
    pthread_cond_t ended;
    int n_holders;
    bool is_ended;
    enum sdm_amqp_outcome outcome;
};

static void awaited_unref(struct awaited *awaited)
{
    bool is_last;

    pthread_mutex_lock(&awaited->mutex);
    is_last = --awaited->n_holders == 0;
    pthread_mutex_unlock(&awaited->mutex);
    if (is_last) {
        pthread_mutex_destroy(&awaited->mutex);
        pthread_cond_destroy(&awaited->ended);
        g_free(awaited);
    }
}

static void on_awaited(void *user, enum sdm_amqp_outcome outcome)
{
    struct awaited *awaited = user;

    pthread_mutex_lock(&awaited->mutex);
    awaited->outcome = outcome;
    awaited->is_ended = true;
    pthread_cond_signal(&awaited->ended);
    pthread_mutex_unlock(&awaited->mutex);
    awaited_unref(awaited);
}

bool sdm_amqp_publish_wait(struct sdm_amqp *amqp, const struct sdm_amqp_message *message,
                           unsigned timeout_ms, enum sdm_amqp_outcome *outcome, GError **error)
{
    int64_t end_us = sdm_cond_deadline_us(timeout_ms);
    struct awaited *awaited = g_new0(struct awaited, 1);
    bool is_late = false;

    pthread_mutex_init(&awaited->mutex, NULL);
    sdm_cond_init(&awaited->ended);
    awaited->n_holders = 2;
    if (!sdm_amqp_publish(amqp, message, on_awaited, awaited, error)) {
        awaited_unref(awaited);
        awaited_unref(awaited);
        return false;
    }
    pthread_mutex_lock(&awaited->mutex);
    while (!awaited->is_ended && !is_late) {
        is_late = !sdm_cond_wait_until(&awaited->ended, &awaited->mutex, end_us);
    }
    *outcome = awaited->is_ended ? awaited->outcome : SDM_AMQP_LOST;
    pthread_mutex_unlock(&awaited->mutex);
    awaited_unref(awaited);
    return true;
}
