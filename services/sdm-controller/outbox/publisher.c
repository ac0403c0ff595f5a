#include "sdm-controller/outbox/publisher.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/cond.h"
#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/pg.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/outbox.h"
#include "sdm-controller/store/tx.h"

/* How long confirms may take at the end, when nobody waits for more. */
#define STOP_TIMEOUT_US (2L * G_USEC_PER_SEC)
/* The first pause before what was refused is tried again; doubled each time that it is. */
#define MIN_PAUSE_US (1L * G_USEC_PER_SEC)

struct sdm_publisher {
    struct sdm_publisher_config config;
    char *database;
    struct sdm_lane *lane;
    struct sdm_pg *pg; /* the worker's; NULL until it connected */
    struct sdm_tx tx;
    gint is_stopping; /* atomic */
    gint64 pause_us;  /* the worker's: between tries of what was refused */
    gint64 due_us;    /* the worker's: of the next of them */
    struct sdm_counter *published;
    struct sdm_counter *nowhere;
    struct sdm_counter *refused;
    struct sdm_counter *lost;
    struct sdm_counter *dropped;
};

/* What became of the messages of a round. */
struct sorted {
    int64_t *done;
    size_t n_done;
    int64_t *refused; /* for the first time */
    size_t n_refused;
    bool is_lost; /* of some nobody knows */
};

/* A batch on its way.  Callbacks may come after the round has given up on it. */
struct round {
    gint n_refs;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t n_open;                   /* guarded by 'mutex' */
    enum sdm_amqp_outcome *outcomes; /* guarded by 'mutex' */
};

struct sent {
    struct round *round;
    size_t index;
};

static struct round *round_new(size_t n)
{
    struct round *round = g_new0(struct round, 1);

    round->n_refs = 1;
    pthread_mutex_init(&round->mutex, NULL);
    sdm_cond_init(&round->changed);
    round->outcomes = g_new(enum sdm_amqp_outcome, n);
    for (size_t i = 0; i < n; i++) {
        round->outcomes[i] = SDM_AMQP_LOST;
    }
    return round;
}

static void round_unref(struct round *round)
{
    if (g_atomic_int_dec_and_test(&round->n_refs)) {
        pthread_mutex_destroy(&round->mutex);
        pthread_cond_destroy(&round->changed);
        g_free(round->outcomes);
        g_free(round);
    }
}

static void on_published(void *user, enum sdm_amqp_outcome outcome)
{
    struct sent *sent = user;
    struct round *round = sent->round;

    pthread_mutex_lock(&round->mutex);
    round->outcomes[sent->index] = outcome;
    round->n_open--;
    pthread_cond_signal(&round->changed);
    pthread_mutex_unlock(&round->mutex);
    round_unref(round);
    g_free(sent);
}

static bool publish_one(struct sdm_publisher *publisher, struct round *round, size_t index,
                        const struct sdm_outbox_message *row, GError **error)
{
    const struct sdm_amqp_message message = {
        .exchange = row->exchange,
        .routing_key = row->routing_key,
        .type = row->type,
        .correlation_id = row->correlation_id,
        .content_type = "application/json",
        .body = row->body,
        .size = strlen(row->body),
        .is_persistent = true,
        .is_mandatory = true,
    };
    struct sent *sent = g_new(struct sent, 1);

    *sent = (struct sent){round, index};
    pthread_mutex_lock(&round->mutex);
    round->n_open++;
    pthread_mutex_unlock(&round->mutex);
    g_atomic_int_inc(&round->n_refs);
    if (sdm_amqp_publish(publisher->config.amqp, &message, on_published, sent, error)) {
        return true;
    }
    pthread_mutex_lock(&round->mutex);
    round->n_open--;
    pthread_mutex_unlock(&round->mutex);
    round_unref(round);
    g_free(sent);
    return false;
}

/* Until the broker has said something of each, or the connection is lost, which ends them too: a
 * broker that takes nothing for a while is not sent the same again and again. */
static void wait_for_outcomes(struct sdm_publisher *publisher, struct round *round)
{
    gint64 stop_us = 0;

    pthread_mutex_lock(&round->mutex);
    while (round->n_open > 0) {
        gint64 now_us = g_get_monotonic_time();

        if (stop_us == 0 && g_atomic_int_get(&publisher->is_stopping)) {
            stop_us = now_us + STOP_TIMEOUT_US;
        }
        if (stop_us != 0 && now_us >= stop_us) {
            break;
        }
        sdm_cond_wait_until(&round->changed, &round->mutex, now_us + G_USEC_PER_SEC / 2);
    }
    pthread_mutex_unlock(&round->mutex);
}

