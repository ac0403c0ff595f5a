#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/settle/pending.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/circuit.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/shared.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/timing.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/job.h"

static struct sdm_fabric_device device_of(const struct sdm_wanted_hop *hop)
{
    return (struct sdm_fabric_device){hop->switch_id, hop->endpoint, hop->optical};
}

static struct sdm_crossing crossing_of(const struct sdm_wanted_hop *hop)
{
    return (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port};
}

static bool connect_hop(struct sdm_job *job, const char *circuit, const struct sdm_wanted_hop *hop,
                        GError **error)
{
    const struct sdm_fabric_device device = device_of(hop);
    struct sdm_crossings *crossings = sdm_gates_open(job->gates, hop->switch_no);
    bool connected;

    /* Noted first: when the answer is lost, the switch may have done it. */
    sdm_crossings_add(crossings, crossing_of(hop), circuit);
    connected = sdm_fabric_connect(job->config->fabric, &device,
                                   (struct sdm_port_pair){hop->in_port, hop->out_port}, error);
    sdm_gates_close(job->gates, hop->switch_no);
    return connected;
}

/* Cuts where no other circuit crosses. */
static bool disconnect_hop(struct sdm_job *job, const char *circuit,
                           const struct sdm_wanted_hop *hop, GError **error)
{
    const struct sdm_fabric_device device = device_of(hop);
    struct sdm_crossings *crossings = sdm_gates_open(job->gates, hop->switch_no);
    bool cut = true;

    if (sdm_crossings_remove(crossings, crossing_of(hop), circuit)) {
        cut = sdm_fabric_disconnect(job->config->fabric, &device,
                                    (struct sdm_port_pair){hop->in_port, hop->out_port}, error);
    }
    sdm_gates_close(job->gates, hop->switch_no);
    return cut;
}

/* In reverse order, as far as it goes; a switch that does not answer is compared when it does. */
static void undo_hops(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, size_t n_done)
{
    for (size_t i = n_done; i > 0; i--) {
        const struct sdm_wanted_hop *hop = &wanted->hops[i - 1];
        const struct sdm_work audit = {.kind = SDM_WORK_AUDIT, .device_no = hop->switch_no};
        g_autoptr(GError) ignored = NULL;

        if (!disconnect_hop(job, wanted->circuit, hop, &ignored)) {
            job->config->sink->post(job->config->sink->data, &audit);
        }
    }
}

/* The reservations that a circuit carries, locked, and their compute bricks with them. */
struct carried {
    char (*reservations)[SDM_UUID_SIZE];
    size_t n;
};

static bool lock_carried(struct sdm_job *job, struct sdm_tx *tx, const char *circuit,
                         struct carried *carried, GError **error)
{
    if (!sdm_store_circuit_reservations(sdm_tx_read(tx), circuit, job->arena,
                                        &carried->reservations, &carried->n, error)) {
        return false;
    }
    sdm_lock_reservations(tx, carried->reservations, carried->n);
    return true;
}

/* 'fabric_us' is what the switches took; negative when they have not done it. */
static bool settle_carried(struct sdm_job *job, struct sdm_tx *tx, const struct carried *carried,
                           int64_t fabric_us, GError **error)
{
    for (size_t i = 0; i < carried->n; i++) {
        if (fabric_us >= 0) {
            sdm_timing_fabric(tx, carried->reservations[i], fabric_us);
        }
        if (sdm_settle(&job->settler, tx, carried->reservations[i], NULL, job->arena, error) ==
            NULL) {
            return false;
        }
    }
    return true;
}

static bool write_found(struct sdm_job *job, struct sdm_tx *tx,
                        const struct sdm_wanted_circuit *wanted, bool up, int64_t fabric_us,
                        GError **error)
{
    struct carried carried;
    int64_t generation;

    if (!lock_carried(job, tx, wanted->circuit, &carried, error)) {
        return false;
    }
    if (up) {
        /* The agent may now be told of the windows behind it. */
        if (!sdm_store_generation_next(tx, wanted->compute_no, &generation, error)) {
            return false;
        }
        /* Noted here, telling the agent needs no commit of its own. */
        sdm_store_windows_offer_circuit(tx, wanted->circuit);
        sdm_post_device(tx, job->config->sink, SDM_WORK_AGENT, wanted->compute_no);
    }
    sdm_shared_circuit_found(tx, wanted->circuit, up);
    return settle_carried(job, tx, &carried, fabric_us, error);
}

