/* What the broker sends: frames put together to messages, and its words on what we sent. */
#include <inttypes.h>
#include <string.h>

#include "lib/amqp/core.h"
#include "lib/amqp/properties.h"
#include "lib/base/error.h"
#include "lib/svc/log.h"

/* So many frames at a time, before verdicts and publications get their turn. */
#define FRAMES_A_TURN 512

static void reset_one(struct sdm_incoming *incoming)
{
    sdm_amqp_delivery_free(incoming->delivery);
    memset(incoming, 0, sizeof *incoming);
}

void sdm_incoming_reset(struct sdm_amqp *amqp)
{
    reset_one(&amqp->incoming);
    reset_one(&amqp->returned);
}

static void begin(struct sdm_incoming *incoming, const amqp_method_t *method)
{
    *incoming = (struct sdm_incoming){.method = *method, .is_open = true};
}

/* All frames of the message are there. */
static void finish(struct sdm_amqp *amqp, struct sdm_incoming *incoming)
{
    struct sdm_amqp_delivery *delivery = g_steal_pointer(&incoming->delivery);

    if (delivery != NULL) {
        sdm_counter_add(amqp->metering.delivered, 1);
        sdm_consumer_offer(delivery->consumer, delivery);
    }
    incoming->is_open = false;
}

static bool begin_delivery(struct sdm_amqp *amqp, struct sdm_incoming *incoming,
                           const amqp_basic_properties_t *properties, GError **error)
{
    const amqp_basic_deliver_t *method = incoming->method.decoded;
    struct sdm_amqp_consumer *consumer = sdm_consumers_find(amqp, method->consumer_tag);
    struct sdm_amqp_delivery *delivery;

    if (consumer == NULL || method->delivery_tag != amqp->settler.deliveries.end) {
        return sdm_fail(error, "delivery %" PRIu64 " is not the next", method->delivery_tag);
    }
    sdm_settler_deliver(&amqp->settler, consumer->config.is_settled);
    if (incoming->n_missing > amqp->config.max_body_size) {
        sdm_log_limited(SDM_LOG_WARNING, "amqp-message-too-large",
                        sdm_log_text("queue", consumer->queue),
                        sdm_log_int("size", (int64_t)incoming->n_missing));
        sdm_counter_add(amqp->metering.settled[SDM_AMQP_REJECT], 1);
        sdm_settler_settle(&amqp->settler, method->delivery_tag, SDM_AMQP_REJECT,
                           sdm_consumers_send, amqp);
        return true;
    }
    delivery =
        sdm_amqp_delivery_new(method, properties, (size_t)incoming->n_missing, &incoming->body);
    delivery->consumer = consumer;
    delivery->tag = (struct sdm_amqp_tag){amqp->generation, method->delivery_tag};
    incoming->delivery = delivery;
    return true;
}

static bool take_header(struct sdm_amqp *amqp, struct sdm_incoming *incoming,
                        const amqp_frame_t *frame, GError **error)
{
    const amqp_basic_properties_t *properties = frame->payload.properties.decoded;

    if (!incoming->is_open || incoming->has_header) {
        return sdm_fail(error, "a header that belongs to nothing");
    }
    incoming->has_header = true;
    incoming->n_missing = frame->payload.properties.body_size;
    if (incoming->method.id == AMQP_BASIC_RETURN_METHOD) {
        sdm_publisher_return(&amqp->publisher, sdm_amqp_properties_get_seq(properties));
    } else if (!begin_delivery(amqp, incoming, properties, error)) {
        return false;
    }
    if (incoming->n_missing == 0) {
        finish(amqp, incoming);
    }
    return true;
}

static bool take_body(struct sdm_amqp *amqp, struct sdm_incoming *incoming,
                      const amqp_frame_t *frame, GError **error)
{
    const amqp_bytes_t *bytes = &frame->payload.body_fragment;

    if (!incoming->is_open || bytes->len > incoming->n_missing) {
        return sdm_fail(error, "a body that belongs to nothing");
    }
    if (incoming->body != NULL) {
        memcpy(incoming->body, bytes->bytes, bytes->len);
        incoming->body += bytes->len;
    }
    incoming->n_missing -= bytes->len;
    if (incoming->n_missing == 0) {
        finish(amqp, incoming);
    }
    return true;
}

/* An error closed the channel, such as an exchange that is not there.  What else was on its way
 * went with it; the connection and its consumers did not. */
