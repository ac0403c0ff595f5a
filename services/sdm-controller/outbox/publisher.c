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

/* How long a confirm may take before the round is given up and tried again later. */
#define CONFIRM_TIMEOUT_US (30L * G_USEC_PER_SEC)

struct sdm_publisher {
    struct sdm_publisher_config config;
    char *database;
    struct sdm_lane *lane;
    struct sdm_pg *pg; /* the worker's; NULL until it connected */
    struct sdm_tx tx;
    struct sdm_counter *published;
    struct sdm_counter *nowhere;
    struct sdm_counter *refused;
    struct sdm_counter *lost;
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

static void wait_for_outcomes(struct round *round)
{
    gint64 end = g_get_monotonic_time() + CONFIRM_TIMEOUT_US;

    pthread_mutex_lock(&round->mutex);
    while (round->n_open > 0 && sdm_cond_wait_until(&round->changed, &round->mutex, end)) {
    }
    pthread_mutex_unlock(&round->mutex);
}

/* Writes the numbers of what is done with; false when something was lost on the way.  What the
 * broker has refused, as a full queue does and a node that stops, stays and is tried again. */
static bool collect(struct sdm_publisher *publisher, struct round *round,
                    const struct sdm_outbox_message *rows, size_t n, int64_t *done, size_t *n_done)
{
    bool is_lost = false;

    *n_done = 0;
    pthread_mutex_lock(&round->mutex);
    for (size_t i = 0; i < n; i++) {
        switch (round->outcomes[i]) {
        case SDM_AMQP_CONFIRMED:
            sdm_counter_add(publisher->published, 1);
            done[(*n_done)++] = rows[i].outbox_no;
            break;
        case SDM_AMQP_RETURNED:
            sdm_counter_add(publisher->nowhere, 1);
            done[(*n_done)++] = rows[i].outbox_no;
            break;
        case SDM_AMQP_REFUSED:
            sdm_counter_add(publisher->refused, 1);
            break;
        case SDM_AMQP_LOST:
            sdm_counter_add(publisher->lost, 1);
            is_lost = true;
            break;
        }
    }
    pthread_mutex_unlock(&round->mutex);
    return !is_lost;
}

static bool forget(struct sdm_publisher *publisher, const int64_t *done, size_t n, GError **error)
{
    if (n == 0) {
        return true;
    }
    if (!sdm_tx_begin(&publisher->tx, publisher->pg, publisher->config.epoch, error)) {
        return false;
    }
    sdm_outbox_delete(&publisher->tx, done, n);
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

/* One round, of what comes after '*after_no'; '*more' when there may be more to do at once. */
static bool publish_round(struct sdm_publisher *publisher, int64_t *after_no, bool *more,
                          GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_outbox_message *rows;
    struct round *round;
    int64_t *done;
    size_t n;
    size_t n_done;
    bool ok = true;

    if (!sdm_outbox_read(publisher->pg, *after_no, publisher->config.batch_max, arena, &rows, &n,
                         error)) {
        return false;
    }
    if (n == 0) {
        return true;
    }
    *after_no = rows[n - 1].outbox_no;
    round = round_new(n);
    for (size_t i = 0; i < n && ok; i++) {
        if (sdm_sabotage("lost-outbox-row") && rows[i].outbox_no % 7 == 0) {
            round->outcomes[i] = SDM_AMQP_CONFIRMED;
            continue;
        }
        ok = publish_one(publisher, round, i, &rows[i], error);
    }
    wait_for_outcomes(round);
    done = SDM_ARENA_NEW(arena, int64_t, n);
    *more = collect(publisher, round, rows, n, done, &n_done);
    round_unref(round);
    if (n_done > 0 && sdm_fault("outbox.published", ok ? error : NULL)) {
        return false;
    }
    return forget(publisher, done, n_done, ok ? error : NULL) && ok;
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

static void handle(void *worker, void *const *jobs, size_t n)
{
    struct sdm_publisher *publisher = worker;
    /* From the start with each turn, because numbers show up in another order than they were given;
     * what was refused does not stand in the way of what comes after it. */
    int64_t after_no = 0;
    bool more = true;

    (void)jobs;
    (void)n;
    while (more) {
        g_autoptr(GError) error = NULL;

        more = false;
        if (!sdm_amqp_is_connected(publisher->config.amqp) ||
            (connect(publisher, &error) && publish_round(publisher, &after_no, &more, &error))) {
            continue;
        }
        more = false;
        if (sdm_tx_is_superseded(error)) {
            publisher->config.on_superseded(publisher->config.user);
        } else {
            /* The next wake or poll tries again. */
            sdm_log_limited(SDM_LOG_WARNING, "outbox-waits", sdm_log_gerror(error));
        }
    }
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
    publisher->lane = sdm_lane_new(&lane);
    return publisher;
}

void sdm_publisher_wake(struct sdm_publisher *publisher)
{
    sdm_lane_try_push(publisher->lane, publisher);
}

void sdm_publisher_stop(struct sdm_publisher *publisher)
{
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
