#include <stdio.h>
#include <stdlib.h>

#include "lib/amqp/core.h"

struct settle_op {
    struct sdm_op op;
    enum sdm_amqp_verdict verdict;
    size_t n;
    struct sdm_amqp_tag tags[];
};

struct consumer_op {
    struct sdm_op op;
    struct sdm_amqp_consumer *consumer;
};

static bool start(struct sdm_amqp_consumer *consumer, GError **error)
{
    amqp_connection_state_t connection = consumer->amqp->connection;
    g_autofree char *what = g_strdup_printf("consume from '%s'", consumer->queue);
    amqp_table_entry_t priority = {
        .key = amqp_cstring_bytes("x-priority"),
        .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = consumer->config.priority},
    };
    char tag[24];

    snprintf(tag, sizeof tag, "%zu", consumer->index);
    /* Never global: that is fatal on a quorum queue.  It holds for consumers started after it. */
    amqp_basic_qos(connection, SDM_LINK_CONSUME, 0, consumer->config.prefetch, 0);
    if (!sdm_link_check(connection, what, error)) {
        return false;
    }
    amqp_basic_consume(connection, SDM_LINK_CONSUME, amqp_cstring_bytes(consumer->queue),
                       amqp_cstring_bytes(tag), 0, consumer->config.is_settled, 0,
                       (amqp_table_t){consumer->config.priority != 0, &priority});
    return sdm_link_check(connection, what, error);
}

bool sdm_consumers_start(struct sdm_amqp *amqp, GError **error)
{
    for (guint i = 0; i < amqp->consumers->len; i++) {
        struct sdm_amqp_consumer *consumer = amqp->consumers->pdata[i];

        if (!consumer->is_stopped && !start(consumer, error)) {
            return false;
        }
    }
    return true;
}

struct sdm_amqp_consumer *sdm_consumers_find(struct sdm_amqp *amqp, amqp_bytes_t tag)
{
    char text[24];
    unsigned long index;

    snprintf(text, sizeof text, "%.*s", (int)MIN(tag.len, sizeof text - 1),
             (const char *)tag.bytes);
    index = strtoul(text, NULL, 10);
    return index < amqp->consumers->len ? amqp->consumers->pdata[index] : NULL;
}

bool sdm_consumers_send(void *user, uint64_t number, bool is_multiple,
                        enum sdm_amqp_verdict verdict)
{
    struct sdm_amqp *amqp = user;

    if (verdict == SDM_AMQP_ACK) {
        sdm_counter_add(amqp->metering.ack_frames, 1);
        return amqp_basic_ack(amqp->connection, SDM_LINK_CONSUME, number, is_multiple) ==
               AMQP_STATUS_OK;
    }
    return amqp_basic_reject(amqp->connection, SDM_LINK_CONSUME, number,
                             verdict == SDM_AMQP_REQUEUE) == AMQP_STATUS_OK;
}

/* A verdict that cannot be sent is of no more use: the broker delivers again. */
static void settle(struct sdm_amqp *amqp, const struct sdm_amqp_tag *tag,
                   enum sdm_amqp_verdict verdict)
{
    if (amqp->connection == NULL || tag->generation != amqp->generation) {
        sdm_counter_add(amqp->metering.late, 1);
        return;
    }
    sdm_counter_add(amqp->metering.settled[verdict], 1);
    sdm_settler_settle(&amqp->settler, tag->number, verdict, sdm_consumers_send, amqp);
}

static void give_back(struct sdm_amqp_consumer *consumer, struct sdm_amqp_delivery *delivery)
{
    if (!consumer->config.is_settled) {
        settle(consumer->amqp, &delivery->tag, SDM_AMQP_REQUEUE);
    }
    sdm_amqp_delivery_free(delivery);
}

void sdm_consumer_offer(struct sdm_amqp_consumer *consumer, struct sdm_amqp_delivery *delivery)
{
    if (consumer->is_stopped) {
        give_back(consumer, delivery);
    } else if (consumer->is_paused || !g_queue_is_empty(&consumer->held) ||
               !consumer->config.deliver(consumer->config.user, delivery)) {
        g_queue_push_tail(&consumer->held, delivery);
    }
}

static void free_held(struct sdm_amqp_consumer *consumer)
{
    g_queue_clear_full(&consumer->held, (GDestroyNotify)sdm_amqp_delivery_free);
}

