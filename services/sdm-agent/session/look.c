/* Looks at the brick and its guests, and takes what workers bring back. */
#include <string.h>

#include "sdm-agent/session/memory.h"

enum { RETRY_MS = 500 };

/* What a worker posts to the main thread. */
struct letter {
    struct sdm_session *session;
    struct sdm_job *job;    /* one that has ended, or */
    char vm[SDM_UUID_SIZE]; /* a guest that may have changed */
};

static void look_at_host(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);
    struct sdm_job *job = sdm_job_new(SDM_JOB_LOOK_HOST);

    for (unsigned i = 0; i < found->n_entries; i++) {
        sdm_job_add_range(job, &found->entries[i].netport);
    }
    sdm_session_push(session, job);
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
    sdm_session_push(session, job);
}

static void look_at_guests(struct sdm_session *session)
{
    if (g_hash_table_contains(session->looking, "")) {
        session->look_again = true;
        return;
    }
    g_hash_table_add(session->looking, g_strdup(""));
    sdm_session_push(session, sdm_job_new(SDM_JOB_LIST_VMS));
}

static void look_at_all(struct sdm_session *session)
{
    const struct sdm_found *found = sdm_picture_view(session->picture);

    sdm_session_push(session, sdm_job_new(SDM_JOB_LOOK_RMC));
    look_at_guests(session);
    for (unsigned i = 0; i < found->n_vms; i++) {
        look_at_guest(session, found->vms[i].vm);
    }
}

static bool on_look_due(void *user)
{
    look_at_all(user);
    sdm_session_report_soon(user, true);
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
    if (job->kind == SDM_JOB_LOOK_RMC || (job->kind == SDM_JOB_LOOK_HOST && job->error == NULL &&
                                          !sdm_picture_view(session->picture)->blocks_known)) {
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
        sdm_session_end_step(session, job);
    } else if (job->error != NULL) {
        sdm_log_limited(SDM_LOG_WARNING, "look-failed", sdm_log_text("vm", job->vm),
                        sdm_log_gerror(job->error));
    }
    if (job->error != NULL && job->error->domain != SDM_ERROR) {
        look_again_soon(session);
    }
    sdm_picture_take(session->picture, job, on_vm_gone, session);
    follow_up(session, job, is_list);
    sdm_session_compare_soon(session);
}

void sdm_session_job_ended(void *user, struct sdm_job *job)
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

void sdm_session_start_looking(struct sdm_session *session, unsigned interval_ms)
{
    if (session->backends.domain != NULL) {
        sdm_domain_watch(session->backends.domain, domain_changed, session);
    }
    session->look_timer =
        sdm_service_add_timer(session->service, interval_ms, on_look_due, session);
    on_look_due(session);
}
