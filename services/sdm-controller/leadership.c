#include "sdm-controller/leadership.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/cond.h"
#include "lib/base/error.h"
#include "lib/pg/pg.h"
#include "lib/svc/log.h"
#include "sdm-controller/store/campaign.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/standby.h"

/* The database has to answer a beat quickly; a slow one is the same as none. */
#define DATABASE_TIMEOUT_MS 5000
/* Time between beats of a controller's own row, which only tells that it is there. */
#define ROW_BEAT_MS 1000

struct sdm_leadership {
    struct sdm_leadership_config config;
    char *database;
    char *name;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_stopping; /* guarded by 'mutex', as the rest below */
    int64_t epoch;
    int64_t beat_us;
    int64_t seen_us; /* when the leader's row was last read, or written */
    bool has_broker;

    /* The thread's own. */
    bool has_row;           /* of this process, in the table of controllers */
    int64_t row_due_us;     /* when it beats next */
    int64_t has_no_heir_us; /* when the broker was last there, or nobody who had it */
};

/* False when it is time to end. */
static bool wait_ms(struct sdm_leadership *leadership, int64_t ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;
    bool goes_on;

    pthread_mutex_lock(&leadership->mutex);
    while (!leadership->is_stopping &&
           sdm_cond_wait_until(&leadership->changed, &leadership->mutex, end)) {
    }
    goes_on = !leadership->is_stopping;
    pthread_mutex_unlock(&leadership->mutex);
    return goes_on;
}

static void note_beat(struct sdm_leadership *leadership, int64_t epoch)
{
    pthread_mutex_lock(&leadership->mutex);
    leadership->epoch = epoch;
    leadership->beat_us = leadership->seen_us = g_get_monotonic_time();
    pthread_mutex_unlock(&leadership->mutex);
}

static void note_look(struct sdm_leadership *leadership)
{
    pthread_mutex_lock(&leadership->mutex);
    leadership->seen_us = g_get_monotonic_time();
    pthread_mutex_unlock(&leadership->mutex);
}

static bool has_broker(struct sdm_leadership *leadership)
{
    bool has;

    pthread_mutex_lock(&leadership->mutex);
    has = leadership->has_broker;
    pthread_mutex_unlock(&leadership->mutex);
    return has;
}

static struct sdm_pg *open_database(struct sdm_leadership *leadership)
{
    struct sdm_pg *pg = NULL;

    do {
        g_autoptr(GError) error = NULL;

        pg = sdm_pg_open(leadership->database, "sdm-controller standby", &error);
        if (pg == NULL) {
            sdm_log_limited(SDM_LOG_WARNING, "database-away", sdm_log_gerror(error));
        }
    } while (pg == NULL && wait_ms(leadership, leadership->config.beat_ms));
    if (pg != NULL) {
        sdm_pg_set_timeout_ms(pg, DATABASE_TIMEOUT_MS);
    }
    return pg;
}

/* Away: connects anew, perhaps in vain; the next turn tries again. */
static void recover(struct sdm_pg *pg, const GError *error)
{
    sdm_log_limited(SDM_LOG_WARNING, "leadership-waits", sdm_log_gerror(error));
    if (!sdm_pg_is_connected(pg)) {
        sdm_pg_reconnect(pg, NULL);
    }
}

/* Shows from time to time that this controller is there. */
static bool beat_row(struct sdm_leadership *leadership, struct sdm_pg *pg, GError **error)
{
    const struct sdm_standby self = {
        .name = leadership->name,
        .host = g_get_host_name(),
        .pid = getpid(),
        .version = SDM_VERSION,
        .sees_broker = has_broker(leadership),
    };
    int64_t now_us = g_get_monotonic_time();

    if (now_us < leadership->row_due_us) {
        return true;
    }
    leadership->row_due_us = now_us + INT64_C(1000) * ROW_BEAT_MS;
    if (!sdm_standby_beat(pg, &self, !leadership->has_row, error)) {
        return false;
    }
    leadership->has_row = true;
    return true;
}

static bool check_schema(struct sdm_leadership *leadership, struct sdm_pg *pg)
{
    g_autoptr(GError) error = NULL;

    while (!sdm_leader_check_schema(pg, &error)) {
        if (error->domain != SDM_UNAVAILABLE) {
            leadership->config.on_hopeless(leadership->config.user, error);
            return false;
        }
        recover(pg, error);
        g_clear_error(&error);
        if (!wait_ms(leadership, leadership->config.beat_ms)) {
            return false;
        }
    }
    return true;
}

/* Returns the epoch won, or 0 when it is time to end. */
static int64_t campaign(struct sdm_leadership *leadership, struct sdm_pg *pg)
{
    struct sdm_campaign state = {
        .holder = leadership->name,
        .patience_us = leadership->config.standby_after_ms * 1000,
    };
    int64_t epoch = 0;

    do {
        g_autoptr(GError) error = NULL;

        if (sdm_campaign_step(&state, pg, sdm_clock_monotonic_us(&sdm_clock_system), &epoch,
                              &error)) {
            note_look(leadership);
        }
        if (error != NULL || !beat_row(leadership, pg, &error)) {
            recover(pg, error);
        }
    } while (epoch == 0 && wait_ms(leadership, leadership->config.beat_ms));
    return epoch;
}

