#include "lib/amqp/amqp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "lib/amqp/core.h"
#include "lib/amqp/declare.h"
#include "lib/base/error.h"
#include "lib/svc/log.h"

/* How long to wait in poll(2) at most: heartbeats go out between. */
#define POLL_MS 500
/* How long a stop waits for confirms of what was sent. */
#define STOP_US (2L * G_USEC_PER_SEC)

/* The connection whose I/O thread this is. */
static __thread const struct sdm_amqp *current;

struct publish_op {
    struct sdm_op op;
    struct sdm_publication *publication;
};

/* A call that another thread waits for. */
struct call_op {
    struct sdm_op op;
    bool (*call)(struct sdm_amqp *amqp, const void *argument, GError **error);
    const void *argument;
    pthread_mutex_t mutex; /* guards those below */
    pthread_cond_t ended;
    bool is_ended;
    bool ok;
    GError *error;
};

/* --- state that others look at --- */

static void set_connected(struct sdm_amqp *amqp, bool is_connected, const char *failure)
{
    pthread_mutex_lock(&amqp->mutex);
    atomic_store(&amqp->is_connected, is_connected);
    if (!is_connected) {
        amqp->n_failures++;
        g_free(amqp->last_failure);
        amqp->last_failure = g_strdup(failure);
    }
    pthread_cond_broadcast(&amqp->changed);
    pthread_mutex_unlock(&amqp->mutex);
    sdm_gauge_set(amqp->metering.connected, is_connected);
}

static void tell_state(struct sdm_amqp *amqp, bool is_connected)
{
    if (amqp->config.on_state != NULL) {
        amqp->config.on_state(amqp->config.user, is_connected);
    }
}

bool sdm_amqp_is_connected(const struct sdm_amqp *amqp)
{
    return atomic_load(&amqp->is_connected);
}

static struct timespec end_of(unsigned timeout_ms)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_nsec -= 1000000000L;
        end.tv_sec++;
    }
    return end;
}

bool sdm_amqp_wait_connected(struct sdm_amqp *amqp, unsigned timeout_ms, bool is_impatient,
                             GError **error)
{
    struct timespec end = end_of(timeout_ms);
    bool is_connected;
    int outcome = 0;

    pthread_mutex_lock(&amqp->mutex);
    while (!atomic_load(&amqp->is_connected) && outcome == 0 &&
           !(is_impatient && amqp->n_failures > 0)) {
        outcome = pthread_cond_timedwait(&amqp->changed, &amqp->mutex, &end);
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

/* --- the I/O thread --- */

void sdm_amqp_fail(struct sdm_amqp *amqp, GError *error)
{
    if (amqp->failure == NULL) {
        amqp->failure = error;
    } else {
        g_error_free(error);
    }
}

static bool run_mail(struct sdm_amqp *amqp)
{
    struct sdm_mail *mail = sdm_mailbox_take(amqp->mailbox);
    bool was_some = mail != NULL;

    while (mail != NULL) {
        struct sdm_op *op = (struct sdm_op *)mail;

        mail = mail->next;
        op->run(amqp, op);
    }
    return was_some;
}

static bool open_channels(struct sdm_amqp *amqp, GError **error)
{
    for (int channel = SDM_LINK_CONSUME; channel <= SDM_LINK_DECLARE; channel++) {
        if (!sdm_link_open_channel(amqp->connection, (enum sdm_link_channel)channel, error)) {
            return false;
        }
    }
    return true;
}

static bool connect_once(struct sdm_amqp *amqp, GError **error)
{
    amqp->connection = sdm_link_open(&amqp->config, error);
    if (amqp->connection == NULL) {
        return false;
    }
    amqp->generation++;
    sdm_settler_init(&amqp->settler);
    if (!open_channels(amqp, error) ||
        (amqp->config.topology != NULL &&
         !sdm_declare_topology(amqp->connection, amqp->config.topology, error)) ||
        !sdm_consumers_start(amqp, error)) {
        return false;
    }
    sdm_counter_add(amqp->metering.connects, 1);
    sdm_log_event(SDM_LOG_INFO, "amqp-connected", sdm_log_text("connection", amqp->config.name));
    return true;
}

static void sleep_until_something(struct sdm_amqp *amqp, int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = sdm_mailbox_get_fd(amqp->mailbox), .events = POLLIN},
        {.fd = -1, .events = POLLIN},
    };

    if (!sdm_mailbox_sleep(amqp->mailbox)) {
        return;
    }
    if (amqp->connection != NULL) {
        fds[1].fd = amqp_get_sockfd(amqp->connection);
    }
    poll(fds, G_N_ELEMENTS(fds), timeout_ms);
    sdm_mailbox_wake(amqp->mailbox);
}

