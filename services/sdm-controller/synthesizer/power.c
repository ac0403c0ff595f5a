#include "lib/base/error.h"
#include "sdm-controller/store/device.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/synthesizer/job.h"

/* On top of what the brick says it needs. */
enum { POWER_GRACE_MS = 5000 };

struct powered {
    struct sdm_ledger *ledger;
    int32_t device_no;
    enum sdm_power_state want;
    enum sdm_power_state have;
};

static void end_power(void *data, bool committed)
{
    struct powered *powered = data;

    if (committed) {
        sdm_ledger_lock(powered->ledger);
        sdm_ledger_set_power(powered->ledger, powered->device_no, powered->want, powered->have);
        sdm_ledger_unlock(powered->ledger);
    }
    g_free(powered);
}

/* Refused, the brick stays as it is, and is wanted so. */
static bool write_power(struct sdm_job *job, struct sdm_tx *tx,
                        const struct sdm_driven_device *device, const GError *refusal,
                        GError **error)
{
    bool on = refusal == NULL ? device->want_on : device->have_on;
    struct powered *powered = g_new0(struct powered, 1);

    powered->ledger = job->config->ledger;
    powered->device_no = device->device_no;
    powered->want = on ? SDM_POWER_STATE_ON : SDM_POWER_STATE_OFF;
    powered->have = powered->want;
    sdm_tx_on_end(tx, end_power, powered);
    return (refusal == NULL
                ? sdm_device_set_have_power(tx, device->device_no, powered->have, error)
                : sdm_device_set_want_power(tx, device->device_no, powered->have, error)) &&
           job->config->power_done(job->config->user, tx, device->device_no, refusal, job->arena,
                                   error);
}

static bool mark(struct sdm_job *job, const struct sdm_driven_device *device, const GError *refusal,
                 GError **error)
{
    struct sdm_tx tx = {0};

    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx,
                       write_power(job, &tx, device, refusal, error) && sdm_tx_commit(&tx, error));
}

bool sdm_job_power(struct sdm_job *job, int32_t device_no, GError **error)
{
    g_autoptr(GError) failure = NULL;
    struct sdm_driven_device device;
    struct sdm_fabric_device asked;

    if (!sdm_store_driven_device(job->pg, device_no, &device, error)) {
        return false;
    }
    asked = (struct sdm_fabric_device){device.id, device.endpoint, false};
    if (device.want_on != device.have_on &&
        !sdm_fabric_power(job->config->fabric, &asked, device.want_on,
                          device.wake_ms + POWER_GRACE_MS, &failure) &&
        !g_error_matches(failure, SDM_ERROR, SDM_ERROR_FABRIC_REFUSED)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    /* Circuits and scrubs may have waited for the brick. */
    return mark(job, &device, failure, error) &&
           sdm_store_todo_of_brick(job->pg, device_no, sdm_job_repost, job, error);
}