/* The queue that refuses it belongs to whoever listens there: after a while it is that one's loss,
 * and no longer everybody's burden. */
static void drop(struct sdm_publisher *publisher, const struct sdm_outbox_message *row)
{
    sdm_counter_add(publisher->dropped, 1);
    sdm_log_limited(SDM_LOG_WARNING, "outbox-dropped", sdm_log_text("type", row->type),
                    sdm_log_text("routing_key", row->routing_key),
                    sdm_log_int("age_ms", row->age_ms));
}

/* What the broker has refused, as a full queue does and a node that stops, stays, and is tried
 * again beside the others until it is too old. */
static void sort_refused(struct sdm_publisher *publisher, const struct sdm_outbox_message *row,
                         struct sorted *sorted)
{
    sdm_counter_add(publisher->refused, 1);
    if (row->outbox_no > 0) {
        sorted->refused[sorted->n_refused++] = row->outbox_no;
    } else if (row->age_ms >= publisher->config.patience_ms) {
        drop(publisher, row);
        sorted->done[sorted->n_done++] = row->outbox_no;
    }
}

static void sort(struct sdm_publisher *publisher, struct round *round,
                 const struct sdm_outbox_message *rows, size_t n, struct sorted *sorted)
{
    pthread_mutex_lock(&round->mutex);
    for (size_t i = 0; i < n; i++) {
        switch (round->outcomes[i]) {
        case SDM_AMQP_CONFIRMED:
            sdm_counter_add(publisher->published, 1);
            sorted->done[sorted->n_done++] = rows[i].outbox_no;
            break;
        case SDM_AMQP_RETURNED:
            sdm_counter_add(publisher->nowhere, 1);
            sorted->done[sorted->n_done++] = rows[i].outbox_no;
            break;
        case SDM_AMQP_REFUSED:
            sort_refused(publisher, &rows[i], sorted);
            break;
        case SDM_AMQP_LOST:
            sdm_counter_add(publisher->lost, 1);
            sorted->is_lost = true;
            break;
        }
    }
    pthread_mutex_unlock(&round->mutex);
}

/* Deletes what is done with, and puts off what was refused. */
static bool note(struct sdm_publisher *publisher, const struct sorted *sorted, GError **error)
{
    if (sorted->n_done == 0 && sorted->n_refused == 0) {
        return true;
    }
    if (!sdm_tx_begin(&publisher->tx, publisher->pg, publisher->config.epoch, error)) {
        return false;
    }
    if (sorted->n_done > 0) {
        sdm_outbox_delete(&publisher->tx, sorted->done, sorted->n_done);
    }
    if (sorted->n_refused > 0) {
        sdm_outbox_put_off(&publisher->tx, sorted->refused, sorted->n_refused);
    }
    if (sdm_tx_commit(&publisher->tx, error)) {
        return true;
    }
    if (publisher->tx.state == SDM_TX_UNKNOWN) {
        bool committed;

        /* Nothing depends on it: at worst the same goes out again. */
        sdm_tx_settle(&publisher->tx, &committed, NULL);
        publisher->tx.state = SDM_TX_ENDED;
    }
    return false;
}

static bool publish_all(struct sdm_publisher *publisher, struct round *round,
                        const struct sdm_outbox_message *rows, size_t n, GError **error)
{
    bool ok = true;

    for (size_t i = 0; i < n && ok; i++) {
        if (sdm_sabotage("lost-outbox-row") && rows[i].outbox_no % 7 == 0) {
            round->outcomes[i] = SDM_AMQP_CONFIRMED;
            continue;
        }
        ok = publish_one(publisher, round, i, &rows[i], error);
    }
    wait_for_outcomes(publisher, round);
    return ok;
}

/* One round, of what comes after '*after_no', or of what was put off; '*n' messages. */
static bool publish_round(struct sdm_publisher *publisher, bool is_put_off, int64_t *after_no,
                          size_t *n, bool *is_lost, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_outbox_message *rows;
    struct round *round;
    struct sorted sorted = {0};
    bool ok;

    if (!sdm_outbox_read(publisher->pg, is_put_off, *after_no, publisher->config.batch_max, arena,
                         &rows, n, error)) {
        return false;
    }
    if (*n == 0) {
        return true;
    }
    *after_no = rows[*n - 1].outbox_no;
    round = round_new(*n);
    ok = publish_all(publisher, round, rows, *n, error);
    sorted.done = SDM_ARENA_NEW(arena, int64_t, *n);
    sorted.refused = SDM_ARENA_NEW(arena, int64_t, *n);
    sort(publisher, round, rows, *n, &sorted);
    round_unref(round);
    *is_lost = sorted.is_lost;
    if (sorted.n_done > 0 && sdm_fault("outbox.published", ok ? error : NULL)) {
        return false;
    }
    return note(publisher, &sorted, ok ? error : NULL) && ok;
}

