#include "sdm-agent/session/link.h"

#include "lib/base/error.h"

struct sdm_agent_link {
    char *queue;
    char *user_id;
    char *routing_key;
    struct sdm_service *service;
    void (*on_connected)(void *user);
    bool (*on_want)(void *user, const void *body, size_t size, GError **error);
    bool (*on_look)(void *user, const void *body, size_t size, GError **error);
    void *user;
    struct sdm_amqp *amqp; /* NULL once it has ended */
};

/* From the I/O thread to the main one. */
struct parcel {
    struct sdm_agent_link *link;
    struct sdm_amqp_delivery *delivery;
};

static void take_delivery(void *user)
{
    g_autofree struct parcel *parcel = user;
    struct sdm_agent_link *link = parcel->link;
    g_autoptr(sdm_amqp_delivery) delivery = parcel->delivery;
    g_autoptr(GError) error = NULL;
    bool done;

    if (link->amqp == NULL) {
        return;
    }
    if (g_strcmp0(delivery->message.type, "s7.want/1") == 0) {
        done = link->on_want(link->user, delivery->message.body, delivery->message.size, &error);
    } else if (g_strcmp0(delivery->message.type, "s7.look/1") == 0) {
        done = link->on_look(link->user, delivery->message.body, delivery->message.size, &error);
    } else {
        done = sdm_refuse(&error, SDM_ERROR_UNKNOWN_MESSAGE, "message of type '%.64s'",
                          delivery->message.type != NULL ? delivery->message.type : "");
    }
    if (!done) {
        sdm_log_limited(SDM_LOG_WARNING, "want-refused",
                        sdm_log_text("code", sdm_error_code_name(sdm_error_verdict(error))),
                        sdm_log_gerror(error));
    }
    /* Wanted state that was refused would be refused again; the controller sends the next one. */
    sdm_amqp_settle(link->amqp, &delivery->tag, 1, done ? SDM_AMQP_ACK : SDM_AMQP_REJECT);
}

static bool deliver(void *user, struct sdm_amqp_delivery *delivery)
{
    struct parcel *parcel = g_new0(struct parcel, 1);

    parcel->link = user;
    parcel->delivery = delivery;
    sdm_service_post(parcel->link->service, take_delivery, parcel);
    return true;
}

static void tell_connected(void *user)
{
    struct sdm_agent_link *link = user;

    if (link->amqp != NULL) {
        sdm_log_event(SDM_LOG_INFO, "broker-connected");
        link->on_connected(link->user);
    }
}

static void on_state(void *user, bool is_connected)
{
    struct sdm_agent_link *link = user;

    if (is_connected) {
        sdm_service_post(link->service, tell_connected, link);
    } else {
        sdm_log_event(SDM_LOG_WARNING, "broker-away");
    }
}

/* The name that the broker knows us by; NULL for none. */
static char *user_of(const char *uri)
{
    g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_HAS_PASSWORD, NULL);

    return parsed != NULL ? g_strdup(g_uri_get_user(parsed)) : NULL;
}

struct sdm_agent_link *sdm_agent_link_new(const struct sdm_agent_link_config *config,
                                          GError **error)
{
    struct sdm_agent_link *link = g_new0(struct sdm_agent_link, 1);
    struct sdm_amqp_config amqp = {.name = "agent",
                                   .metrics = sdm_service_get_metrics(config->service),
                                   .on_state = on_state,
                                   .user = link,
                                   .reconnect_max_ms = 2000};
    struct sdm_amqp_consumer_config consumer = {.prefetch = 1, .deliver = deliver, .user = link};

    sdm_amqp_options_apply(config->broker, &amqp);
    link->queue = g_strconcat("sdm.agent.", config->brick, NULL);
    link->user_id = config->user_id != NULL && config->user_id[0] != '\0'
                        ? g_strdup(config->user_id)
                        : user_of(amqp.uri);
    link->routing_key = g_strdup(config->routing_key);
    link->service = config->service;
    link->on_connected = config->on_connected;
    link->on_want = config->on_want;
    link->on_look = config->on_look;
    link->user = config->user;
    link->amqp = sdm_amqp_new(&amqp, error);
    if (link->amqp == NULL) {
        sdm_agent_link_free(link);
        return NULL;
    }
    consumer.queue = link->queue;
    sdm_amqp_consume(link->amqp, &consumer);
    return link;
}

void sdm_agent_link_end(struct sdm_agent_link *link)
{
    g_clear_pointer(&link->amqp, sdm_amqp_free);
}

void sdm_agent_link_free(struct sdm_agent_link *link)
{
    if (link == NULL) {
        return;
    }
    sdm_agent_link_end(link);
    g_free(link->queue);
    g_free(link->user_id);
    g_free(link->routing_key);
    g_free(link);
}

bool sdm_agent_link_send(struct sdm_agent_link *link, const char *type, const char *body,
                         size_t size)
{
    struct sdm_amqp_message message = {.exchange = "sdm.reports",
                                       .routing_key = link->routing_key,
                                       .type = type,
                                       .content_type = "application/json",
                                       .app_id = "sdm-agent",
                                       .body = body,
                                       .size = size};
    g_autoptr(GError) error = NULL;

    if (link->user_id != NULL && link->user_id[0] != '\0') {
        message.user_id = link->user_id;
    }
    if (link->amqp == NULL || !sdm_amqp_publish(link->amqp, &message, NULL, NULL, &error)) {
        return false;
    }
    return true;
}

bool sdm_agent_link_is_connected(const struct sdm_agent_link *link)
{
    return link->amqp != NULL && sdm_amqp_is_connected(link->amqp);
}
