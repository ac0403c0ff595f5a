/* Compares wanted with found, and has steps taken. */
#include "sdm-agent/session/memory.h"

static void compare(struct sdm_session *session);

void sdm_session_push(struct sdm_session *session, struct sdm_job *job)
{
    session->n_under_way++;
    sdm_crew_push(session->crew, job);
}

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

void sdm_session_end_step(struct sdm_session *session, const struct sdm_job *job)
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
    sdm_session_push(session, sdm_job_new_step(step));
}

static bool on_rest_over(void *user)
{
    struct sdm_session *session = user;

    session->wake_timer = 0;
    compare(session);
    return false;
}

void sdm_session_wake_at(struct sdm_session *session, int64_t at_us)
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

bool sdm_session_act(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);
    g_autofree struct sdm_busy *busy = NULL;
    int64_t rest_until_us;

    if (!sdm_picture_is_complete(session->picture) || session->is_ending) {
        return false;
    }
    busy = g_new0(struct sdm_busy, 1);
    busy->windows = g_hash_table_new(g_str_hash, g_str_equal);
    rest_until_us = sdm_records_busy(session->records, g_get_monotonic_time(), busy);
    sdm_step_plan_free(session->plan);
    session->plan = sdm_reconcile(&session->want, found, busy);
    g_hash_table_unref(busy->windows);
    for (unsigned i = 0; session->may_act && i < session->plan->n_steps; i++) {
        start_step(session, &session->plan->steps[i]);
    }
    note_reached(session);
    sdm_session_metrics_plan(session, found);
    sdm_session_wake_at(session, session->may_act ? rest_until_us : 0);
    return true;
}

/* Acts, and has the rest told. */
static void compare(struct sdm_session *session)
{
    if (sdm_session_act(session)) {
        sdm_session_report_soon(session, false);
    }
}

static void on_compare_due(void *user)
{
    struct sdm_session *session = user;

    session->compare_is_due = false;
    compare(session);
}

void sdm_session_compare_soon(struct sdm_session *session)
{
    if (!session->compare_is_due) {
        session->compare_is_due = true;
        sdm_service_post(session->service, on_compare_due, session);
    }
}