static bool mark_found(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, bool up,
                       int64_t fabric_us, GError **error)
{
    struct sdm_tx tx = {0};
    bool done;

    if (sdm_fault("synthesizer.before_mark_circuit", error) ||
        !sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    done = write_found(job, &tx, wanted, up, fabric_us, error) && sdm_tx_commit(&tx, error);
    return sdm_job_end(&tx, done);
}

/* An accelerator has no attachment that could say so: its reservation is given up as a whole. */
static bool give_up_accelerators(struct sdm_job *job, struct sdm_tx *tx,
                                 const struct carried *carried, const GError *refusal,
                                 GError **error)
{
    for (size_t i = 0; i < carried->n; i++) {
        const struct sdm_snapshot *snapshot = sdm_store_snapshot_load(
            sdm_tx_read(tx), carried->reservations[i], true, job->arena, error);

        if (snapshot == NULL) {
            return false;
        }
        if (snapshot->accelerator == NULL || snapshot->state != SDM_RESERVATION_STATE_ATTACHING) {
            continue;
        }
        if (!sdm_pending_refuse(tx, snapshot->reservation,
                                sdm_error_code_name(SDM_ERROR_FABRIC_REFUSED), refusal->message,
                                job->arena, error) ||
            !sdm_settle_give_up(&job->settler, tx, snapshot, "its circuit was refused", job->arena,
                                error)) {
            return false;
        }
    }
    return true;
}

static bool write_refused(struct sdm_job *job, struct sdm_tx *tx, const char *circuit,
                          const GError *refusal, GError **error)
{
    struct carried carried;

    if (!lock_carried(job, tx, circuit, &carried, error)) {
        return false;
    }
    sdm_store_circuit_refused(tx, circuit, sdm_error_code_name(SDM_ERROR_FABRIC_REFUSED),
                              refusal->message);
    return give_up_accelerators(job, tx, &carried, refusal, error) &&
           settle_carried(job, tx, &carried, -1, error);
}

/* Whoever waits for it is told, and what its request began is undone. */
static void tell_refused(struct sdm_job *job, const char *circuit, const GError *refusal)
{
    struct sdm_tx tx = {0};
    g_autoptr(GError) error = NULL;

    if (sdm_tx_begin(&tx, job->pg, job->config->epoch, &error)) {
        sdm_job_end(&tx, write_refused(job, &tx, circuit, refusal, &error) &&
                             sdm_tx_commit(&tx, &error));
    }
    /* The circuit is still wanted, so this piece comes again and tells it again. */
}

static bool bring_up(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, GError **error)
{
    int64_t start_us = g_get_monotonic_time();

    for (size_t i = 0; i < wanted->n_hops; i++) {
        GError *failure = NULL;

        if (connect_hop(job, wanted->circuit, &wanted->hops[i], &failure)) {
            continue;
        }
        undo_hops(job, wanted, i + 1);
        if (g_error_matches(failure, SDM_ERROR, SDM_ERROR_FABRIC_REFUSED)) {
            tell_refused(job, wanted->circuit, failure);
        }
        g_propagate_error(error, failure);
        return false;
    }
    return mark_found(job, wanted, true, g_get_monotonic_time() - start_us, error);
}

/* Committed before the first switch is told: otherwise a window that is made meanwhile would be
 * offered on a circuit that is going, and cut under its guest. */
static bool mark_cutting(struct sdm_job *job, const struct sdm_wanted_circuit *wanted,
                         bool *unwanted, GError **error)
{
    struct sdm_tx tx = {0};

    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx, sdm_store_circuit_cutting(&tx, wanted->circuit, unwanted, error) &&
                                sdm_tx_commit(&tx, error));
}

static bool cut(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, GError **error)
{
    int64_t start_us = g_get_monotonic_time();
    bool unwanted = true;

    if (!wanted->cutting && !mark_cutting(job, wanted, &unwanted, error)) {
        return false;
    }
    for (size_t i = unwanted ? wanted->n_hops : 0; i > 0; i--) {
        if (!disconnect_hop(job, wanted->circuit, &wanted->hops[i - 1], error)) {
            return false;
        }
    }
    return !unwanted || mark_found(job, wanted, false, g_get_monotonic_time() - start_us, error);
}