/* Yields when, all the time that it has been without the broker, another had it. */
static bool consider_yielding(struct sdm_leadership *leadership, struct sdm_pg *pg, GError **error)
{
    int64_t now_us = g_get_monotonic_time();
    bool has_heir = false;

    if (!has_broker(leadership) && !sdm_standby_has_heir(pg, leadership->name, &has_heir, error)) {
        return false;
    }
    if (!has_heir) {
        leadership->has_no_heir_us = now_us;
    } else if (now_us - leadership->has_no_heir_us >= leadership->config.yield_after_ms * 1000) {
        leadership->config.on_yield(leadership->config.user);
    }
    return true;
}

/* The leader's row first: a leader that was superseded touches no other. */
static bool beat(struct sdm_leadership *leadership, struct sdm_pg *pg, int64_t epoch,
                 GError **error)
{
    if (!sdm_leader_beat(pg, epoch, error)) {
        return false;
    }
    note_beat(leadership, epoch);
    return beat_row(leadership, pg, error) && consider_yielding(leadership, pg, error);
}

/* False when another leads. */
static bool lead(struct sdm_leadership *leadership, struct sdm_pg *pg, int64_t epoch)
{
    g_autofree char *session = sdm_leader_session_name(epoch, "beat");

    sdm_pg_rename(pg, session, NULL);
    leadership->has_no_heir_us = g_get_monotonic_time();
    while (wait_ms(leadership, leadership->config.beat_ms)) {
        g_autoptr(GError) error = NULL;

        if (beat(leadership, pg, epoch, &error)) {
            continue;
        }
        if (sdm_tx_is_superseded(error)) {
            leadership->config.on_lost(leadership->config.user);
            return false;
        }
        recover(pg, error);
    }
    return true;
}

/* What cannot be said is found out by those who wait for a beat. */
static void say_goodbye(struct sdm_leadership *leadership, struct sdm_pg *pg, int64_t epoch)
{
    g_autoptr(GError) error = NULL;

    if ((epoch == 0 || sdm_leader_resign(pg, epoch, &error)) &&
        (!leadership->has_row || sdm_standby_forget(pg, leadership->name, &error))) {
        return;
    }
    sdm_log_event(SDM_LOG_WARNING, "not-resigned", sdm_log_gerror(error));
}

static void *run(void *data)
{
    struct sdm_leadership *leadership = data;
    g_autoptr(sdm_pg) pg = NULL;
    int64_t epoch;

    pthread_setname_np(pthread_self(), "leadership");
    pg = open_database(leadership);
    if (pg == NULL || !check_schema(leadership, pg)) {
        return NULL;
    }
    epoch = campaign(leadership, pg);
    if (epoch > 0) {
        note_beat(leadership, epoch);
        epoch = leadership->config.rise(leadership->config.user, pg, epoch);
        note_beat(leadership, epoch);
        leadership->config.on_won(leadership->config.user, epoch);
        if (!lead(leadership, pg, epoch)) {
            return NULL;
        }
    }
    say_goodbye(leadership, pg, epoch);
    return NULL;
}

struct sdm_leadership *sdm_leadership_new(const struct sdm_leadership_config *config)
{
    struct sdm_leadership *leadership = g_new0(struct sdm_leadership, 1);
    int failed;

    leadership->config = *config;
    leadership->database = g_strdup(config->database);
    leadership->name = g_strdup(config->name);
    leadership->seen_us = g_get_monotonic_time();
    pthread_mutex_init(&leadership->mutex, NULL);
    sdm_cond_init(&leadership->changed);
    failed = pthread_create(&leadership->thread, NULL, run, leadership);
    g_assert(failed == 0);
    return leadership;
}

void sdm_leadership_free(struct sdm_leadership *leadership)
{
    if (leadership == NULL) {
        return;
    }
    pthread_mutex_lock(&leadership->mutex);
    leadership->is_stopping = true;
    pthread_cond_broadcast(&leadership->changed);
    pthread_mutex_unlock(&leadership->mutex);
    pthread_join(leadership->thread, NULL);
    pthread_mutex_destroy(&leadership->mutex);
    pthread_cond_destroy(&leadership->changed);
    g_free(leadership->database);
    g_free(leadership->name);
    g_free(leadership);
}

void sdm_leadership_note_broker(struct sdm_leadership *leadership, bool is_connected)
{
    pthread_mutex_lock(&leadership->mutex);
    leadership->has_broker = is_connected;
    pthread_mutex_unlock(&leadership->mutex);
}

int64_t sdm_leadership_epoch(struct sdm_leadership *leadership)
{
    int64_t epoch;

    pthread_mutex_lock(&leadership->mutex);
    epoch = leadership->epoch;
    pthread_mutex_unlock(&leadership->mutex);
    return epoch;
}

bool sdm_leadership_check(struct sdm_leadership *leadership, GError **error)
{
    int64_t age_us;
    bool leads;

    pthread_mutex_lock(&leadership->mutex);
    leads = leadership->epoch > 0;
    age_us = g_get_monotonic_time() - leadership->seen_us;
    pthread_mutex_unlock(&leadership->mutex);
    return age_us <= leadership->config.standby_after_ms * 1000 ||
           sdm_unavailable(error, "%s in the database for %" G_GINT64_FORMAT " ms",
                           leads ? "leads without a beat"
                                 : "a standby that has seen no leader's row",
                           age_us / 1000);
}

int64_t sdm_leadership_beat_age_us(struct sdm_leadership *leadership)
{
    int64_t age_us;

    pthread_mutex_lock(&leadership->mutex);
    age_us = g_get_monotonic_time() - leadership->beat_us;
    pthread_mutex_unlock(&leadership->mutex);
    return age_us;
}
