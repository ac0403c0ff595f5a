#include <pthread.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/health.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/synthesizer/job.h"

/* Silent answers in a row; with the pauses between tries that is 3.1 s. */
enum { LOST_AFTER = 6 };
/* Reservations that are told, each by an event; the device's own event counts all. */
enum { MAX_TOLD = 256 };

struct sdm_silence {
    pthread_mutex_t mutex;
    GHashTable *counts; /* device number to silent answers, guarded by 'mutex' */
};

struct sdm_silence *sdm_silence_new(void)
{
    struct sdm_silence *silence = g_new0(struct sdm_silence, 1);

    pthread_mutex_init(&silence->mutex, NULL);
    silence->counts = g_hash_table_new(g_direct_hash, g_direct_equal);
    return silence;
}

void sdm_silence_free(struct sdm_silence *silence)
{
    if (silence == NULL) {
        return;
    }
    g_hash_table_destroy(silence->counts);
    pthread_mutex_destroy(&silence->mutex);
    g_free(silence);
}

static unsigned count_silent(struct sdm_silence *silence, int32_t device_no)
{
    unsigned n;

    pthread_mutex_lock(&silence->mutex);
    n = GPOINTER_TO_UINT(g_hash_table_lookup(silence->counts, GINT_TO_POINTER(device_no))) + 1;
    g_hash_table_insert(silence->counts, GINT_TO_POINTER(device_no), GUINT_TO_POINTER(n));
    pthread_mutex_unlock(&silence->mutex);
    return n;
}

static void forget_silence(struct sdm_silence *silence, int32_t device_no)
{
    pthread_mutex_lock(&silence->mutex);
    g_hash_table_remove(silence->counts, GINT_TO_POINTER(device_no));
    pthread_mutex_unlock(&silence->mutex);
}

struct marked {
    struct sdm_ledger *ledger;
    int32_t device_no;
    bool lost;
};

static void end_mark(void *data, bool committed)
{
    struct marked *marked = data;

    if (committed) {
        sdm_ledger_lock(marked->ledger);
        sdm_ledger_set_state(marked->ledger, marked->device_no,
                             marked->lost ? SDM_BRICK_STATE_LOST : SDM_BRICK_STATE_ACTIVE);
        sdm_ledger_unlock(marked->ledger);
    }
    g_free(marked);
}

static void on_commit_mark(struct sdm_job *job, struct sdm_tx *tx, int32_t device_no, bool lost)
{
    struct marked *marked = g_new0(struct marked, 1);

    marked->ledger = job->config->ledger;
    marked->device_no = device_no;
    marked->lost = lost;
    sdm_tx_on_end(tx, end_mark, marked);
}

static void tell_affected(struct sdm_job *job, struct sdm_tx *tx,
                          const struct sdm_affected *affected, const char *device, bool lost)
{
    struct sdm_event_reservation event = {
        .state = affected->state,
        .has_health = lost,
        .health = SDM_RESERVATION_HEALTH_DEGRADED,
        .size_bytes = (uint64_t)affected->size_bytes,
    };

    g_strlcpy(event.at, tx->now, sizeof event.at);
    g_strlcpy(event.reservation, affected->reservation, sizeof event.reservation);
    g_strlcpy(event.project, affected->project, sizeof event.project);
    g_snprintf(event.text, sizeof event.text, "'%s' %s", device,
               lost ? "does not answer" : "answers again");
    sdm_event_reservation(tx, job->config->sink, &event);
    if (affected->vm != NULL) {
        struct sdm_event_vm vm = {.has_project = true};

        g_strlcpy(vm.at, tx->now, sizeof vm.at);
        g_strlcpy(vm.vm, affected->vm, sizeof vm.vm);
        g_strlcpy(vm.compute_brick, affected->compute_brick, sizeof vm.compute_brick);
        g_strlcpy(vm.project, affected->project, sizeof vm.project);
        g_strlcpy(vm.text, event.text, sizeof vm.text);
        sdm_event_vm(tx, job->config->sink, &vm);
    }
}

