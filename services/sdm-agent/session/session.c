#include "sdm-agent/session/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "sdm-agent/reconcile/accept.h"
#include "sdm-agent/session/epoch.h"
#include "sdm-agent/session/memory.h"
#include "sdm-agent/session/want.h"

static char *want_file(const struct sdm_session *session)
{
    return g_build_filename(session->state_dir, "want.json", NULL);
}

static void keep_want(const struct sdm_session *session, const void *body, size_t size)
{
    g_autofree char *path = want_file(session);
    g_autoptr(GError) error = NULL;

    /* Not worth waiting for a disk: it only names what reports find before a controller speaks.
     * Written in place, GLib does not shorten what was longer before. */
    unlink(path);
    if (!g_file_set_contents_full(path, body, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0600,
                                  &error)) {
        sdm_log_limited(SDM_LOG_WARNING, "want-not-kept", sdm_log_gerror(error));
    }
}

static void adopt(struct sdm_session *session, const struct sdm_s7_want *message)
{
    bool is_repeated = session->may_act && message->generation == session->generation;

    g_free(session->windows);
    session->windows = sdm_want_read(message);
    session->want.windows = session->windows;
    session->want.n_windows = (unsigned)message->n_windows;
    session->want.keep_unknown = message->has_keep_unknown && message->keep_unknown;
    session->generation = message->generation;
    sdm_step_plan_free(g_steal_pointer(&session->plan));
    sdm_records_want(session->records, &session->want, is_repeated, g_get_monotonic_time());
}

static bool take_epoch(struct sdm_session *session, uint64_t epoch, GError **error)
{
    if (epoch > session->epoch) {
        if (!sdm_epoch_save(session->state_dir, epoch, error)) {
            return false;
        }
        /* Another leader's, whose database may have been a later one than this leader's. */
        session->generation = 0;
    }
    session->epoch = epoch;
    return true;
}

static bool refuse_fenced(struct sdm_session *session, uint64_t epoch, GError **error)
{
    sdm_session_report_soon(session, true);
    return sdm_refuse(error, SDM_ERROR_STALE_EPOCH,
                      "epoch %" G_GUINT64_FORMAT " is over, %" G_GUINT64_FORMAT " has begun", epoch,
                      session->epoch);
}

static bool take_want(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_want_seen seen = {session->epoch, session->generation};
    enum sdm_want_verdict verdict;
    struct sdm_s7_want message;

    if (!sdm_codec_decode(&sdm_s7_want_codec, body, size, arena, &message, error)) {
        return false;
    }
    if (strcmp(message.brick, session->brick) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "for brick '%s', this is '%s'",
                          message.brick, session->brick);
    }
    verdict = sdm_want_judge(&seen, message.epoch, message.generation);
    if (verdict == SDM_WANT_FENCED && !sdm_sabotage("stale-agent-epoch")) {
        return refuse_fenced(session, message.epoch, error);
    }
    if (!take_epoch(session, message.epoch, error)) {
        return false;
    }
    if (verdict == SDM_WANT_LATE) {
        sdm_session_report_soon(session, true);
        return true;
    }
    if (!session->may_act || message.generation != session->generation) {
        keep_want(session, body, size);
        sdm_log_event(SDM_LOG_INFO, "want", sdm_log_int("generation", (int64_t)message.generation),
                      sdm_log_int("epoch", (int64_t)message.epoch),
                      sdm_log_int("windows", (int64_t)message.n_windows));
    }
    if (sdm_fault("agent.want_kept", error)) {
        return false;
    }
    adopt(session, &message);
    session->may_act = true;
    sdm_session_act(session);
    sdm_session_acknowledge(session);
    return true;
}

bool sdm_session_want(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    bool done = take_want(session, body, size, error);

    sdm_counter_add(done ? session->metrics.wants : session->metrics.wants_refused, 1);
    return done;
}

/* What was wanted so far is kept for the names of what is found.  A look that comes after the
 * leader's first word, late or once more, stops nothing: what has been wanted since counts. */
