#include "sdm-controller/leadership.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/pg/pg.h"
#include "lib/svc/log.h"
#include "sdm-controller/store/campaign.h"
#include "sdm-controller/store/leader.h"

/* The database has to answer a beat quickly; a slow one is the same as none. */
#define DATABASE_TIMEOUT_MS 5000

struct sdm_leadership {
    struct sdm_leadership_config config;
    char *database;
    char *name;
    GThread *thread;
    GMutex mutex;
    GCond changed;
    bool is_stopping; /* guarded by 'mutex', as the rest below */
    int64_t epoch;
    int64_t beat_us;
};

/* False when it is time to end. */
static bool wait_ms(struct sdm_leadership *leadership, int64_t ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;
    bool goes_on;

    g_mutex_lock(&leadership->mutex);
    while (!leadership->is_stopping &&
           g_cond_wait_until(&leadership->changed, &leadership->mutex, end)) {
    }
    goes_on = !leadership->is_stopping;
    g_mutex_unlock(&leadership->mutex);
    return goes_on;
}

static void note_beat(struct sdm_leadership *leadership, int64_t epoch)
{
    g_mutex_lock(&leadership->mutex);
    leadership->epoch = epoch;
    leadership->beat_us = g_get_monotonic_time();
    g_mutex_unlock(&leadership->mutex);
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

        if (!sdm_campaign_step(&state, pg, sdm_clock_monotonic_us(&sdm_clock_system), &epoch,
                               &error)) {
            recover(pg, error);
        }
    } while (epoch == 0 && wait_ms(leadership, leadership->config.beat_ms));
    return epoch;
}

static void lead(struct sdm_leadership *leadership, struct sdm_pg *pg, int64_t epoch)
{
    g_autofree char *session = sdm_leader_session_name(epoch, "beat");

    sdm_pg_rename(pg, session, NULL);
    while (wait_ms(leadership, leadership->config.beat_ms)) {
        g_autoptr(GError) error = NULL;

        if (sdm_leader_beat(pg, epoch, &error)) {
            note_beat(leadership, epoch);
        } else if (sdm_tx_is_superseded(error)) {
            leadership->config.on_lost(leadership->config.user);
            return;
        } else {
            recover(pg, error);
        }
    }
}

static void *run(void *data)
{
    struct sdm_leadership *leadership = data;
    g_autoptr(sdm_pg) pg = open_database(leadership);
    int64_t epoch;

    if (pg == NULL || !check_schema(leadership, pg)) {
        return NULL;
    }
    epoch = campaign(leadership, pg);
    if (epoch > 0) {
        note_beat(leadership, epoch);
        leadership->config.on_won(leadership->config.user, epoch);
        lead(leadership, pg, epoch);
    }
    return NULL;
}

struct sdm_leadership *sdm_leadership_new(const struct sdm_leadership_config *config)
{
    struct sdm_leadership *leadership = g_new0(struct sdm_leadership, 1);

    leadership->config = *config;
    leadership->database = g_strdup(config->database);
    leadership->name = g_strdup(config->name);
    g_mutex_init(&leadership->mutex);
    g_cond_init(&leadership->changed);
    leadership->thread = g_thread_new("leadership", run, leadership);
    return leadership;
}

void sdm_leadership_free(struct sdm_leadership *leadership)
{
    if (leadership == NULL) {
        return;
    }
    g_mutex_lock(&leadership->mutex);
    leadership->is_stopping = true;
    g_cond_broadcast(&leadership->changed);
    g_mutex_unlock(&leadership->mutex);
    g_thread_join(leadership->thread);
    g_mutex_clear(&leadership->mutex);
    g_cond_clear(&leadership->changed);
    g_free(leadership->database);
    g_free(leadership->name);
    g_free(leadership);
}

int64_t sdm_leadership_epoch(struct sdm_leadership *leadership)
{
    int64_t epoch;

    g_mutex_lock(&leadership->mutex);
    epoch = leadership->epoch;
    g_mutex_unlock(&leadership->mutex);
    return epoch;
}

int64_t sdm_leadership_beat_age_us(struct sdm_leadership *leadership)
{
    int64_t age_us;

    g_mutex_lock(&leadership->mutex);
    age_us = g_get_monotonic_time() - leadership->beat_us;
    g_mutex_unlock(&leadership->mutex);
    return age_us;
}
