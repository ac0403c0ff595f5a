#include "sdm-agent/session/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sdm-agent/session/epoch.h"
#include "sdm-agent/session/memory.h"
#include "sdm-agent/session/report.h"
#include "sdm-agent/session/want.h"

/* What a worker posts to the main thread. */
struct letter {
    struct sdm_session *session;
    struct sdm_job *job;    /* one that has ended, or */
    char vm[SDM_UUID_SIZE]; /* a guest that may have changed */
};

enum { RETRY_MS = 500 };

static void compare(struct sdm_session *session);

static char *want_file(const struct sdm_session *session)
{
    return g_build_filename(session->state_dir, "want.json", NULL);
}

static void push(struct sdm_session *session, struct sdm_job *job)
{
    session->n_under_way++;
    sdm_crew_push(session->crew, job);
}

/* --- Reports --- */

static void send_report(struct sdm_session *session)
{
    struct sdm_report_input input = {.brick = session->brick,
                                     .boot_id = session->boot_id,
                                     .version = session->version,
                                     .epoch = session->epoch,
                                     .generation = session->generation,
                                     .want = &session->want,
                                     .found = sdm_picture_view(session->picture),
                                     .plan = session->plan,
                                     .records = session->records,
                                     .now_us = g_get_monotonic_time()};
    g_autofree char *body = NULL;
    size_t size;

    /* What has not been seen yet must not be taken for absent. */
    if (session->plan == NULL) {
        return;
    }
    body = sdm_report_write(&input, &size);
    if (!session->report_is_forced && g_strcmp0(body, session->last_report) == 0) {
        return;
    }
    if (session->send(session->user, "s7.report/1", body, size)) {
        session->report_is_forced = false;
        g_free(session->last_report);
        session->last_report = g_steal_pointer(&body);
        sdm_counter_add(session->metrics.reports, 1);
    }
}

static void on_report_due(void *user)
{
    struct sdm_session *session = user;

    session->report_is_due = false;
    if (!session->is_ending) {
        send_report(session);
    }
}

static void report_soon(struct sdm_session *session, bool is_forced)
{
    session->report_is_forced |= is_forced;
    if (!session->report_is_due && !session->is_ending) {
        session->report_is_due = true;
        sdm_service_post(session->service, on_report_due, session);
    }
}

/* --- Steps --- */

static void log_step(const struct sdm_session *session, const struct sdm_job *job)
{
    const struct sdm_step *step = &job->step;
    int64_t entry = step->entry == SDM_NO_ENTRY ? -1 : (int64_t)step->entry;

    (void)session;
    if (job->error != NULL) {
        sdm_log_limited(SDM_LOG_WARNING, "step-failed",
                        sdm_log_text("step", sdm_step_kind_name(step->kind)),
                        sdm_log_text("window", step->window), sdm_log_int("entry", entry),
                        sdm_log_text("vm", step->vm), sdm_log_gerror(job->error),
                        sdm_log_text("code", sdm_error_code_name(sdm_error_verdict(job->error))));
        return;
    }
    sdm_log_event(SDM_LOG_INFO, job->outcome.pending ? "step-pending" : "step-done",
                  sdm_log_text("step", sdm_step_kind_name(step->kind)),
                  sdm_log_text("window", step->window), sdm_log_int("entry", entry),
                  sdm_log_text("vm", step->vm), sdm_log_int("node", job->place.node),
                  sdm_log_int("distance", job->place.distance),
                  sdm_log_int("us", job->ended_us - job->started_us),
                  sdm_log_int("guest_us", job->outcome.guest_us));
}

static void end_step(struct sdm_session *session, const struct sdm_job *job)
{
    struct sdm_record *record =
        sdm_records_get(session->records, job->step.window, job->step.entry);

    if (job->error != NULL) {
        record->guest_us += job->outcome.guest_us;
        sdm_record_fail(record, job->step.kind, job->error, job->ended_us);
    } else if (job->outcome.pending) {
        sdm_record_end_pending(record, job->ended_us);
    } else {
        sdm_record_end(record, job->outcome.guest_us, job->outcome.guest_memory_bytes);
    }
    log_step(session, job);
    sdm_session_metrics_step(session, job);
}

static void start_step(struct sdm_session *session, const struct sdm_step *step)
{
    struct sdm_record *record = sdm_records_get(session->records, step->window, step->entry);

    sdm_record_begin(record, step);
    push(session, sdm_job_new_step(step));
}

static bool on_rest_over(void *user)
{
    struct sdm_session *session = user;

    session->wake_timer = 0;
    compare(session);
    return false;
}

static void wake_at(struct sdm_session *session, int64_t at_us)
{
    int64_t in_ms = (at_us - g_get_monotonic_time()) / 1000 + 1;

    if (session->wake_timer != 0) {
        sdm_service_remove(session->service, session->wake_timer);
        session->wake_timer = 0;
    }
    if (at_us > 0) {
        session->wake_timer =
            sdm_service_add_timer(session->service, (unsigned)MAX(in_ms, 1), on_rest_over, session);
    }
}

