#include "lib/amqp/browser.h"

#include <string.h>

#include "lib/amqp/core.h"
#include "lib/amqp/properties.h"
#include "lib/base/error.h"

/* How long to wait for the queue to have back what it gave. */
enum { RETURN_POLL_MS = 5, MAX_RETURN_POLLS = 400 };

struct sdm_amqp_browser {
    amqp_connection_state_t connection;
    char *queue;
    uint64_t total;
    uint64_t n_taken;
    uint64_t n_removed;
    bool is_usable;
};

static bool count(struct sdm_amqp_browser *browser, uint64_t *n, GError **error)
{
    const amqp_queue_declare_ok_t *declared =
        amqp_queue_declare(browser->connection, SDM_LINK_DECLARE,
                           amqp_cstring_bytes(browser->queue), 1, 0, 0, 0, amqp_empty_table);

    if (declared == NULL) {
        browser->is_usable = false;
        return sdm_link_check(browser->connection, "count a queue", error);
    }
    *n = declared->message_count;
    return true;
}

struct sdm_amqp_browser *sdm_amqp_browser_open(const struct sdm_amqp *amqp, const char *queue,
                                               GError **error)
{
    g_autoptr(sdm_amqp_browser) browser = g_new0(struct sdm_amqp_browser, 1);

    browser->queue = g_strdup(queue);
    browser->connection = sdm_link_open(&amqp->config, error);
    if (browser->connection == NULL) {
        return NULL;
    }
    browser->is_usable = true;
    if (!sdm_link_open_channel(browser->connection, SDM_LINK_CONSUME, error) ||
        !sdm_link_open_channel(browser->connection, SDM_LINK_DECLARE, error) ||
        !count(browser, &browser->total, error)) {
        return NULL;
    }
    return g_steal_pointer(&browser);
}

uint64_t sdm_amqp_browser_total(const struct sdm_amqp_browser *browser)
{
    return browser->total;
}

/* The content that follows what 'got' has announced. */
static struct sdm_amqp_delivery *read_content(struct sdm_amqp_browser *browser,
                                              const amqp_basic_get_ok_t *got, GError **error)
{
    const amqp_basic_deliver_t method = {
        .delivery_tag = got->delivery_tag,
        .redelivered = got->redelivered,
        .exchange = got->exchange,
        .routing_key = got->routing_key,
    };
    struct sdm_amqp_delivery *delivery;
    amqp_message_t message;
    amqp_rpc_reply_t reply;
    uint8_t *body;

    reply = amqp_read_message(browser->connection, SDM_LINK_CONSUME, &message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        browser->is_usable = false;
        sdm_unavailable(error, "the connection went while a message was read");
        return NULL;
    }
    delivery = sdm_amqp_delivery_new(&method, &message.properties, message.body.len, &body);
    if (message.body.len > 0) {
        memcpy(body, message.body.bytes, message.body.len);
    }
    delivery->tag.number = got->delivery_tag;
    amqp_destroy_message(&message);
    return delivery;
}

struct sdm_amqp_delivery *sdm_amqp_browser_next(struct sdm_amqp_browser *browser, GError **error)
{
    amqp_rpc_reply_t reply = amqp_basic_get(browser->connection, SDM_LINK_CONSUME,
                                            amqp_cstring_bytes(browser->queue), 0);
    struct sdm_amqp_delivery *delivery;

    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        browser->is_usable = false;
        sdm_link_check(browser->connection, "look into a queue", error);
        return NULL;
    }
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) {
        return NULL;
    }
    delivery = read_content(browser, reply.reply.decoded, error);
    amqp_maybe_release_buffers_on_channel(browser->connection, SDM_LINK_CONSUME);
    browser->n_taken += delivery != NULL;
    return delivery;
}

bool sdm_amqp_browser_remove(struct sdm_amqp_browser *browser,
                             const struct sdm_amqp_delivery *delivery, GError **error)
{
    if (!sdm_link_check_status(
            amqp_basic_ack(browser->connection, SDM_LINK_CONSUME, delivery->tag.number, 0),
            "take a message out of a queue", error)) {
        browser->is_usable = false;
        return false;
    }
    browser->n_removed++;
    return true;
}

/* A quorum queue without a delivery limit puts what comes back to its end: the order stays only
 * when all come back. */
static void take_rest(struct sdm_amqp_browser *browser)
{
    struct sdm_amqp_delivery *delivery;

    do {
        delivery = sdm_amqp_browser_next(browser, NULL);
        sdm_amqp_delivery_free(delivery);
    } while (delivery != NULL);
}

/* The end of the channel gives back what it had, in its order, but nobody is told when that is
 * done: who looks before would see a part of the queue. */
static void give_back(struct sdm_amqp_browser *browser)
{
    uint64_t n_all = browser->total - MIN(browser->total, browser->n_removed);
    amqp_rpc_reply_t reply;
    uint64_t n = 0;

    take_rest(browser);
    if (!browser->is_usable) {
        return;
    }
    reply = amqp_channel_close(browser->connection, SDM_LINK_CONSUME, AMQP_REPLY_SUCCESS);
    browser->is_usable = reply.reply_type == AMQP_RESPONSE_NORMAL;
    for (int i = 0; browser->is_usable && i < MAX_RETURN_POLLS && n < n_all; i++) {
        if (i > 0) {
            g_usleep(RETURN_POLL_MS * 1000);
        }
        count(browser, &n, NULL);
    }
}

void sdm_amqp_browser_close(struct sdm_amqp_browser *browser)
{
    if (browser == NULL) {
        return;
    }
    if (browser->is_usable && browser->n_taken > browser->n_removed) {
        give_back(browser);
    }
    sdm_link_close(browser->connection, browser->is_usable);
    g_free(browser->queue);
    g_free(browser);
}