struct dropped {
    struct sdm_ledger *ledger;
    struct sdm_path path;
};

static void end_drop(void *data, bool committed)
{
    struct dropped *dropped = data;

    if (!committed) {
        g_autoptr(GError) error = NULL;

        sdm_ledger_lock(dropped->ledger);
        sdm_ledger_add_circuit(dropped->ledger, &dropped->path, &error);
        sdm_ledger_unlock(dropped->ledger);
    }
    g_free(dropped);
}

/* Memory forgets it first, so that no plan shares a circuit whose row is about to go. */
static bool drop_in_ledger(struct sdm_job *job, struct sdm_tx *tx,
                           const struct sdm_wanted_circuit *wanted)
{
    struct sdm_ledger *ledger = job->config->ledger;
    struct dropped *dropped = g_new0(struct dropped, 1);
    bool gone;

    dropped->ledger = ledger;
    sdm_ledger_lock(ledger);
    gone = sdm_ledger_circuit(ledger, wanted->compute_no, wanted->brick_no, &dropped->path) &&
           sdm_ledger_drop_circuit(ledger, wanted->compute_no, wanted->brick_no);
    sdm_ledger_unlock(ledger);
    if (!gone) {
        g_free(dropped);
        return false;
    }
    sdm_tx_on_end(tx, end_drop, dropped);
    return true;
}

static bool drop_idle(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, GError **error)
{
    struct sdm_tx tx = {0};
    bool deleted = false;
    bool done;

    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    /* Planned with again meanwhile: it stays. */
    if (!drop_in_ledger(job, &tx, wanted)) {
        return sdm_job_end(&tx, false) || true;
    }
    done = sdm_store_circuit_delete(&tx, wanted->circuit, &deleted, error);
    if (done && !deleted) {
        return sdm_job_end(&tx, false) || true;
    }
    return sdm_job_end(&tx, done && sdm_tx_commit(&tx, error));
}

static bool crosses(struct sdm_job *job, const char *circuit, const struct sdm_wanted_hop *hop)
{
    bool holds =
        sdm_crossings_holds(sdm_gates_open(job->gates, hop->switch_no), crossing_of(hop), circuit);

    sdm_gates_close(job->gates, hop->switch_no);
    return holds;
}

/* Wired by a job whose transaction failed, and not wanted since: nobody else would cut it. */
static bool cut_remains(struct sdm_job *job, const struct sdm_wanted_circuit *wanted,
                        GError **error)
{
    for (size_t i = wanted->n_hops; i > 0; i--) {
        const struct sdm_wanted_hop *hop = &wanted->hops[i - 1];
        const struct sdm_work audit = {.kind = SDM_WORK_AUDIT, .device_no = hop->switch_no};

        if (crosses(job, wanted->circuit, hop) &&
            !disconnect_hop(job, wanted->circuit, hop, error)) {
            job->config->sink->post(job->config->sink->data, &audit);
            return false;
        }
    }
    return true;
}

/* Wanted otherwise and then as it is before anything was done: its switches have what they shall.
 */
static bool converge(struct sdm_job *job, const struct sdm_wanted_circuit *wanted, GError **error)
{
    struct sdm_tx tx = {0};

    if (!wanted->behind) {
        return true;
    }
    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    sdm_shared_circuit_converge(&tx, wanted->circuit);
    return sdm_job_end(&tx, sdm_tx_commit(&tx, error));
}

bool sdm_job_circuit(struct sdm_job *job, const char *circuit, GError **error)
{
    GError *failure = NULL;
    const struct sdm_wanted_circuit *wanted =
        sdm_store_circuit_load(job->pg, circuit, job->arena, &failure);

    if (wanted == NULL) {
        return sdm_job_is_gone(failure, error);
    }
    if (wanted->want_up && !wanted->have_up) {
        /* Comes again when the brick has woken. */
        return !wanted->powered || bring_up(job, wanted, error);
    }
    /* A cut that has begun is ended, wanted again or not: it comes again to be wired. */
    if (wanted->have_up && (!wanted->want_up || wanted->cutting)) {
        return cut(job, wanted, error);
    }
    if (!wanted->want_up && !cut_remains(job, wanted, error)) {
        return false;
    }
    return converge(job, wanted, error) && (wanted->want_up || drop_idle(job, wanted, error));
}