static void note_reached(struct sdm_session *session)
{
    for (unsigned i = 0; i < session->plan->n_states; i++) {
        const struct sdm_want_window *window = &session->want.windows[i];
        struct sdm_record *record = sdm_records_find(session->records, window->window);

        if (record != NULL && record->reached_us == 0 &&
            session->plan->states[i].have == window->level) {
            record->reached_us = g_get_monotonic_time();
        }
    }
}

/* Compares wanted with found, starts what can be started, and has the rest told. */
static void compare(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);
    g_autofree struct sdm_busy *busy = NULL;
    int64_t rest_until_us;

    if (!sdm_picture_is_complete(session->picture) || session->is_ending) {
        return;
    }
    busy = g_new0(struct sdm_busy, 1);
    busy->windows = g_hash_table_new(g_str_hash, g_str_equal);
    rest_until_us = sdm_records_busy(session->records, g_get_monotonic_time(), busy);
    sdm_plan_free(session->plan);
    session->plan = sdm_reconcile(&session->want, found, busy);
    g_hash_table_unref(busy->windows);
    for (unsigned i = 0; session->may_act && i < session->plan->n_steps; i++) {
        start_step(session, &session->plan->steps[i]);
    }
    note_reached(session);
    sdm_session_metrics_plan(session, found);
    wake_at(session, session->may_act ? rest_until_us : 0);
    report_soon(session, false);
}

static void on_compare_due(void *user)
{
    struct sdm_session *session = user;

    session->compare_is_due = false;
    compare(session);
}

/* Once for all results that have come together. */
static void compare_soon(struct sdm_session *session)
{
    if (!session->compare_is_due) {
        session->compare_is_due = true;
        sdm_service_post(session->service, on_compare_due, session);
    }
}

/* --- Looking --- */

static void look_at_host(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);
    struct sdm_job *job = sdm_job_new(SDM_JOB_LOOK_HOST);

    for (unsigned i = 0; i < found->n_entries; i++) {
        sdm_job_add_range(job, &found->entries[i].netport);
    }
    push(session, job);
}

static void look_at_guest(struct sdm_session *session, const char *vm)
{
    struct sdm_job *job;

    if (session->backends.domain == NULL || g_hash_table_contains(session->looking, vm)) {
        return;
    }
    g_hash_table_add(session->looking, g_strdup(vm));
    job = sdm_job_new(SDM_JOB_LOOK_VM);
    g_strlcpy(job->vm, vm, sizeof job->vm);
    push(session, job);
}

static void look_at_guests(struct sdm_session *session)
{
    if (g_hash_table_contains(session->looking, "")) {
        session->look_again = true;
        return;
    }
    g_hash_table_add(session->looking, g_strdup(""));
    push(session, sdm_job_new(SDM_JOB_LIST_VMS));
}

static void look_at_all(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);

    push(session, sdm_job_new(SDM_JOB_LOOK_RMC));
    look_at_guests(session);
    for (unsigned i = 0; i < found->n_vms; i++) {
        look_at_guest(session, found->vms[i].vm);
    }
}

static bool on_look_due(void *user)
{
    look_at_all(user);
    report_soon(user, true);
    return true;
}

static bool on_retry_due(void *user)
{
    struct sdm_session *session = user;

    session->retry_timer = 0;
    look_at_all(session);
    return false;
}

/* A part that does not answer is asked again soon. */
static void look_again_soon(struct sdm_session *session)
{
    if (session->retry_timer == 0) {
        session->retry_timer =
            sdm_service_add_timer(session->service, RETRY_MS, on_retry_due, session);
    }
}

/* A guest that was asked for memory may have answered. */
static void wake_windows_of(struct sdm_session *session, const char *vm)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);

    for (unsigned i = 0; i < found->n_vms; i++) {
        for (unsigned j = 0; j < found->vms[i].n_dimms; j++) {
            const char *window = found->vms[i].dimms[j].window;

            if (strcmp(found->vms[i].vm, vm) == 0) {
                sdm_records_wake(session->records, &window, 1);
            }
        }
    }
}

static void on_vm_gone(void *user, const char *vm)
{
    struct sdm_session *session = user;

    sdm_log_event(SDM_LOG_INFO, "guest-gone", sdm_log_text("vm", vm));
    sdm_crew_forget(session->crew, vm);
}

/* What a look has brought up may ask for another one. */
static void follow_up(struct sdm_session *session, const struct sdm_job *job, bool list_was_taken)
{
    if (job->kind == SDM_JOB_LOOK_RMC) {
        look_at_host(session);
    }
    if (list_was_taken) {
        g_autoptr(GPtrArray) unseen = sdm_picture_unseen(session->picture);

        for (guint i = 0; i < unseen->len; i++) {
            sdm_log_event(SDM_LOG_INFO, "guest-found",
                          sdm_log_text("vm", g_ptr_array_index(unseen, i)));
            look_at_guest(session, g_ptr_array_index(unseen, i));
        }
        if (session->look_again) {
            session->look_again = false;
            look_at_guests(session);
        }
    }
}

