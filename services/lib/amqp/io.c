#include "lib/amqp/io.h"

#include <poll.h>

#include "lib/amqp/declare.h"
#include "lib/base/error.h"
#include "lib/svc/log.h"

/* How long to wait in poll(2) at most: heartbeats go out between. */
#define POLL_MS 500
/* How long a stop waits for confirms of what was sent. */
#define STOP_US (2L * G_USEC_PER_SEC)

/* The connection whose I/O thread this is. */
static __thread const struct sdm_amqp *current;

bool sdm_amqp_is_own_thread(const struct sdm_amqp *amqp)
{
    return current == amqp;
}

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

void sdm_amqp_fail(struct sdm_amqp *amqp, GError *error)
{
    if (amqp->failure == NULL) {
        amqp->failure = error;
    } else {
        g_error_free(error);
    }
}

bool sdm_amqp_run_mail(struct sdm_amqp *amqp)
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
    bool was_mail = sdm_amqp_run_mail(amqp);
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
        sdm_amqp_run_mail(amqp);
        /* Accepted in the moment before the loss was known. */
        sdm_publisher_lose_all(&amqp->publisher);
    }
}

void *sdm_amqp_run(void *data)
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
    sdm_amqp_run_mail(amqp);
    sdm_publisher_lose_all(&amqp->publisher);
    return NULL;
}
