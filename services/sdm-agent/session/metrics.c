#include "sdm-agent/session/memory.h"

void sdm_session_metrics_init(struct sdm_session *session)
{
    struct sdm_metrics *metrics = sdm_service_get_metrics(session->service);

    session->metrics.wants = sdm_metrics_counter(metrics, "sdm_agent_wants_total",
                                                 "Wanted states taken", "result", "ok", NULL);
    session->metrics.wants_refused = sdm_metrics_counter(
        metrics, "sdm_agent_wants_total", "Wanted states taken", "result", "refused", NULL);
    session->metrics.reports =
        sdm_metrics_counter(metrics, "sdm_agent_reports_total", "Reports sent", NULL);
    for (unsigned kind = 0; kind < SDM_N_STEP_KINDS; kind++) {
        const char *name = sdm_step_kind_name((enum sdm_step_kind)kind);

        session->metrics.steps[kind] =
            sdm_metrics_counter(metrics, "sdm_agent_steps_total", "Steps carried out", "kind", name,
                                "result", "ok", NULL);
        session->metrics.steps_failed[kind] =
            sdm_metrics_counter(metrics, "sdm_agent_steps_total", "Steps carried out", "kind", name,
                                "result", "failed", NULL);
        session->metrics.step_time[kind] =
            sdm_metrics_histogram(metrics, "sdm_agent_step_seconds", "Time that steps took",
                                  &sdm_metrics_latency, "kind", name, NULL);
    }
    for (unsigned level = 0; level <= SDM_WINDOW_LEVEL_ATTACHED; level++) {
        session->metrics.windows[level] =
            sdm_metrics_gauge(metrics, "sdm_agent_windows", "Wanted windows by what they have",
                              "level", sdm_window_level_name((enum sdm_window_level)level), NULL);
    }
    session->metrics.guests =
        sdm_metrics_gauge(metrics, "sdm_agent_guests", "Guests that run", NULL);
    session->metrics.converged = sdm_metrics_gauge(metrics, "sdm_agent_converged",
                                                   "1 when everything wanted is reached", NULL);
}

void sdm_session_metrics_step(struct sdm_session *session, const struct sdm_job *job)
{
    enum sdm_step_kind kind = job->step.kind;

    sdm_counter_add(
        job->error == NULL ? session->metrics.steps[kind] : session->metrics.steps_failed[kind], 1);
    sdm_histogram_observe(session->metrics.step_time[kind], job->ended_us - job->started_us);
}

void sdm_session_metrics_plan(struct sdm_session *session, const struct sdm_found *found)
{
    int64_t n[SDM_WINDOW_LEVEL_ATTACHED + 1] = {0};

    for (unsigned i = 0; i < session->plan->n_states; i++) {
        n[session->plan->states[i].have]++;
    }
    for (unsigned level = 0; level <= SDM_WINDOW_LEVEL_ATTACHED; level++) {
        sdm_gauge_set(session->metrics.windows[level], n[level]);
    }
    sdm_gauge_set(session->metrics.guests, found->n_vms);
    sdm_gauge_set(session->metrics.converged, session->plan->converged);
}
