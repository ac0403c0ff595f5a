#include "sdm-controller/keeper.h"

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/pg/pg.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/model/progress.h"
#include "sdm-controller/reservation/release.h"
#include "sdm-controller/store/answer.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/stored_reply.h"
#include "sdm-controller/store/tx.h"
#include "sdm-controller/store/usage.h"
#include "wire/error.h"

/* What one transaction takes on; more waits for the next. */
#define MAX_OVERDUE   64
#define MAX_EXPIRED   64
#define MAX_FORGOTTEN 1000
/* Figures cost a look at whole tables, old replies may wait a little. */
#define SLOW_TURN 30

struct sdm_keeper {
    struct sdm_keeper_config config;
    char *database;
    struct sdm_lane *lane;
    struct sdm_pg *pg; /* the worker's; NULL until it connected */
    struct sdm_tx tx;
    unsigned n_turns;
    struct sdm_gauge *reservations;
    struct sdm_gauge *segments;
    struct sdm_gauge *pending;
    struct sdm_gauge *outbox;
    struct sdm_gauge *diverged;
};

/* A duty in a transaction of its own; '*again' when there is more of it at once. */
typedef bool duty_fn(struct sdm_keeper *keeper, struct sdm_arena *arena, bool *again,
                     GError **error);

static bool read_reached(struct sdm_keeper *keeper, const struct sdm_stored_reply *row,
                         struct sdm_arena *arena, enum sdm_wait_level *level, GError **error)
{
    enum sdm_request_direction direction;
    const struct sdm_snapshot *snapshot;

    *level = SDM_WAIT_LEVEL_COMMITTED;
    if (row->reservation == NULL || !sdm_request_direction(row->type, &direction)) {
        return true;
    }
    snapshot =
        sdm_store_snapshot_load(sdm_tx_read(&keeper->tx), row->reservation, false, arena, error);
    if (snapshot == NULL) {
        return false;
    }
    *level = sdm_progress_reached(snapshot, direction, row->wait).level;
    return true;
}

static bool tell_timeout(struct sdm_keeper *keeper, const struct sdm_stored_reply *row,
                         struct sdm_arena *arena, GError **error)
{
    struct sdm_error message = {.code = SDM_ERROR_TIMEOUT, .has_reached = true};
    g_autofree char *body = NULL;

    if (!read_reached(keeper, row, arena, &message.reached, error)) {
        return false;
    }
    g_snprintf(message.text, sizeof message.text, "waited for '%s', reached '%s'; it goes on",
               sdm_wait_level_name(row->wait), sdm_wait_level_name(message.reached));
    message.has_reservation = row->reservation != NULL;
    g_strlcpy(message.reservation, row->reservation != NULL ? row->reservation : "",
              sizeof message.reservation);
    body = sdm_codec_encode(&sdm_error_codec, &message, NULL);
    sdm_log_event(SDM_LOG_INFO, "request-timed-out", sdm_log_text("type", row->type),
                  sdm_log_text("project", row->project), sdm_log_text("key", row->key),
                  sdm_log_text("reservation", row->reservation));
    return sdm_answer_finish(&keeper->tx, row, sdm_error_codec.type, body, arena, error);
}

/* Who moves a reservation answers what waits for it, with the reservation locked. */
static void lock_overdue(struct sdm_keeper *keeper, const struct sdm_stored_reply *rows, size_t n)
{
    g_autoptr(sdm_lock_set) set = sdm_lock_set_new();

    for (size_t i = 0; i < n; i++) {
        if (rows[i].reservation != NULL) {
            g_ptr_array_add(set->reservations, (char *)rows[i].reservation);
        }
    }
    sdm_lock(&keeper->tx, set);
}

static bool tell_overdue(struct sdm_keeper *keeper, struct sdm_arena *arena, bool *again,
                         GError **error)
{
    struct sdm_stored_reply *rows;
    size_t n;

    if (!sdm_stored_reply_overdue(sdm_tx_read(&keeper->tx), MAX_OVERDUE, arena, &rows, &n, error)) {
        return false;
    }
    lock_overdue(keeper, rows, n);
    for (size_t i = 0; i < n; i++) {
        if (!tell_timeout(keeper, &rows[i], arena, error)) {
            return false;
        }
    }
    if (n > 0) {
        sdm_post_id(&keeper->tx, &keeper->config.sink, SDM_WORK_OUTBOX, "");
    }
    *again = n == MAX_OVERDUE;
    return true;
}

static bool end_leases(struct sdm_keeper *keeper, struct sdm_arena *arena, bool *again,
                       GError **error)
{
    size_t n;

    if (!sdm_reservation_expire(keeper->config.engine, &keeper->tx, MAX_EXPIRED, arena, &n,
                                error)) {
        return false;
    }
    *again = n == MAX_EXPIRED;
    return true;
}

static bool forget_replies(struct sdm_keeper *keeper, struct sdm_arena *arena, bool *again,
                           GError **error)
{
    int64_t n;

    (void)arena;
    if (!sdm_stored_reply_forget(&keeper->tx, MAX_FORGOTTEN, &n, error)) {
        return false;
    }
    *again = n == MAX_FORGOTTEN;
    return true;
}