static void on_job_ended(void *user)
{
    g_autofree struct letter *letter = user;
    struct sdm_session *session = letter->session;
    g_autoptr(sdm_job) job = letter->job;
    bool is_list = job->kind == SDM_JOB_LIST_VMS;

    session->n_under_way--;
    if (session->is_ending) {
        return;
    }
    if (is_list || job->kind == SDM_JOB_LOOK_VM) {
        g_hash_table_remove(session->looking, job->vm);
    }
    if (job->kind == SDM_JOB_STEP) {
        end_step(session, job);
    } else if (job->error != NULL) {
        sdm_log_limited(SDM_LOG_WARNING, "look-failed", sdm_log_text("vm", job->vm),
                        sdm_log_gerror(job->error));
    }
    if (job->error != NULL && job->error->domain != SDM_ERROR) {
        look_again_soon(session);
    }
    sdm_picture_take(session->picture, job, on_vm_gone, session);
    follow_up(session, job, is_list);
    compare_soon(session);
}

static void job_ended(void *user, struct sdm_job *job)
{
    struct letter *letter = g_new0(struct letter, 1);

    letter->session = user;
    letter->job = job;
    sdm_service_post(letter->session->service, on_job_ended, letter);
}

static void on_changed(void *user)
{
    g_autofree struct letter *letter = user;
    struct sdm_session *session = letter->session;

    if (session->is_ending) {
        return;
    }
    look_at_guests(session);
    if (letter->vm[0] != '\0') {
        wake_windows_of(session, letter->vm);
        look_at_guest(session, letter->vm);
    }
}

static void domain_changed(void *user, const char *vm)
{
    struct letter *letter = g_new0(struct letter, 1);

    letter->session = user;
    g_strlcpy(letter->vm, vm, sizeof letter->vm);
    sdm_service_post(letter->session->service, on_changed, letter);
}

/* --- Wanted state --- */

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
    session->generation = message->generation;
    sdm_plan_free(g_steal_pointer(&session->plan));
    sdm_records_want(session->records, &session->want, is_repeated, g_get_monotonic_time());
}

static bool take_epoch(struct sdm_session *session, uint64_t epoch, GError **error)
{
    if (epoch < session->epoch) {
        report_soon(session, true);
        return sdm_refuse(error, SDM_ERROR_STALE_EPOCH,
                          "epoch %" G_GUINT64_FORMAT " is over, %" G_GUINT64_FORMAT " has begun",
                          epoch, session->epoch);
    }
    if (epoch > session->epoch && !sdm_epoch_save(session->state_dir, epoch, error)) {
        return false;
    }
    session->epoch = epoch;
    return true;
}

static bool take_want(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_s7_want message;
    bool is_new_epoch;

    if (!sdm_codec_decode(&sdm_s7_want_codec, body, size, arena, &message, error)) {
        return false;
    }
    if (strcmp(message.brick, session->brick) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "for brick '%s', this is '%s'",
                          message.brick, session->brick);
    }
    is_new_epoch = message.epoch > session->epoch;
    if (!take_epoch(session, message.epoch, error)) {
        return false;
    }
    report_soon(session, true);
    /* An older one that was delivered late; what came after it is at work already. */
    if (session->may_act && !is_new_epoch && message.generation < session->generation) {
        return true;
    }
    if (!session->may_act || message.generation != session->generation) {
        keep_want(session, body, size);
        sdm_log_event(SDM_LOG_INFO, "want", sdm_log_int("generation", (int64_t)message.generation),
                      sdm_log_int("epoch", (int64_t)message.epoch),
                      sdm_log_int("windows", (int64_t)message.n_windows));
    }
    adopt(session, &message);
    session->may_act = true;
    compare(session);
    return true;
}

bool sdm_session_want(struct sdm_session *session, const void *body, size_t size, GError **error)
{
    bool done = take_want(session, body, size, error);

    sdm_counter_add(done ? session->metrics.wants : session->metrics.wants_refused, 1);
    return done;
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
    report_soon(session, true);
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
    session->crew =
        sdm_crew_new(backends, job_ended, session, sdm_service_get_metrics(session->service));
    recall_want(session);
    if (backends->domain != NULL) {
        sdm_domain_watch(backends->domain, domain_changed, session);
    }
    session->look_timer =
        sdm_service_add_timer(session->service, config->look_interval_ms, on_look_due, session);
    on_look_due(session);
    return session;
}

void sdm_session_end(struct sdm_session *session)
{
    session->is_ending = true;
    sdm_service_remove(session->service, session->look_timer);
    if (session->retry_timer != 0) {
        sdm_service_remove(session->service, session->retry_timer);
    }
    wake_at(session, 0);
    g_clear_pointer(&session->crew, sdm_crew_free);
}

void sdm_session_free(struct sdm_session *session)
{
    if (session == NULL) {
        return;
    }
    g_assert(session->is_ending);
    sdm_plan_free(session->plan);
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
