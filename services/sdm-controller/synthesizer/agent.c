#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/wire/codec.h"
#include "sdm-controller/compile/agent.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/job.h"

/* Committed before the agent is told, so that a window that it may have made is never forgotten
 * without its report. */
static bool offer(struct sdm_job *job, int32_t compute_no, GError **error)
{
    struct sdm_tx tx = {0};
    char(*reservations)[SDM_UUID_SIZE];
    size_t n;

    /* Mostly whoever wired the circuit has noted it, and a commit is saved. */
    if (!sdm_store_windows_to_offer(job->pg, compute_no, job->arena, &reservations, &n, error)) {
        return false;
    }
    if (n == 0) {
        return true;
    }
    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    sdm_lock_reservations(&tx, reservations, n);
    sdm_store_windows_offer(&tx, compute_no, reservations, n);
    return sdm_job_end(&tx, sdm_tx_commit(&tx, error));
}

/* What there is has to be known before anything is said to be wanted: the agent may have obeyed a
 * later database than this one. */
static bool look(struct sdm_job *job, int32_t compute_no, GError **error)
{
    struct sdm_s7_look message = {.epoch = (uint64_t)job->config->epoch};
    struct sdm_driven_device device;
    g_autofree char *body = NULL;

    if (!sdm_store_driven_device(job->pg, compute_no, &device, error)) {
        return false;
    }
    g_strlcpy(message.brick, device.id, sizeof message.brick);
    body = sdm_codec_encode(&sdm_s7_look_codec, &message, NULL);
    return job->config->send_agent(job->config->user, device.id, sdm_s7_look_codec.type, body,
                                   error);
}

bool sdm_job_agent(struct sdm_job *job, int32_t compute_no, GError **error)
{
    const struct sdm_wanted_brick *brick;
    g_autofree char *body = NULL;
    struct sdm_s7_want want;

    if (!sdm_looks_has_heard(job->looks, compute_no)) {
        return look(job, compute_no, error);
    }
    if (sdm_looks_are_on(job->looks)) {
        /* All are told when all have been heard. */
        return true;
    }
    if (!offer(job, compute_no, error) || sdm_fault("synthesizer.before_send_agent", error)) {
        return false;
    }
    brick = sdm_store_wanted_load(job->pg, compute_no, job->arena, error);
    if (brick == NULL) {
        return false;
    }
    sdm_compile_agent(brick, job->config->epoch, job->arena, &want);
    if (sdm_looks_is_unresolved(job->looks, compute_no)) {
        want.has_keep_unknown = want.keep_unknown = true;
    }
    body = sdm_codec_encode(&sdm_s7_want_codec, &want, NULL);
    return job->config->send_agent(job->config->user, brick->compute_brick, sdm_s7_want_codec.type,
                                   body, error) &&
           !sdm_fault("synthesizer.after_send_agent", error);
}