/* One turn: what others asked for, what the broker said, what is to be said to it. */
static bool turn(struct sdm_amqp *amqp, GError **error)
{
    bool was_mail = run_mail(amqp);
    unsigned n_frames = 0;

    if (amqp->failure != NULL) {
        g_propagate_error(error, g_steal_pointer(&amqp->failure));
        return false;
    }
    if (!sdm_publisher_pump(&amqp->publisher, amqp->connection, error)) {
        return false;
    }
    if (!sdm_settler_flush(&amqp->settler, sdm_consumers_send, amqp)) {
        return sdm_unavailable(error, "acknowledge: the connection went");
    }
    if (!sdm_incoming_read(amqp, &n_frames, error)) {
        return false;
    }
    if (!was_mail && n_frames == 0 && !amqp->is_stopping) {
        sleep_until_something(amqp, POLL_MS);
    }
    return true;
}

/* Until the connection is lost or a stop is asked for and done; true in the second case. */
static bool serve(struct sdm_amqp *amqp, GError **error)
{
    int64_t end_us = 0;

    while (turn(amqp, error)) {
        if (!amqp->is_stopping) {
            continue;
        }
        if (end_us == 0) {
            end_us = g_get_monotonic_time() + STOP_US;
        }
        if (sdm_publisher_is_idle(&amqp->publisher) || g_get_monotonic_time() > end_us) {
            return true;
        }
        sleep_until_something(amqp, 10);
    }
    return false;
}

/* What a lost connection took with it. */
static void lose(struct sdm_amqp *amqp, bool is_usable)
{
    sdm_link_close(g_steal_pointer(&amqp->connection), is_usable);
    sdm_consumers_lose(amqp);
    sdm_incoming_reset(amqp);
    sdm_settler_done(&amqp->settler);
    sdm_publisher_lose_all(&amqp->publisher);
    sdm_gauge_set(amqp->metering.blocked, 0);
    g_clear_error(&amqp->failure);
}

static bool live_once(struct sdm_amqp *amqp)
{
    g_autoptr(GError) error = NULL;
    bool was_connected = connect_once(amqp, &error);
    bool is_usable = false;

    if (was_connected) {
        set_connected(amqp, true, NULL);
        tell_state(amqp, true);
        is_usable = serve(amqp, &error);
    }
    set_connected(amqp, false, error != NULL ? error->message : "stopped");
    if (error != NULL) {
        sdm_counter_add(amqp->metering.losses, 1);
        sdm_log_event(SDM_LOG_WARNING, was_connected ? "amqp-lost" : "amqp-not-connected",
                      sdm_log_text("connection", amqp->config.name), sdm_log_gerror(error));
    }
    lose(amqp, is_usable);
    if (was_connected) {
        tell_state(amqp, false);
    }
    return was_connected;
}

/* Half of a pause is random, so that those who were cut off together do not come together. */
static void pause_before_retry(struct sdm_amqp *amqp, unsigned pause_ms)
{
    int64_t random_ms = g_random_int_range(0, (gint32)pause_ms / 2 + 1);
    int64_t end_us = g_get_monotonic_time() + (pause_ms / 2 + random_ms) * 1000;
    int64_t left_us;

    while (!amqp->is_stopping && (left_us = end_us - g_get_monotonic_time()) > 0) {
        sleep_until_something(amqp, (int)(left_us / 1000) + 1);
        run_mail(amqp);
        /* Accepted in the moment before the loss was known. */
        sdm_publisher_lose_all(&amqp->publisher);
    }
}

static void *run(void *data)
{
    struct sdm_amqp *amqp = data;
    unsigned pause_ms = amqp->config.reconnect_min_ms;

    current = amqp;
    pthread_setname_np(pthread_self(), "amqp-io");
    while (!amqp->is_stopping) {
        if (live_once(amqp)) {
            pause_ms = amqp->config.reconnect_min_ms;
        }
        pause_before_retry(amqp, pause_ms);
        pause_ms = MIN(pause_ms * 2, amqp->config.reconnect_max_ms);
    }
    run_mail(amqp);
    sdm_publisher_lose_all(&amqp->publisher);
    return NULL;
}

static void run_stop(struct sdm_amqp *amqp, struct sdm_op *op)
{
    amqp->is_stopping = true;
    g_free(op);
}

/* --- making and freeing --- */

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
    amqp->config.name = g_strdup(config->name != NULL ? config->name : "sdm");
    set_default(&amqp->config.heartbeat_s, 10);
    set_default(&amqp->config.connect_timeout_ms, 5000);
    set_default(&amqp->config.reconnect_min_ms, 100);
    set_default(&amqp->config.reconnect_max_ms, 5000);
    set_default_size(&amqp->config.max_body_size, (size_t)4 * 1024 * 1024);
    set_default_size(&amqp->config.max_unconfirmed, 2048);
    set_default_size(&amqp->config.max_waiting, 65536);
}