static bool take_look(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_s7_look message;

    if (!sdm_codec_decode(&sdm_s7_look_codec, body, size, arena, &message, error)) {
        return false;
    }
    if (strcmp(message.brick, session->brick) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "for brick '%s', this is '%s'",
                          message.brick, session->brick);
    }
    if (message.epoch < session->epoch) {
        return refuse_fenced(session, message.epoch, error);
    }
    if (!take_epoch(session, message.epoch, error)) {
        return false;
    }
    sdm_log_event(SDM_LOG_INFO, "look", sdm_log_int("epoch", (int64_t)message.epoch));
    if (session->generation == 0) {
        session->may_act = false;
        sdm_session_wake_at(session, 0);
    }
    sdm_session_report_soon(session, true);
    return true;
}

bool sdm_session_look(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    return take_look(session, body, size, error);
}

/* The wanted state of before the restart: for names, not for deeds. */
static void recall_want(struct sdm_session *session)
{
    g_autofree char *path = want_file(session);
    g_autofree char *body = NULL;
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_s7_want message;
    gsize size;

    if (g_file_get_contents(path, &body, &size, NULL) &&
        sdm_codec_decode(&sdm_s7_want_codec, body, size, arena, &message, NULL) &&
        strcmp(message.brick, session->brick) == 0) {
        adopt(session, &message);
        /* A generation counts under its own epoch. */
        session->generation = message.epoch == session->epoch ? message.generation : 0;
    }
}

void sdm_session_on_connected(struct sdm_session *session)
{
    struct sdm_s7_ask ask = {0};
    g_autofree char *body = NULL;
    size_t size;

    g_strlcpy(ask.brick, session->brick, sizeof ask.brick);
    g_strlcpy(ask.boot_id, session->boot_id, sizeof ask.boot_id);
    g_strlcpy(ask.version, session->version, sizeof ask.version);
    body = sdm_codec_encode(&sdm_s7_ask_codec, &ask, &size);
    session->send(session->user, "s7.ask/1", body, size);
    sdm_session_report_soon(session, true);
}

struct sdm_session *sdm_session_new(const struct sdm_session_config *config,
                                    const struct sdm_backends *backends, GError **error)
{
    struct sdm_session *session;
    uint64_t epoch;

    if (g_mkdir_with_parents(config->state_dir, 0700) != 0) {
        sdm_set_errno(error, errno, "make state folder '%s'", config->state_dir);
        return NULL;
    }
    if (!sdm_epoch_load(config->state_dir, &epoch, error)) {
        return NULL;
    }
    session = g_new0(struct sdm_session, 1);
    session->brick = g_strdup(config->brick);
    session->boot_id = g_strndup(config->boot_id, sizeof((struct sdm_s7_ask *)0)->boot_id - 1);
    session->version = g_strdup(config->version);
    session->state_dir = g_strdup(config->state_dir);
    session->service = config->service;
    session->send = config->send;
    session->user = config->user;
    session->backends = *backends;
    session->epoch = epoch;
    session->picture = sdm_picture_new();
    session->records = sdm_records_new();
    session->looking = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sdm_session_metrics_init(session);
    session->crew = sdm_crew_new(backends, sdm_session_job_ended, session,
                                 sdm_service_get_metrics(session->service));
    recall_want(session);
    sdm_session_start_looking(session, config->look_interval_ms);
    return session;
}

void sdm_session_end(struct sdm_session *session)
{
    session->is_ending = true;
    sdm_service_remove(session->service, session->look_timer);
    if (session->retry_timer != 0) {
        sdm_service_remove(session->service, session->retry_timer);
    }
    if (session->acknowledge_timer != 0) {
        sdm_service_remove(session->service, session->acknowledge_timer);
    }
    sdm_session_wake_at(session, 0);
    g_clear_pointer(&session->crew, sdm_crew_free);
}

void sdm_session_free(struct sdm_session *session)
{
    if (session == NULL) {
        return;
    }
    g_assert(session->is_ending);
    sdm_step_plan_free(session->plan);
    sdm_picture_free(session->picture);
    sdm_records_free(session->records);
    g_hash_table_unref(session->looking);
    g_free(session->windows);
    g_free(session->last_report);
    g_free(session->brick);
    g_free(session->boot_id);
    g_free(session->version);
    g_free(session->state_dir);
    g_free(session);
}
