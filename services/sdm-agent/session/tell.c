/* What the session reports, and when. */
#include "sdm-agent/session/memory.h"
#include "sdm-agent/session/report.h"

/* Wanted state is acknowledged by what comes of it, or by itself after this. */
enum { ACKNOWLEDGE_MS = 50 };

/* Returns it as if it had been made at 'made_us', so that two which differ in nothing else are
 * equal; g_free(). */
static char *write_report(struct sdm_session *session, int64_t made_us, size_t *size)
{
    const struct sdm_report_input input = {.brick = session->brick,
                                           .boot_id = session->boot_id,
                                           .version = session->version,
                                           .epoch = session->epoch,
                                           .generation = session->generation,
                                           .want = &session->want,
                                           .found = sdm_picture_view(session->picture),
                                           .plan = session->plan,
                                           .records = session->records,
                                           .now_us = g_get_monotonic_time(),
                                           .made_us = made_us};

    return sdm_report_write(&input, size);
}

static void send_report(struct sdm_session *session)
{
    g_autofree char *same = NULL;
    g_autofree char *body = NULL;
    size_t size;

    /* What has not been seen yet must not be taken for absent. */
    if (session->plan == NULL) {
        return;
    }
    same = write_report(session, 0, &size);
    if (!session->report_is_forced && g_strcmp0(same, session->last_report) == 0) {
        return;
    }
    body = write_report(session, g_get_monotonic_time(), &size);
    if (session->send(session->user, "s7.report/1", body, size)) {
        session->report_is_forced = false;
        g_free(session->last_report);
        session->last_report = g_steal_pointer(&same);
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

void sdm_session_report_soon(struct sdm_session *session, bool is_forced)
{
    session->report_is_forced |= is_forced;
    if (!session->report_is_due && !session->is_ending) {
        session->report_is_due = true;
        sdm_service_post(session->service, on_report_due, session);
    }
}

static bool on_acknowledge_due(void *user)
{
    struct sdm_session *session = user;

    session->acknowledge_timer = 0;
    sdm_session_report_soon(session, false);
    return false;
}

void sdm_session_acknowledge(struct sdm_session *session)
{
    session->report_is_forced = true;
    if (session->n_under_way == 0) {
        sdm_session_report_soon(session, true);
    } else if (session->acknowledge_timer == 0) {
        session->acknowledge_timer =
            sdm_service_add_timer(session->service, ACKNOWLEDGE_MS, on_acknowledge_due, session);
    }
}
