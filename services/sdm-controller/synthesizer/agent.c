#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/wire/codec.h"
#include "sdm-controller/compile/agent.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/job.h"

/* Committed before the agent is told, so that a window that it may have made is never forgotten
 * without its report. */
static bool offer(struct sdm_job *job, int32_t compute_no, GError **error)
{
    struct sdm_tx tx = {0};

    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    return sdm_job_end(&tx, sdm_store_windows_offer(&tx, compute_no, error) &&
                                sdm_tx_commit(&tx, error));
}

bool sdm_job_agent(struct sdm_job *job, int32_t compute_no, GError **error)
{
    const struct sdm_wanted_brick *brick;
    g_autofree char *body = NULL;
    struct sdm_s7_want want;

    if (!offer(job, compute_no, error) || sdm_fault("synthesizer.before_send_agent", error)) {
        return false;
    }
    brick = sdm_store_wanted_load(job->pg, compute_no, job->arena, error);
    if (brick == NULL) {
        return false;
    }
    sdm_compile_agent(brick, job->config->epoch, job->arena, &want);
    body = sdm_codec_encode(&sdm_s7_want_codec, &want, NULL);
    return job->config->send_agent(job->config->user, brick->compute_brick, sdm_s7_want_codec.type,
                                   body, error);
}
