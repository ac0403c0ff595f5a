#include "sdm-controller/synthesizer/report.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/compile/report.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/timing.h"
#include "sdm-controller/store/vm.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/job.h"

/* The broker's user of an agent is this and the brick's id. */
#define AGENT_USER_PREFIX "agent."

struct taking {
    const struct sdm_synthesizer_config *config;
    struct sdm_settler settler;
    const struct sdm_s7_report *report;
    struct sdm_tx tx;
    struct sdm_arena *arena;
    int32_t compute_no;
    int64_t want_generation;
    int64_t have_generation;
    struct sdm_known_window *known;
    size_t n_known;
    /* Reservations to settle: keys of a set. */
    GHashTable *touched;
};

static bool check_user(const char *user_id, const char *brick, GError **error)
{
    if (user_id == NULL || !g_str_has_prefix(user_id, AGENT_USER_PREFIX) ||
        strcmp(user_id + strlen(AGENT_USER_PREFIX), brick) == 0) {
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_FORBIDDEN, "user '%s' reports for compute brick '%s'",
                      user_id, brick);
}

/* An error of a window that is where it is wanted would outlive what it was about. */
static bool has_failed(const struct taking *taking, const struct sdm_report_finding *finding)
{
    return finding->found != NULL && finding->found->has_error_code &&
           finding->have != taking->known[finding->known].want;
}

/* It changes something, or says why nothing changes. */
static bool is_news(const struct taking *taking, const struct sdm_report_finding *finding)
{
    return finding->changed || has_failed(taking, finding);
}

/* One finding: the window's level, and what it says of its attachment and of the time it took. */
static void take_finding(struct taking *taking, const struct sdm_report_finding *finding)
{
    const struct sdm_known_window *known = &taking->known[finding->known];
    const struct sdm_wire_found_window *found = finding->found;
    bool failed = has_failed(taking, finding);

    if (finding->changed) {
        sdm_store_window_found(&taking->tx, known->window, finding->have, finding->gone);
    }
    if (is_news(taking, finding)) {
        sdm_store_attachment_found(
            &taking->tx, known->attachment,
            found != NULL && found->has_guest_memory_bytes ? (int64_t)found->guest_memory_bytes : 0,
            failed ? sdm_error_code_name(found->error_code) : NULL,
            failed && found->has_error_text ? found->error_text : NULL);
        g_hash_table_add(taking->touched, (gpointer)known->reservation);
    }
    if (finding->changed && found != NULL && (found->has_agent_us || found->has_guest_us)) {
        sdm_timing_agent(&taking->tx, known->reservation, (int64_t)found->agent_us,
                         (int64_t)found->guest_us);
    }
}

static void take_strangers(struct taking *taking, const struct sdm_report_findings *findings)
{
    for (size_t i = 0; i < findings->n_strangers; i++) {
        g_autofree char *text = g_strdup_printf(
            "%s: window '%s' in NetPort entry %" G_GUINT64_FORMAT " was never handed out",
            sdm_error_code_name(SDM_ERROR_UNKNOWN_SEGMENT), findings->strangers[i]->window,
            findings->strangers[i]->entry);

        sdm_event_drift(&taking->tx, taking->config->sink, taking->report->brick, text,
                        SDM_EVENT_DRIFT_ACTION_REPORTED);
        sdm_log_limited(SDM_LOG_WARNING, "unknown-window",
                        sdm_log_text("brick", taking->report->brick), sdm_log_text("text", text));
    }
    if (findings->n_strangers > 0 &&
        taking->report->generation < (uint64_t)taking->want_generation) {
        /* The wanted state does not list it, so the agent takes it away, gently. */
        sdm_post_device(&taking->tx, taking->config->sink, SDM_WORK_AGENT, taking->compute_no);
    }
}

/* Whatever the report moves is locked before anything is written: reservations, then the brick. */
static bool lock_touched(struct taking *taking, const struct sdm_report_findings *findings,
                         GError **error)
{
    const struct sdm_s7_report *report = taking->report;
    char(*reservations)[SDM_UUID_SIZE] =
        sdm_arena_alloc(taking->arena, taking->n_known, SDM_UUID_SIZE);
    size_t n = 0;

    for (size_t i = 0; i < taking->n_known; i++) {
        if (is_news(taking, &findings->findings[i])) {
            memcpy(reservations[n++], taking->known[i].reservation, SDM_UUID_SIZE);
        }
    }
    if (n > 0 && !sdm_store_reservations_lock(&taking->tx, reservations, n, error)) {
        return false;
    }
    sdm_store_agent_reported(&taking->tx, taking->compute_no, report->boot_id, report->version,
                             report->converged ? (int64_t)report->generation
                                               : taking->have_generation);
    return true;
}

static bool take_windows(struct taking *taking, GError **error)
{
    struct sdm_report_findings findings;

    if (!sdm_store_known_windows(&taking->tx, taking->report->brick, taking->arena,
                                 &taking->compute_no, &taking->want_generation,
                                 &taking->have_generation, &taking->known, &taking->n_known,
                                 error)) {
        return false;
    }
    if (taking->compute_no == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick '%s'",
                          taking->report->brick);
    }
    sdm_compile_report(taking->report, taking->known, taking->n_known, taking->arena, &findings);
    if (!lock_touched(taking, &findings, error)) {
        return false;
    }
    /* Refusals last: they are kept with the attachment, where a window that came clears them. */
    for (int failed = 0; failed <= 1; failed++) {
        for (size_t i = 0; i < taking->n_known; i++) {
            if (has_failed(taking, &findings.findings[i]) == (failed == 1)) {
                take_finding(taking, &findings.findings[i]);
            }
        }
    }
    take_strangers(taking, &findings);
    return true;
}