static bool connect(struct sdm_publisher *publisher, GError **error)
{
    g_autofree char *name = NULL;

    if (publisher->pg != NULL) {
        return sdm_pg_is_connected(publisher->pg) || sdm_pg_reconnect(publisher->pg, error);
    }
    name = sdm_leader_session_name(publisher->config.epoch, "outbox");
    publisher->pg = sdm_pg_open(publisher->database, name, error);
    return publisher->pg != NULL;
}

static void fail(struct sdm_publisher *publisher, const GError *error)
{
    if (sdm_tx_is_superseded(error)) {
        publisher->config.on_superseded(publisher->config.user);
    } else {
        /* The next wake or poll tries again. */
        sdm_log_limited(SDM_LOG_WARNING, "outbox-waits", sdm_log_gerror(error));
    }
}

/* Everything, or everything that was put off, as far as it goes; '*n_found' messages. */
static void publish(struct sdm_publisher *publisher, bool is_put_off, size_t *n_found)
{
    /* From the start with each turn, because numbers show up in another order than they were given.
     */
    int64_t after_no = 0;
    bool is_lost = false;
    size_t n = 1;

    *n_found = 0;
    while (n > 0 && !is_lost && sdm_amqp_is_connected(publisher->config.amqp)) {
        g_autoptr(GError) error = NULL;

        if (!connect(publisher, &error) ||
            !publish_round(publisher, is_put_off, &after_no, &n, &is_lost, &error)) {
            fail(publisher, error);
            return;
        }
        *n_found += n;
    }
}

/* What was refused comes beside the rest, the more seldom the longer there is any. */
static void publish_put_off(struct sdm_publisher *publisher)
{
    gint64 longest_us = publisher->config.patience_ms * 1000 / 4;
    gint64 now_us = g_get_monotonic_time();
    size_t n;

    if (now_us < publisher->due_us) {
        return;
    }
    publish(publisher, true, &n);
    publisher->pause_us =
        MIN(n > 0 ? publisher->pause_us * 2 : MIN_PAUSE_US, MAX(longest_us, MIN_PAUSE_US));
    publisher->due_us = now_us + publisher->pause_us;
}

static void handle(void *worker, void *const *jobs, size_t n)
{
    struct sdm_publisher *publisher = worker;
    size_t n_found;

    (void)jobs;
    (void)n;
    publish(publisher, false, &n_found);
    publish_put_off(publisher);
}

static struct sdm_counter *counter(struct sdm_metrics *metrics, const char *outcome)
{
    return sdm_metrics_counter(metrics, "sdm_outbox_published_total",
                               "Messages of the outbox, by what became of them", "outcome", outcome,
                               NULL);
}

static void free_worker(void *worker)
{
    struct sdm_publisher *publisher = worker;

    g_clear_pointer(&publisher->pg, sdm_pg_close);
}

struct sdm_publisher *sdm_publisher_new(const struct sdm_publisher_config *config)
{
    struct sdm_publisher *publisher = g_new0(struct sdm_publisher, 1);
    const struct sdm_lane_config lane = {
        .name = "outbox",
        .n_workers = 1,
        /* A job is a wake and holds nothing: one that waits stands for all. */
        .capacity = 1,
        .batch_max = 1,
        .handle = handle,
        .worker_free = free_worker,
        .user = publisher,
    };

    publisher->config = *config;
    publisher->database = g_strdup(config->database);
    publisher->published = counter(config->metrics, "published");
    publisher->nowhere = counter(config->metrics, "nowhere");
    publisher->refused = counter(config->metrics, "refused");
    publisher->lost = counter(config->metrics, "lost");
    publisher->dropped = counter(config->metrics, "dropped");
    publisher->pause_us = MIN_PAUSE_US;
    publisher->lane = sdm_lane_new(&lane);
    return publisher;
}

void sdm_publisher_wake(struct sdm_publisher *publisher)
{
    sdm_lane_try_push(publisher->lane, publisher);
}

void sdm_publisher_stop(struct sdm_publisher *publisher)
{
    g_atomic_int_set(&publisher->is_stopping, 1);
    sdm_publisher_wake(publisher);
    sdm_lane_stop(publisher->lane, true);
}

void sdm_publisher_free(struct sdm_publisher *publisher)
{
    if (publisher == NULL) {
        return;
    }
    sdm_publisher_stop(publisher);
    sdm_lane_free(publisher->lane);
    sdm_tx_done(&publisher->tx);
    g_free(publisher->database);
    g_free(publisher);
}
