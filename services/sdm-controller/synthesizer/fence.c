#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/svc/log.h"
#include "sdm-controller/settle/fence.h"
#include "sdm-controller/store/fence.h"
#include "sdm-controller/synthesizer/job.h"

/* Tries, with the synthesizer's pauses between them, before nobody counts as confirming it. */
enum { MAX_TRIES = 3 };

struct fencing {
    struct sdm_job *job;
    const struct sdm_fence *fence;
    bool confirmed;
    /* Its power controller says that it is off. */
    bool off;
};

static bool is_cut(const GArray *pairs, int32_t port)
{
    for (guint i = 0; i < pairs->len; i++) {
        const struct sdm_port_pair *pair = &g_array_index(pairs, struct sdm_port_pair, i);

        if (pair->a == port || pair->b == port) {
            return false;
        }
    }
    return true;
}

/* Whatever is connected to the brick's port goes: no circuit of another brick crosses it. */
static bool disconnect_port(struct fencing *fencing, const struct sdm_fabric_device *device,
                            const struct sdm_fence_cable *cable, struct sdm_crossings *crossings,
                            GError **error)
{
    struct sdm_fabric *fabric = fencing->job->config->fabric;
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct sdm_port_pair));

    if (!sdm_fabric_list(fabric, device, found, error)) {
        return false;
    }
    for (guint i = 0; i < found->len; i++) {
        struct sdm_port_pair pair = g_array_index(found, struct sdm_port_pair, i);

        if (pair.a == cable->port || pair.b == cable->port) {
            /* Forgotten first, so that no comparison of the switch makes it again. */
            sdm_crossings_forget(crossings,
                                 (struct sdm_crossing){cable->device_no, pair.a, pair.b});
            if (!sdm_fabric_disconnect(fabric, device, pair, error)) {
                return false;
            }
        }
    }
    g_array_set_size(found, 0);
    return sdm_fabric_list(fabric, device, found, error) &&
           (is_cut(found, cable->port) ||
            sdm_refuse(error, SDM_ERROR_FABRIC_REFUSED, "switch '%s' keeps port %d connected",
                       cable->device, cable->port));
}

static bool cut_cable(struct fencing *fencing, const struct sdm_fence_cable *cable, GError **error)
{
    const struct sdm_fabric_device device = {cable->device, cable->endpoint, cable->optical};
    struct sdm_crossings *crossings;
    bool cut;

    if (!cable->is_switch) {
        return sdm_refuse(error, SDM_ERROR_FABRIC_REFUSED,
                          "a cable leads to brick '%s', where no switch can cut it", cable->device);
    }
    crossings = sdm_gates_open(fencing->job->gates, cable->device_no);
    cut = disconnect_port(fencing, &device, cable, crossings, error);
    sdm_gates_close(fencing->job->gates, cable->device_no);
    return cut;
}

/* Every switch is asked, also after one has not answered: each cable that is cut is one less. */
static bool cut_all(struct fencing *fencing, GError **error)
{
    bool cut = true;

    for (size_t i = 0; i < fencing->fence->n_cables; i++) {
        cut &= cut_cable(fencing, &fencing->fence->cables[i], cut ? error : NULL);
    }
    return cut;
}

static bool take_power(struct fencing *fencing, GError **error)
{
    const struct sdm_fence *fence = fencing->fence;
    const struct sdm_fabric_device device = {fence->brick, fence->endpoint, false};

    fencing->off = sdm_fabric_force_off(fencing->job->config->fabric, &device, error);
    return fencing->off;
}

/* As it was asked for.  False with the last reason. */
static bool cut_off(struct fencing *fencing, GError **error)
{
    enum sdm_fence_method method = fencing->fence->method;
    g_autoptr(GError) no_power = NULL;

    if (method == SDM_FENCE_METHOD_POWER) {
        return take_power(fencing, error);
    }
    if (method == SDM_FENCE_METHOD_ANY && take_power(fencing, &no_power)) {
        return true;
    }
    if (no_power != NULL && sdm_tx_is_superseded(no_power)) {
        g_propagate_error(error, g_steal_pointer(&no_power));
        return false;
    }
    if (cut_all(fencing, error)) {
        return true;
    }
    if (no_power != NULL) {
        g_prefix_error(error, "%s; ", no_power->message);
    }
    return false;
}

struct powered {
    struct sdm_ledger *ledger;
    int32_t device_no;
};