void sdm_consumers_lose(struct sdm_amqp *amqp)
{
    for (guint i = 0; i < amqp->consumers->len; i++) {
        struct sdm_amqp_consumer *consumer = amqp->consumers->pdata[i];

        /* The broker has forgotten what it counts as settled; it would not come again. */
        if (!consumer->config.is_settled) {
            free_held(consumer);
        }
    }
}

void sdm_consumers_free(struct sdm_amqp *amqp)
{
    for (guint i = 0; i < amqp->consumers->len; i++) {
        struct sdm_amqp_consumer *consumer = amqp->consumers->pdata[i];

        free_held(consumer);
        g_free(consumer->queue);
        g_free(consumer);
    }
    g_ptr_array_unref(amqp->consumers);
}

static void post(struct sdm_amqp_consumer *consumer,
                 void (*run)(struct sdm_amqp *amqp, struct sdm_op *op))
{
    struct consumer_op *op = g_new0(struct consumer_op, 1);

    op->op.run = run;
    op->consumer = consumer;
    sdm_op_post(consumer->amqp, &op->op);
}

static void run_consume(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct sdm_amqp_consumer *consumer = ((struct consumer_op *)op)->consumer;
    g_autoptr(GError) error = NULL;

    g_free(op);
    consumer->index = amqp->consumers->len;
    g_ptr_array_add(amqp->consumers, consumer);
    if (amqp->connection != NULL && !start(consumer, &error)) {
        sdm_amqp_fail(amqp, g_steal_pointer(&error));
    }
}

struct sdm_amqp_consumer *sdm_amqp_consume(struct sdm_amqp *amqp,
                                           const struct sdm_amqp_consumer_config *config)
{
    struct sdm_amqp_consumer *consumer = g_new0(struct sdm_amqp_consumer, 1);

    g_assert(config->prefetch > 0 || config->is_settled);
    consumer->amqp = amqp;
    consumer->config = *config;
    consumer->queue = g_strdup(config->queue);
    consumer->config.queue = consumer->queue;
    g_queue_init(&consumer->held);
    post(consumer, run_consume);
    return consumer;
}

static void run_pause(struct sdm_amqp *amqp, struct sdm_op *op)
{
    (void)amqp;
    ((struct consumer_op *)op)->consumer->is_paused = true;
    g_free(op);
}

static void run_resume(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct sdm_amqp_consumer *consumer = ((struct consumer_op *)op)->consumer;

    (void)amqp;
    g_free(op);
    consumer->is_paused = false;
    while (!g_queue_is_empty(&consumer->held) &&
           consumer->config.deliver(consumer->config.user, g_queue_peek_head(&consumer->held))) {
        g_queue_pop_head(&consumer->held);
    }
}

static void run_stop(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct sdm_amqp_consumer *consumer = ((struct consumer_op *)op)->consumer;
    g_autoptr(GError) error = NULL;
    char tag[24];

    g_free(op);
    if (consumer->is_stopped) {
        return;
    }
    consumer->is_stopped = true;
    if (amqp->connection != NULL) {
        snprintf(tag, sizeof tag, "%zu", consumer->index);
        amqp_basic_cancel(amqp->connection, SDM_LINK_CONSUME, amqp_cstring_bytes(tag));
        if (!sdm_link_check(amqp->connection, "stop consuming", &error)) {
            sdm_amqp_fail(amqp, g_steal_pointer(&error));
            return;
        }
    }
    while (!g_queue_is_empty(&consumer->held)) {
        give_back(consumer, g_queue_pop_head(&consumer->held));
    }
}

void sdm_amqp_consumer_pause(struct sdm_amqp_consumer *consumer)
{
    post(consumer, run_pause);
}

void sdm_amqp_consumer_resume(struct sdm_amqp_consumer *consumer)
{
    post(consumer, run_resume);
}

void sdm_amqp_consumer_stop(struct sdm_amqp_consumer *consumer)
{
    post(consumer, run_stop);
}

static void run_settle(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct settle_op *settle_op = (struct settle_op *)op;

    for (size_t i = 0; i < settle_op->n; i++) {
        settle(amqp, &settle_op->tags[i], settle_op->verdict);
    }
    g_free(settle_op);
}

void sdm_amqp_settle(struct sdm_amqp *amqp, const struct sdm_amqp_tag *tags, size_t n,
                     enum sdm_amqp_verdict verdict)
{
    struct settle_op *op = g_malloc(sizeof *op + n * sizeof *tags);

    *op = (struct settle_op){.op.run = run_settle, .verdict = verdict, .n = n};
    for (size_t i = 0; i < n; i++) {
        op->tags[i] = tags[i];
    }
    sdm_op_post(amqp, &op->op);
}
