#include "lib/amqp/client.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/cond.h"
#include "lib/base/error.h"
#include "lib/base/id.h"

struct sdm_amqp_client {
    struct sdm_amqp *amqp;
    char *reply_queue;
    struct sdm_amqp_queue queue;
    struct sdm_amqp_topology topology;

    pthread_mutex_t mutex; /* guards those below */
    pthread_cond_t changed;
    char awaited_id[SDM_UUID_SIZE]; /* "" while nothing is awaited */
    struct sdm_amqp_delivery *reply;
    bool is_published;
    bool is_lost; /* the connection went since the call began, and the reply queue with it */
    enum sdm_amqp_outcome outcome;
};

static void on_state(void *user, bool is_connected)
{
    struct sdm_amqp_client *client = user;

    pthread_mutex_lock(&client->mutex);
    if (!is_connected) {
        client->is_lost = true;
        pthread_cond_signal(&client->changed);
    }
    pthread_mutex_unlock(&client->mutex);
}

/* Replies to earlier calls that were given up come late, and are dropped. */
static bool on_reply(void *user, struct sdm_amqp_delivery *delivery)
{
    struct sdm_amqp_client *client = user;
    g_autoptr(sdm_amqp_delivery) reply = delivery;

    pthread_mutex_lock(&client->mutex);
    if (client->awaited_id[0] != '\0' && client->reply == NULL &&
        g_strcmp0(reply->message.correlation_id, client->awaited_id) == 0) {
        client->reply = g_steal_pointer(&reply);
        pthread_cond_signal(&client->changed);
    }
    pthread_mutex_unlock(&client->mutex);
    return true;
}

/* The broker's word on one request. */
struct published {
    struct sdm_amqp_client *client;
    char id[SDM_UUID_SIZE];
};

static void on_published(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct published *published = user;
    struct sdm_amqp_client *client = published->client;

    pthread_mutex_lock(&client->mutex);
    if (strcmp(client->awaited_id, published->id) == 0) {
        client->is_published = true;
        client->outcome = outcome;
        pthread_cond_signal(&client->changed);
    }
    pthread_mutex_unlock(&client->mutex);
}

struct sdm_amqp_client *sdm_amqp_client_new(const struct sdm_amqp_config *config, GError **error)
{
    g_autoptr(sdm_amqp_client) client = g_new0(struct sdm_amqp_client, 1);
    struct sdm_amqp_consumer_config consumer = {
        .is_settled = true, .deliver = on_reply, .user = client};
    struct sdm_amqp_config own = *config;
    char uuid[SDM_UUID_SIZE];

    pthread_mutex_init(&client->mutex, NULL);
    sdm_cond_init(&client->changed);
    sdm_uuid_new(uuid);
    client->reply_queue = g_strconcat("sdm.reply.", uuid, NULL);
    client->queue = (struct sdm_amqp_queue){.name = client->reply_queue,
                                            .is_exclusive = true,
                                            .is_auto_delete = true,
                                            .is_transient = true};
    client->topology = (struct sdm_amqp_topology){.queues = &client->queue, .n_queues = 1};
    own.topology = &client->topology;
    own.on_state = on_state;
    own.user = client;
    client->amqp = sdm_amqp_new(&own, error);
    if (client->amqp == NULL) {
        return NULL;
    }
    consumer.queue = client->reply_queue;
    sdm_amqp_consume(client->amqp, &consumer);
    if (!sdm_amqp_wait_connected(client->amqp, 30000, true, error)) {
        return NULL;
    }
    return g_steal_pointer(&client);
}

void sdm_amqp_client_free(struct sdm_amqp_client *client)
{
    if (client == NULL) {
        return;
    }
    sdm_amqp_free(client->amqp);
    sdm_amqp_delivery_free(client->reply);
    pthread_mutex_destroy(&client->mutex);
    pthread_cond_destroy(&client->changed);
    g_free(client->reply_queue);
    g_free(client);
}

bool sdm_amqp_client_was_refused(struct sdm_amqp_client *client)
{
    bool was_refused;

    pthread_mutex_lock(&client->mutex);
    was_refused = client->is_published && client->outcome == SDM_AMQP_REFUSED;
    pthread_mutex_unlock(&client->mutex);
    return was_refused;
}

struct sdm_amqp *sdm_amqp_client_get_connection(struct sdm_amqp_client *client)
{
    return client->amqp;
}

bool sdm_amqp_client_was_lost(struct sdm_amqp_client *client)
{
    bool was_lost;

    pthread_mutex_lock(&client->mutex);
    /* A channel that the broker closes ends the publication first, then the connection. */
    was_lost = client->is_lost || (client->is_published && client->outcome == SDM_AMQP_LOST);
    pthread_mutex_unlock(&client->mutex);
    return was_lost;
}

/* Nothing more is to be hoped for; 'mutex' is held. */
static bool is_hopeless(const struct sdm_amqp_client *client)
{
    return client->is_lost || (client->is_published && client->outcome != SDM_AMQP_CONFIRMED);
}

/* 'mutex' is held. */
static void say_why(const struct sdm_amqp_client *client, unsigned timeout_ms, GError **error)
{
    if (!is_hopeless(client)) {
        sdm_unavailable(error, "no reply within %u ms; the outcome is unknown", timeout_ms);
    } else if (client->is_lost || client->outcome == SDM_AMQP_LOST) {
        sdm_unavailable(error, "the connection went; the outcome is unknown");
    } else if (client->outcome == SDM_AMQP_RETURNED) {
        sdm_unavailable(error, "nobody takes such requests: no queue is bound");
    } else {
        sdm_unavailable(error, "the queue of requests is full; the request was not taken");
    }
}

static bool await_reply(struct sdm_amqp_client *client, unsigned timeout_ms, GError **error)
{
    int64_t end_us = sdm_cond_deadline_us(timeout_ms);
    bool is_late = false;
    bool ok;

    pthread_mutex_lock(&client->mutex);
    while (client->reply == NULL && !is_hopeless(client) && !is_late) {
        is_late = !sdm_cond_wait_until(&client->changed, &client->mutex, end_us);
    }
    ok = client->reply != NULL;
    if (!ok) {
        say_why(client, timeout_ms, error);
    }
    client->awaited_id[0] = '\0';
    pthread_mutex_unlock(&client->mutex);
    return ok;
}

struct sdm_amqp_delivery *sdm_amqp_client_call(struct sdm_amqp_client *client,
                                               const struct sdm_amqp_message *request,
                                               unsigned timeout_ms, GError **error)
{
    g_autofree struct published *published = g_new0(struct published, 1);
    struct sdm_amqp_message own = *request;

    sdm_uuid_new(published->id);
    published->client = client;
    own.reply_to = client->reply_queue;
    own.correlation_id = published->id;
    own.is_mandatory = true;
    pthread_mutex_lock(&client->mutex);
    memcpy(client->awaited_id, published->id, sizeof published->id);
    client->is_published = false;
    client->is_lost = false;
    g_clear_pointer(&client->reply, sdm_amqp_delivery_free);
    pthread_mutex_unlock(&client->mutex);
    if (!sdm_amqp_publish(client->amqp, &own, on_published, published, error)) {
        return NULL;
    }
    /* From here it is on_published()'s. */
    g_steal_pointer(&published);
    return await_reply(client, timeout_ms, error) ? g_steal_pointer(&client->reply) : NULL;
}