static bool count_figures(struct sdm_keeper *keeper, struct sdm_arena *arena, bool *again,
                          GError **error)
{
    struct sdm_usage_totals totals;

    (void)arena;
    (void)again;
    if (!sdm_usage_total(keeper->tx.pg, &totals, error)) {
        return false;
    }
    sdm_gauge_set(keeper->reservations, totals.n_reservations);
    sdm_gauge_set(keeper->segments, totals.n_segments);
    sdm_gauge_set(keeper->pending, totals.n_pending);
    sdm_gauge_set(keeper->outbox, totals.n_outbox);
    sdm_gauge_set(keeper->diverged, totals.n_diverged);
    return true;
}

/* What is unknown is looked at again by the next turn: every duty finds what is left of it. */
static bool commit(struct sdm_keeper *keeper, GError **error)
{
    bool committed;

    if (sdm_tx_commit(&keeper->tx, error)) {
        return true;
    }
    while (keeper->tx.state == SDM_TX_UNKNOWN && sdm_lane_sleep(keeper->lane, 100)) {
        sdm_tx_settle(&keeper->tx, &committed, NULL);
    }
    return false;
}

static bool do_duty(struct sdm_keeper *keeper, duty_fn *duty, GError **error)
{
    bool again = true;

    while (again) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();

        again = false;
        if (!sdm_tx_begin(&keeper->tx, keeper->pg, keeper->config.epoch, error)) {
            return false;
        }
        if (!duty(keeper, arena, &again, error)) {
            sdm_tx_rollback(&keeper->tx);
            return false;
        }
        if (!commit(keeper, error)) {
            return false;
        }
    }
    return true;
}

static bool connect(struct sdm_keeper *keeper, GError **error)
{
    g_autofree char *name = NULL;

    if (keeper->pg != NULL) {
        return sdm_pg_is_connected(keeper->pg) || sdm_pg_reconnect(keeper->pg, error);
    }
    name = sdm_leader_session_name(keeper->config.epoch, "keeper");
    keeper->pg = sdm_pg_open(keeper->database, name, error);
    return keeper->pg != NULL;
}

static void try_duty(struct sdm_keeper *keeper, duty_fn *duty)
{
    g_autoptr(GError) error = NULL;

    if (keeper->tx.state != SDM_TX_ENDED ||
        (connect(keeper, &error) && do_duty(keeper, duty, &error))) {
        return;
    }
    if (sdm_tx_is_superseded(error)) {
        keeper->config.on_superseded(keeper->config.user);
    } else {
        sdm_log_limited(SDM_LOG_WARNING, "keeper-waits", sdm_log_gerror(error));
    }
}

static void handle(void *worker, void *const *jobs, size_t n)
{
    struct sdm_keeper *keeper = worker;

    (void)jobs;
    (void)n;
    try_duty(keeper, tell_overdue);
    try_duty(keeper, end_leases);
    if (keeper->n_turns++ % SLOW_TURN == 0) {
        try_duty(keeper, forget_replies);
        try_duty(keeper, count_figures);
    }
}

static void free_worker(void *worker)
{
    struct sdm_keeper *keeper = worker;

    g_clear_pointer(&keeper->pg, sdm_pg_close);
}

static void add_gauges(struct sdm_keeper *keeper, struct sdm_metrics *metrics)
{
    keeper->reservations =
        sdm_metrics_gauge(metrics, "sdm_reservations", "Reservations not yet released", NULL);
    keeper->segments =
        sdm_metrics_gauge(metrics, "sdm_segments", "Segments that are not free", NULL);
    keeper->pending = sdm_metrics_gauge(metrics, "sdm_requests_pending",
                                        "Requests that wait for fabric or guest", NULL);
    keeper->outbox = sdm_metrics_gauge(metrics, "sdm_outbox_depth",
                                       "Messages committed and not yet published", NULL);
    keeper->diverged =
        sdm_metrics_gauge(metrics, "sdm_devices_diverged",
                          "Devices whose found generation is behind the wanted one", NULL);
}

struct sdm_keeper *sdm_keeper_new(const struct sdm_keeper_config *config)
{
    struct sdm_keeper *keeper = g_new0(struct sdm_keeper, 1);
    const struct sdm_lane_config lane = {
        .name = "keeper",
        .n_workers = 1,
        /* A job is a wake and holds nothing. */
        .capacity = 1,
        .batch_max = 1,
        .handle = handle,
        .worker_free = free_worker,
        .user = keeper,
    };

    keeper->config = *config;
    keeper->database = g_strdup(config->database);
    add_gauges(keeper, config->metrics);
    keeper->lane = sdm_lane_new(&lane);
    return keeper;
}

void sdm_keeper_wake(struct sdm_keeper *keeper)
{
    sdm_lane_try_push(keeper->lane, keeper);
}

void sdm_keeper_free(struct sdm_keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    sdm_lane_stop(keeper->lane, true);
    sdm_lane_free(keeper->lane);
    if (keeper->tx.state == SDM_TX_ENDED) {
        sdm_tx_done(&keeper->tx);
    }
    g_free(keeper->database);
    g_free(keeper);
}