static bool give_up_vm(struct taking *taking, const char *vm, GError **error)
{
    char(*reservations)[SDM_UUID_SIZE];
    size_t n;

    if (!sdm_store_reservation_of_vm(taking->tx.pg, vm, taking->arena, &reservations, &n, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sdm_snapshot *snapshot =
            sdm_store_snapshot_load(taking->tx.pg, reservations[i], true, taking->arena, error);

        if (snapshot == NULL) {
            return false;
        }
        if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING) {
            continue;
        }
        if (!sdm_settle_give_up(&taking->settler, &taking->tx, snapshot, "its guest is gone",
                                taking->arena, error)) {
            return false;
        }
        g_hash_table_add(taking->touched, reservations[i]);
    }
    return true;
}

static void tell_vm(struct taking *taking, const char *vm, const char *text)
{
    struct sdm_event_vm event = {0};

    g_strlcpy(event.at, taking->tx.now, sizeof event.at);
    g_strlcpy(event.vm, vm, sizeof event.vm);
    g_strlcpy(event.compute_brick, taking->report->brick, sizeof event.compute_brick);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_vm(&taking->tx, taking->config->sink, &event);
}

static struct sdm_vm *read_vms(const struct taking *taking)
{
    const struct sdm_s7_report *report = taking->report;
    struct sdm_vm *vms = SDM_ARENA_NEW(taking->arena, struct sdm_vm, report->n_vms);

    for (size_t i = 0; i < report->n_vms; i++) {
        const struct sdm_wire_vm *from = &report->vms[i];
        struct sdm_vm *to = &vms[i];

        g_strlcpy(to->vm, from->vm, sizeof to->vm);
        g_strlcpy(to->name, from->name, sizeof to->name);
        g_strlcpy(to->boot_id, from->boot_id, sizeof to->boot_id);
        to->compute_no = taking->compute_no;
        to->n_slots = (int32_t)from->n_slots;
        to->n_slots_used = (int32_t)from->n_slots_used;
        to->max_memory_bytes = (int64_t)from->max_memory_bytes;
        to->memory_bytes = (int64_t)from->memory_bytes;
        to->guest_memory_bytes = (int64_t)from->guest_memory_bytes;
    }
    return vms;
}

static bool take_vms(struct taking *taking, GError **error)
{
    struct sdm_vm_changes changes = {0};

    if (!sdm_vm_report(&taking->tx, taking->compute_no, read_vms(taking), taking->report->n_vms,
                       taking->arena, &changes, error)) {
        return false;
    }
    for (size_t i = 0; i < changes.n_appeared; i++) {
        tell_vm(taking, changes.appeared[i], "appeared");
    }
    for (size_t i = 0; i < changes.n_gone; i++) {
        tell_vm(taking, changes.gone[i], "vanished");
        if (!give_up_vm(taking, changes.gone[i], error)) {
            return false;
        }
    }
    return true;
}

static bool settle_touched(struct taking *taking, GError **error)
{
    /* In one order everywhere, so that two reports cannot wait for each other's rows. */
    g_autoptr(GList) keys =
        g_list_sort(g_hash_table_get_keys(taking->touched), (GCompareFunc)strcmp);

    for (GList *key = keys; key != NULL; key = key->next) {
        if (sdm_settle(&taking->settler, &taking->tx, key->data, NULL, taking->arena, error) ==
            NULL) {
            return false;
        }
    }
    return true;
}

static bool take(struct taking *taking, GError **error)
{
    return take_windows(taking, error) && take_vms(taking, error) && settle_touched(taking, error);
}

bool sdm_synthesizer_on_report(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                               const char *user_id, const struct sdm_s7_report *report,
                               GError **error)
{
    const struct sdm_synthesizer_config *config = sdm_synthesizer_get_config(synthesizer);
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GHashTable) touched = g_hash_table_new(g_str_hash, g_str_equal);
    struct taking taking = {
        .config = config,
        .settler = {config->ledger, config->sink},
        .report = report,
        .arena = arena,
        .touched = touched,
    };

    if (!check_user(user_id, report->brick, error)) {
        return false;
    }
    if (report->epoch > (uint64_t)config->epoch) {
        return sdm_refuse(error, SDM_ERROR_STALE_EPOCH,
                          "the agent of '%s' has obeyed epoch %" G_GUINT64_FORMAT
                          ", this is %" G_GINT64_FORMAT,
                          report->brick, report->epoch, config->epoch);
    }
    if (!sdm_tx_begin(&taking.tx, pg, config->epoch, error)) {
        return false;
    }
    return sdm_job_end(&taking.tx, take(&taking, error) && sdm_tx_commit(&taking.tx, error));
}

bool sdm_synthesizer_on_ask(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                            const char *user_id, const struct sdm_s7_ask *ask, GError **error)
{
    const struct sdm_synthesizer_config *config = sdm_synthesizer_get_config(synthesizer);
    const struct sdm_device *device;
    struct sdm_work work = {.kind = SDM_WORK_AGENT};

    (void)pg;
    if (!check_user(user_id, ask->brick, error)) {
        return false;
    }
    sdm_ledger_lock(config->ledger);
    device = sdm_topology_find(sdm_ledger_topology(config->ledger), ask->brick);
    work.device_no =
        device != NULL && device->kind == SDM_DEVICE_KIND_COMPUTE ? device->device_no : 0;
    sdm_ledger_unlock(config->ledger);
    if (work.device_no == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick '%s'", ask->brick);
    }
    sdm_synthesizer_post(synthesizer, &work);
    return true;
}