static bool write_mark(struct sdm_job *job, struct sdm_tx *tx,
                       const struct sdm_driven_device *device, bool lost, GError **error)
{
    struct sdm_affected *affected;
    g_autoptr(GString) text = g_string_new(NULL);
    bool changed;
    int64_t n_all;
    size_t n;

    if (!sdm_store_health_set(tx, device->device_no, lost, &changed, error)) {
        return false;
    }
    if (!changed) {
        return true;
    }
    if (!sdm_store_health_affected(sdm_tx_read(tx), device->device_no, MAX_TOLD, job->arena,
                                   &affected, &n, &n_all, error)) {
        return false;
    }
    on_commit_mark(job, tx, device->device_no, lost);
    g_string_printf(text, "%s; %" G_GINT64_FORMAT " reservations have a part in it",
                    lost ? "does not answer" : "answers again", n_all);
    for (size_t i = 0; i < n; i++) {
        tell_affected(job, tx, &affected[i], device->id, lost);
        if (text->len < 400) {
            g_string_append_printf(text, "%s %s", i == 0 ? ":" : ",", affected[i].reservation);
        }
    }
    sdm_event_drift(tx, job->config->sink, device->id,
                    lost ? SDM_DRIFT_KIND_DEVICE_LOST : SDM_DRIFT_KIND_DEVICE_BACK, text->str,
                    lost ? SDM_EVENT_DRIFT_ACTION_REPORTED : SDM_EVENT_DRIFT_ACTION_REPAIRED);
    sdm_log_event(SDM_LOG_WARNING, lost ? "device-lost" : "device-back",
                  sdm_log_text("device", device->id), sdm_log_int("reservations", n_all));
    if (!lost) {
        sdm_post_device(tx, job->config->sink,
                        device->is_switch ? SDM_WORK_AUDIT : SDM_WORK_EXTENTS, device->device_no);
    }
    return true;
}

static bool mark(struct sdm_job *job, const struct sdm_driven_device *device, bool lost,
                 GError **error)
{
    struct sdm_tx tx = {0};

    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx, write_mark(job, &tx, device, lost, error) && sdm_tx_commit(&tx, error));
}

/* A brick that is on or off, and nobody asked for it: it is brought where it is wanted. */
static bool write_power(struct sdm_job *job, struct sdm_tx *tx,
                        const struct sdm_driven_device *device, bool off, GError **error)
{
    bool changed;

    if (!sdm_store_health_power(tx, device->device_no, off, &changed, error)) {
        return false;
    }
    if (changed) {
        sdm_event_drift(tx, job->config->sink, device->id, SDM_DRIFT_KIND_POWER_WRONG,
                        off ? "want it on, found it off" : "want it off, found it on",
                        SDM_EVENT_DRIFT_ACTION_REPAIRED);
        sdm_post_device(tx, job->config->sink, SDM_WORK_POWER, device->device_no);
    }
    return true;
}

static bool compare_power(struct sdm_job *job, const struct sdm_driven_device *device, bool off,
                          GError **error)
{
    struct sdm_tx tx = {0};

    if (device->is_switch || device->want_on != device->have_on || device->have_on == !off) {
        return true;
    }
    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx, write_power(job, &tx, device, off, error) && sdm_tx_commit(&tx, error));
}

bool sdm_job_probe(struct sdm_job *job, int32_t device_no, GError **error)
{
    g_autoptr(GError) silent = NULL;
    struct sdm_driven_device device;
    struct sdm_fabric_device asked;
    bool off = false;

    if (!sdm_store_driven_device(job->pg, device_no, &device, error)) {
        return false;
    }
    asked = (struct sdm_fabric_device){device.id, device.endpoint, device.optical};
    if (sdm_fabric_probe(job->config->fabric, &asked, &off, &silent)) {
        forget_silence(job->silence, device_no);
        return compare_power(job, &device, off, error) &&
               (!device.lost ||
                (mark(job, &device, false, error) &&
                 sdm_store_todo_of_brick(job->pg, device_no, sdm_job_repost, job, error)));
    }
    /* One that has seen an epoch which no leader had is as good as silent. */
    if ((silent->domain == SDM_UNAVAILABLE || sdm_tx_is_superseded(silent)) &&
        count_silent(job->silence, device_no) >= LOST_AFTER && !device.lost &&
        !mark(job, &device, true, error)) {
        return false;
    }
    g_propagate_error(error, g_steal_pointer(&silent));
    return false;
}
