#include "sdm-controller/synthesizer/job.h"

bool sdm_job_end(struct sdm_tx *tx, bool committed)
{
    /* A commit whose outcome is unknown is asked for when its connection is back. */
    if (!committed && tx->state != SDM_TX_UNKNOWN) {
        sdm_tx_rollback(tx);
    }
    while (tx->state == SDM_TX_UNKNOWN) {
        g_autoptr(GError) error = NULL;

        if (!sdm_pg_reconnect(tx->pg, &error) || !sdm_tx_settle(tx, &committed, &error)) {
            g_usleep(200 * 1000UL);
        }
    }
    sdm_tx_done(tx);
    return committed;
}

bool sdm_job_is_gone(GError *failure_take, GError **error)
{
    if (failure_take == NULL) {
        return true;
    }
    g_propagate_error(error, failure_take);
    return false;
}

bool sdm_job_settle(struct sdm_job *job, const char *reservation, GError **error)
{
    struct sdm_tx tx = {0};

    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx, sdm_settle(&job->settler, &tx, reservation, NULL, job->arena, error) !=
                                    NULL &&
                                sdm_tx_commit(&tx, error));
}

void sdm_job_repost(const struct sdm_work *work, void *data)
{
    const struct sdm_job *job = data;

    job->config->sink->post(job->config->sink->data, work);
}
