#include "lib/amqp/amqp.h"

#include "lib/amqp/io.h"
#include "lib/base/cond.h"
#include "lib/base/error.h"

static void set_default(unsigned *value, unsigned fallback)
{
    *value = *value > 0 ? *value : fallback;
}

static void set_default_size(size_t *value, size_t fallback)
{
    *value = *value > 0 ? *value : fallback;
}

static void copy_config(struct sdm_amqp *amqp, const struct sdm_amqp_config *config)
{
    amqp->config = *config;
    amqp->config.uri = g_strdup(config->uri);
    amqp->config.ca_file = g_strdup(config->ca_file);
    amqp->config.cert_file = g_strdup(config->cert_file);
    amqp->config.key_file = g_strdup(config->key_file);
    amqp->config.name = g_strdup(config->name != NULL ? config->name : "sdm");
    set_default(&amqp->config.heartbeat_s, 10);
    set_default(&amqp->config.connect_timeout_ms, 5000);
    set_default(&amqp->config.reconnect_min_ms, 100);
    set_default(&amqp->config.reconnect_max_ms, 5000);
    set_default_size(&amqp->config.max_body_size, (size_t)4 * 1024 * 1024);
    set_default_size(&amqp->config.max_unconfirmed, 2048);
    set_default_size(&amqp->config.max_waiting, 65536);
}

struct sdm_amqp *sdm_amqp_new(const struct sdm_amqp_config *config, GError **error)
{
    g_autoptr(sdm_mailbox) mailbox = NULL;
    struct sdm_metrics *metrics = config->metrics;
    struct sdm_amqp *amqp;
    int failed;

    if (!sdm_link_check_uri(config->uri, error)) {
        return NULL;
    }
    mailbox = sdm_mailbox_new(error);
    if (mailbox == NULL) {
        return NULL;
    }
    amqp = g_new0(struct sdm_amqp, 1);
    copy_config(amqp, config);
    if (metrics == NULL) {
        metrics = amqp->own_metrics = sdm_metrics_new();
    }
    sdm_metering_init(&amqp->metering, metrics, amqp->config.name);
    amqp->mailbox = g_steal_pointer(&mailbox);
    amqp->consumers = g_ptr_array_new();
    sdm_publisher_init(&amqp->publisher, &amqp->metering, amqp->config.max_unconfirmed,
                       &amqp->n_waiting);
    pthread_mutex_init(&amqp->mutex, NULL);
    sdm_cond_init(&amqp->changed);
    failed = pthread_create(&amqp->thread, NULL, sdm_amqp_run, amqp);
    g_assert(failed == 0);
    return amqp;
}

static void run_stop(struct sdm_amqp *amqp, struct sdm_op *op)
{
    amqp->is_stopping = true;
    g_free(op);
}

void sdm_amqp_free(struct sdm_amqp *amqp)
{
    struct sdm_op *op;

    if (amqp == NULL) {
        return;
    }
    op = g_new0(struct sdm_op, 1);
    op->run = run_stop;
    sdm_op_post(amqp, op);
    pthread_join(amqp->thread, NULL);
    sdm_amqp_run_mail(amqp);
    sdm_publisher_lose_all(&amqp->publisher);
    sdm_ring_done(&amqp->publisher.sent);
    sdm_consumers_free(amqp);
    sdm_mailbox_free(amqp->mailbox);
    sdm_metrics_free(amqp->own_metrics);
    pthread_mutex_destroy(&amqp->mutex);
    pthread_cond_destroy(&amqp->changed);
    g_free((char *)amqp->config.uri);
    g_free((char *)amqp->config.ca_file);
    g_free((char *)amqp->config.cert_file);
    g_free((char *)amqp->config.key_file);
    g_free((char *)amqp->config.name);
    g_free(amqp->last_failure);
    g_free(amqp);
}

bool sdm_amqp_is_connected(const struct sdm_amqp *amqp)
{
    return atomic_load(&amqp->is_connected);
}

bool sdm_amqp_wait_connected(struct sdm_amqp *amqp, unsigned timeout_ms, bool is_impatient,
                             GError **error)
{
    int64_t end_us = sdm_cond_deadline_us(timeout_ms);
    bool is_connected;
    bool is_late = false;

    pthread_mutex_lock(&amqp->mutex);
    while (!atomic_load(&amqp->is_connected) && !is_late &&
           !(is_impatient && amqp->n_failures > 0)) {
        is_late = !sdm_cond_wait_until(&amqp->changed, &amqp->mutex, end_us);
    }
    is_connected = atomic_load(&amqp->is_connected);
    if (!is_connected) {
        sdm_unavailable(error, "%s",
                        amqp->last_failure != NULL ? amqp->last_failure
                                                   : "no connection to the broker in time");
    }
    pthread_mutex_unlock(&amqp->mutex);
    return is_connected;
}