static void init_sync(pthread_mutex_t *mutex, pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_mutex_init(mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
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
    init_sync(&amqp->mutex, &amqp->changed);
    failed = pthread_create(&amqp->thread, NULL, run, amqp);
    g_assert(failed == 0);
    return amqp;
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
    run_mail(amqp);
    sdm_publisher_lose_all(&amqp->publisher);
    sdm_ring_done(&amqp->publisher.sent);
    sdm_consumers_free(amqp);
    sdm_mailbox_free(amqp->mailbox);
    sdm_metrics_free(amqp->own_metrics);
    pthread_mutex_destroy(&amqp->mutex);
    pthread_cond_destroy(&amqp->changed);
    g_free((char *)amqp->config.uri);
    g_free((char *)amqp->config.ca_file);
    g_free((char *)amqp->config.name);
    g_free(amqp->last_failure);
    g_free(amqp);
}

/* --- calls that wait --- */

static void run_call(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct call_op *call = (struct call_op *)op;
    GError *error = NULL;
    bool ok = call->call(amqp, call->argument, &error);

    pthread_mutex_lock(&call->mutex);
    call->ok = ok;
    call->error = error;
    call->is_ended = true;
    pthread_cond_signal(&call->ended);
    pthread_mutex_unlock(&call->mutex);
}

/* Runs 'call' on the I/O thread, which answers each within its time-outs. */
static bool call_and_wait(struct sdm_amqp *amqp,
                          bool (*call)(struct sdm_amqp *amqp, const void *argument, GError **error),
                          const void *argument, GError **error)
{
    struct call_op op = {.op.run = run_call, .call = call, .argument = argument};

    if (current == amqp) {
        return call(amqp, argument, error);
    }
    init_sync(&op.mutex, &op.ended);
    sdm_op_post(amqp, &op.op);
    pthread_mutex_lock(&op.mutex);
    while (!op.is_ended) {
        pthread_cond_wait(&op.ended, &op.mutex);
    }
    pthread_mutex_unlock(&op.mutex);
    pthread_mutex_destroy(&op.mutex);
    pthread_cond_destroy(&op.ended);
    if (op.error != NULL) {
        g_propagate_error(error, op.error);
    }
    return op.ok;
}

/* An answer that the broker did not give ends the connection; what it refused does not. */
static bool end_if_gone(struct sdm_amqp *amqp, bool ok, const GError *error)
{
    if (!ok && error->domain == SDM_UNAVAILABLE) {
        sdm_amqp_fail(amqp, g_error_copy(error));
    }
    return ok;
}

static bool call_declare(struct sdm_amqp *amqp, const void *argument, GError **error)
{
    GError *cause = NULL;
    bool ok;

    if (amqp->connection == NULL) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    ok = sdm_declare_topology(amqp->connection, argument, &cause);
    end_if_gone(amqp, ok, cause);
    if (!ok) {
        g_propagate_error(error, cause);
    }
    return ok;
}

bool sdm_amqp_declare(struct sdm_amqp *amqp, const struct sdm_amqp_topology *topology,
                      GError **error)
{
    return call_and_wait(amqp, call_declare, topology, error);
}

static bool call_delete_queue(struct sdm_amqp *amqp, const void *argument, GError **error)
{
    GError *cause = NULL;
    bool ok;

    if (amqp->connection == NULL) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    ok = sdm_declare_delete_queue(amqp->connection, argument, &cause);
    end_if_gone(amqp, ok, cause);
    if (!ok) {
        g_propagate_error(error, cause);
    }
    return ok;
}

bool sdm_amqp_delete_queue(struct sdm_amqp *amqp, const char *queue, GError **error)
{
    return call_and_wait(amqp, call_delete_queue, queue, error);
}

/* --- publishing --- */

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
    struct timespec end = end_of(timeout_ms);
    struct awaited *awaited = g_new0(struct awaited, 1);
    int late = 0;

    init_sync(&awaited->mutex, &awaited->ended);
    awaited->n_holders = 2;
    if (!sdm_amqp_publish(amqp, message, on_awaited, awaited, error)) {
        awaited_unref(awaited);
        awaited_unref(awaited);
        return false;
    }
    pthread_mutex_lock(&awaited->mutex);
    while (!awaited->is_ended && late == 0) {
        late = pthread_cond_timedwait(&awaited->ended, &awaited->mutex, &end);
    }
    *outcome = awaited->is_ended ? awaited->outcome : SDM_AMQP_LOST;
    pthread_mutex_unlock(&awaited->mutex);
    awaited_unref(awaited);
    return true;
}