static void end_power(void *data, bool committed)
{
    struct powered *powered = data;

    if (committed) {
        sdm_ledger_lock(powered->ledger);
        sdm_ledger_set_power(powered->ledger, powered->device_no, SDM_POWER_STATE_OFF,
                             SDM_POWER_STATE_OFF);
        sdm_ledger_unlock(powered->ledger);
    }
    g_free(powered);
}

static void on_commit_off(struct fencing *fencing, struct sdm_tx *tx)
{
    struct powered *powered = g_new0(struct powered, 1);

    powered->ledger = fencing->job->config->ledger;
    powered->device_no = fencing->fence->device_no;
    sdm_tx_on_end(tx, end_power, powered);
}

/* One transaction: whatever crashes before it, the work is found again and done again. */
static bool write_end(struct fencing *fencing, struct sdm_tx *tx, const GError *why, GError **error)
{
    struct sdm_job *job = fencing->job;
    const struct sdm_fence *fence = fencing->fence;
    struct sdm_fence_count count = {0};
    g_autoptr(GError) refusal = NULL;
    g_autofree char *text = NULL;
    char(*reservations)[SDM_UUID_SIZE];
    size_t n;
    bool ended;

    if (!sdm_settle_fence_lock(tx, fence->device_no, job->arena, &reservations, &n, error) ||
        !sdm_store_fence_end(tx, fence->device_no,
                             fencing->confirmed ? SDM_FENCE_STATE_CONFIRMED
                                                : SDM_FENCE_STATE_UNCONFIRMED,
                             fencing->off, &ended, error)) {
        return false;
    }
    if (!ended) {
        return true;
    }
    if (fencing->off) {
        on_commit_off(fencing, tx);
    }
    if (!sdm_settle_fence(&job->settler, tx, fence, fencing->confirmed, reservations, n, job->arena,
                          &count, error)) {
        return false;
    }
    if (!fencing->confirmed) {
        sdm_refuse(&refusal, SDM_ERROR_UNCONFIRMED,
                   "brick '%s' could not be cut off for certain (%s); %zu reservations are in "
                   "quarantine",
                   fence->brick, why->message, count.n_failed);
    }
    text = g_strdup_printf("%s; %zu reservations released, %zu in quarantine",
                           fencing->off ? "switched off" : "cut at every switch", count.n_released,
                           count.n_failed);
    return fence->state != SDM_FENCE_STATE_CUTTING ||
           job->config->fence_done(job->config->user, tx, fence->device_no, text, refusal,
                                   job->arena, error);
}

static bool end_fencing(struct fencing *fencing, const GError *why, GError **error)
{
    struct sdm_job *job = fencing->job;
    struct sdm_tx tx = {0};

    if (sdm_fault("fence.before_mark", error) ||
        !sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    return sdm_job_end(&tx, write_end(fencing, &tx, why, error) && sdm_tx_commit(&tx, error));
}

/* Counts the try; the last one ends it.  False while there are more to come. */
static bool count_try(struct fencing *fencing, const GError *why, GError **error)
{
    struct sdm_job *job = fencing->job;
    struct sdm_tx tx = {0};
    int32_t n_tries;

    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error) ||
        !sdm_job_end(&tx, sdm_store_fence_tried(&tx, fencing->fence->device_no, &n_tries, error) &&
                              sdm_tx_commit(&tx, error))) {
        return false;
    }
    sdm_log_event(SDM_LOG_WARNING, "fence-try-failed", sdm_log_text("brick", fencing->fence->brick),
                  sdm_log_int("try", n_tries), sdm_log_gerror(why));
    if (n_tries >= MAX_TRIES) {
        return end_fencing(fencing, why, error);
    }
    return sdm_unavailable(error, "%s", why->message);
}

bool sdm_job_fence(struct sdm_job *job, int32_t device_no, GError **error)
{
    GError *failure = NULL;
    struct fencing fencing = {.job = job};

    fencing.fence = sdm_store_fence_load(job->pg, device_no, job->arena, &failure);
    if (fencing.fence == NULL) {
        return sdm_job_is_gone(failure, error);
    }
    /* Confirmed before: a reservation came to be while it was. */
    fencing.confirmed = fencing.fence->state == SDM_FENCE_STATE_CONFIRMED;
    if (fencing.fence->state == SDM_FENCE_STATE_CUTTING) {
        g_autoptr(GError) why = NULL;

        fencing.confirmed = cut_off(&fencing, &why);
        if (!fencing.confirmed && sdm_tx_is_superseded(why)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return false;
        }
        if (!fencing.confirmed) {
            return count_try(&fencing, why, error);
        }
    }
    return !fencing.confirmed || end_fencing(&fencing, NULL, error);
}