static bool reopen(struct sdm_amqp *amqp, enum sdm_link_channel channel,
                   const amqp_method_t *method, GError **error)
{
    g_autofree char *text = sdm_link_describe_close(method);
    amqp_channel_close_ok_t ok = {0};

    sdm_log_limited(SDM_LOG_ERROR, "amqp-channel-closed",
                    sdm_log_text("connection", amqp->config.name), sdm_log_text("error", text));
    if (!sdm_link_check_status(
            amqp_send_method(amqp->connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok),
            "close a channel", error) ||
        !sdm_link_open_channel(amqp->connection, channel, error)) {
        return false;
    }
    if (channel == SDM_LINK_PUBLISH) {
        reset_one(&amqp->returned);
        sdm_publisher_lose_sent(&amqp->publisher);
    }
    return true;
}

static bool closed(const amqp_method_t *method, const char *what, GError **error)
{
    g_autofree char *text = sdm_link_describe_close(method);

    return sdm_unavailable(error, "the broker closed the %s: %s", what, text);
}

static void set_blocked(struct sdm_amqp *amqp, bool is_blocked)
{
    sdm_log_event(is_blocked ? SDM_LOG_WARNING : SDM_LOG_INFO,
                  is_blocked ? "amqp-blocked" : "amqp-unblocked",
                  sdm_log_text("connection", amqp->config.name));
    amqp->publisher.is_blocked = is_blocked;
    sdm_gauge_set(amqp->metering.blocked, is_blocked);
}

static bool take_connection_method(struct sdm_amqp *amqp, const amqp_method_t *method,
                                   GError **error)
{
    amqp_connection_close_ok_t ok = {0};

    switch (method->id) {
    case AMQP_CONNECTION_BLOCKED_METHOD:
        set_blocked(amqp, true);
        return true;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        set_blocked(amqp, false);
        return true;
    case AMQP_CONNECTION_CLOSE_METHOD:
        amqp_send_method(amqp->connection, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
        return closed(method, "connection", error);
    default:
        return true;
    }
}

static bool take_method(struct sdm_amqp *amqp, amqp_channel_t channel, const amqp_method_t *method,
                        GError **error)
{
    const amqp_basic_ack_t *ack = method->decoded;
    const amqp_basic_nack_t *nack = method->decoded;

    if (channel == 0) {
        return take_connection_method(amqp, method, error);
    }
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD:
        begin(&amqp->incoming, method);
        return true;
    case AMQP_BASIC_RETURN_METHOD:
        begin(&amqp->returned, method);
        return true;
    case AMQP_BASIC_ACK_METHOD:
        sdm_publisher_settle(&amqp->publisher, ack->delivery_tag, ack->multiple, true);
        return true;
    case AMQP_BASIC_NACK_METHOD:
        sdm_publisher_settle(&amqp->publisher, nack->delivery_tag, nack->multiple, false);
        return true;
    case AMQP_BASIC_CANCEL_METHOD:
        return sdm_unavailable(error, "a queue that is consumed from went away");
    case AMQP_CHANNEL_CLOSE_METHOD:
        if (channel == SDM_LINK_CONSUME) {
            return closed(method, "channel", error);
        }
        return reopen(amqp, (enum sdm_link_channel)channel, method, error);
    default:
        return true;
    }
}

static bool take_frame(struct sdm_amqp *amqp, const amqp_frame_t *frame, GError **error)
{
    struct sdm_incoming *incoming =
        frame->channel == SDM_LINK_PUBLISH ? &amqp->returned : &amqp->incoming;
    bool ok = true;

    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        ok = take_method(amqp, frame->channel, &frame->payload.method, error);
        break;
    case AMQP_FRAME_HEADER:
        ok = take_header(amqp, incoming, frame, error);
        break;
    case AMQP_FRAME_BODY:
        ok = take_body(amqp, incoming, frame, error);
        break;
    default:
        break;
    }
    if (ok && !incoming->is_open) {
        amqp_maybe_release_buffers_on_channel(amqp->connection, frame->channel);
    }
    return ok;
}

bool sdm_incoming_read(struct sdm_amqp *amqp, unsigned *n, GError **error)
{
    for (*n = 0; *n < FRAMES_A_TURN; (*n)++) {
        struct timeval now = {0, 0};
        amqp_frame_t frame;
        int status = amqp_simple_wait_frame_noblock(amqp->connection, &frame, &now);

        if (status == AMQP_STATUS_TIMEOUT) {
            return true;
        }
        if (!sdm_link_check_status(status, "read from the broker", error) ||
            !take_frame(amqp, &frame, error)) {
            return false;
        }
    }
    return true;
}
