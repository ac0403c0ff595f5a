#include "sdm-controller/synthesizer/report.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/compile/report.h"
#include "sdm-controller/settle/quarantine.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/fence.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/timing.h"
#include "sdm-controller/store/vm.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/taking.h"

/* The broker's user of an agent is this and the brick's id. */
#define AGENT_USER_PREFIX "agent."

/* The broker checks the user id of a message that has one: a message without could be anybody's.  A
 * user that is no agent's is a service that is trusted with all of them. */
static bool check_user(const char *user_id, const char *brick, GError **error)
{
    if (user_id == NULL || user_id[0] == '\0') {
        return sdm_refuse(error, SDM_ERROR_FORBIDDEN, "nobody reports for compute brick '%s'",
                          brick);
    }
    if (!g_str_has_prefix(user_id, AGENT_USER_PREFIX) ||
        strcmp(user_id + strlen(AGENT_USER_PREFIX), brick) == 0) {
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_FORBIDDEN, "user '%s' reports for compute brick '%s'",
                      user_id, brick);
}

/* It changes something, or says why nothing changes. */
static bool is_news(const struct sdm_report_finding *finding)
{
    return finding->changed || finding->failed;
}

/* What was there, as far as was known, and went unasked: the agent, which is still told to have it,
 * makes it again.  And what is still there although its agent says that it is done. */
static void tell_drift(struct sdm_taking *taking, const struct sdm_report_finding *finding)
{
    const struct sdm_known_window *known = &taking->known[finding->known];
    enum sdm_drift_kind kind = SDM_DRIFT_KIND_ENTRY_MISSING;
    g_autofree char *text = NULL;

    if (!finding->changed) {
        return;
    }
    if (known->want == SDM_WINDOW_LEVEL_ABSENT) {
        if (finding->have <= known->have) {
            return;
        }
        kind = SDM_DRIFT_KIND_ENTRY_UNWANTED;
    } else if (finding->have >= known->have) {
        return;
    } else if (finding->have == SDM_WINDOW_LEVEL_MAPPED) {
        kind = SDM_DRIFT_KIND_MEMORY_MISSING;
    }
    text =
        g_strdup_printf("window '%s' in NetPort entry %d: want %s, had %s, found %s", known->window,
                        known->entry, sdm_window_level_name(known->want),
                        sdm_window_level_name(known->have), sdm_window_level_name(finding->have));
    sdm_event_drift(&taking->tx, taking->config->sink, taking->report->brick, kind, text,
                    SDM_EVENT_DRIFT_ACTION_REPAIRED);
}

/* One finding: the window's level, and what it says of its attachment and of the time it took. */
static void take_finding(struct sdm_taking *taking, const struct sdm_report_finding *finding)
{
    const struct sdm_known_window *known = &taking->known[finding->known];
    const struct sdm_wire_found_window *found = finding->found;

    tell_drift(taking, finding);
    if (finding->changed) {
        sdm_store_window_found(&taking->tx, known->window, finding->have, finding->gone);
    }
    if (is_news(finding)) {
        sdm_store_attachment_found(
            &taking->tx, known->attachment,
            found != NULL && found->has_guest_memory_bytes ? (int64_t)found->guest_memory_bytes : 0,
            finding->failed ? sdm_error_code_name(found->error_code) : NULL,
            finding->failed && found->has_error_text ? found->error_text : NULL);
        g_hash_table_add(taking->touched, (gpointer)known->reservation);
    }
    if (finding->changed && found != NULL && (found->has_agent_us || found->has_guest_us)) {
        sdm_timing_agent(&taking->tx, known->reservation, (int64_t)found->agent_us,
                         (int64_t)found->guest_us);
    }
}

/* Whatever the report moves is locked before anything is written: reservations whose windows or
 * machines have changed, then compute bricks. */
static bool lock_touched(struct sdm_taking *taking, const struct sdm_report_findings *findings,
                         GError **error)
{
    const struct sdm_s7_report *report = taking->report;
    g_autoptr(sdm_lock_set) set = sdm_lock_set_new();
    char(*left)[SDM_UUID_SIZE];
    size_t n_left;

    if (!sdm_taking_read_vms(taking, &left, &n_left, error)) {
        return false;
    }
    for (size_t i = 0; i < n_left; i++) {
        g_ptr_array_add(set->reservations, left[i]);
    }
    for (size_t i = 0; i < taking->n_known; i++) {
        /* What a stranger has may be any of them's. */
        if (is_news(&findings->findings[i]) ||
            (sdm_taking_asks(taking) && findings->n_strangers > 0)) {
            g_ptr_array_add(set->reservations, taking->known[i].reservation);
        }
    }
    g_ptr_array_add(set->compute_bricks, (char *)report->brick);
    sdm_lock(&taking->tx, set);
    sdm_store_agent_reported(
        &taking->tx, taking->brick.compute_no, report->boot_id, report->version,
        report->converged ? (int64_t)report->generation : taking->brick.have_generation,
        report->has_made_us ? (int64_t)report->made_us : 0);
    return true;
}

static bool take_windows(struct sdm_taking *taking, GError **error)
{
    struct sdm_report_findings *findings = &taking->findings;

    if (!sdm_store_known_windows(&taking->tx, taking->report->brick, taking->arena, &taking->brick,
                                 &taking->known, &taking->n_known, error)) {
        return false;
    }
    if (taking->brick.compute_no == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick '%s'",
                          taking->report->brick);
    }
    if (taking->current && taking->report->generation > (uint64_t)taking->brick.want_generation) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "the agent of '%s' answers generation %" G_GUINT64_FORMAT
                          ", the last one is %" G_GINT64_FORMAT,
                          taking->report->brick, taking->report->generation,
                          taking->brick.want_generation);
    }
    taking->late =
        sdm_report_is_late(taking->report, taking->brick.boot_id, taking->brick.report_made_us);
    if (taking->late) {
        return true;
    }
    sdm_compile_report(taking->report, taking->known, taking->n_known, taking->arena, findings);
    if (!lock_touched(taking, findings, error)) {
        return false;
    }
    /* Refusals last: they are kept with the attachment, where a window that came clears them. */
    for (int failed = 0; failed <= 1; failed++) {
        for (size_t i = 0; i < taking->n_known; i++) {
            if (findings->findings[i].failed == (failed == 1)) {
                take_finding(taking, &findings->findings[i]);
            }
        }
    }
    return sdm_taking_unknown(taking, error);
}

static bool has_nothing(const struct sdm_s7_report *report)
{
    for (size_t i = 0; i < report->n_windows; i++) {
        if (report->windows[i].have != SDM_WINDOW_LEVEL_ABSENT) {
            return false;
        }
    }
    return true;
}

struct returned {
    struct sdm_ledger *ledger;
    int32_t device_no;
};

static void end_return(void *data, bool committed)
{
    struct returned *returned = data;

    if (committed) {
        sdm_ledger_lock(returned->ledger);
        sdm_ledger_set_state(returned->ledger, returned->device_no, SDM_BRICK_STATE_ACTIVE);
        sdm_ledger_unlock(returned->ledger);
    }
    g_free(returned);
}

/* A fenced brick is told to have nothing, and serves again when it says so. */
static bool take_fenced(struct sdm_taking *taking, GError **error)
{
    const struct sdm_s7_report *report = taking->report;
    const struct sdm_synthesizer_config *config = taking->config;
    struct returned *returned;
    bool empty = has_nothing(report);
    bool over = false;

    if (!taking->brick.fenced) {
        return true;
    }
    if (!empty || report->generation < (uint64_t)taking->brick.want_generation) {
        sdm_post_device(&taking->tx, config->sink, SDM_WORK_AGENT, taking->brick.compute_no);
    }
    if (!empty || !taking->brick.returning || report->epoch != (uint64_t)config->epoch) {
        return true;
    }
    if (!sdm_store_fence_over(&taking->tx, taking->brick.compute_no, (int64_t)report->generation,
                              &over, error)) {
        return false;
    }
    if (!over) {
        return true;
    }
    returned = g_new0(struct returned, 1);
    returned->ledger = config->ledger;
    returned->device_no = taking->brick.compute_no;
    sdm_tx_on_end(&taking->tx, end_return, returned);
    return config->fence_done(config->user, &taking->tx, taking->brick.compute_no,
                              "has nothing mapped, and serves again", NULL, taking->arena, error);
}

static bool settle_touched(struct sdm_taking *taking, GError **error)
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

static bool take(struct sdm_taking *taking, GError **error)
{
    if (!take_windows(taking, error)) {
        return false;
    }
    return taking->late || (sdm_taking_vms(taking, error) && settle_touched(taking, error) &&
                            take_fenced(taking, error));
}

/* What the brick had before is known: it may be told what it shall have. */
static void hear(struct sdm_synthesizer *synthesizer, const struct sdm_taking *taking)
{
    const struct sdm_work work = {.kind = SDM_WORK_AGENT, .device_no = taking->brick.compute_no};

    if (taking->current && !taking->late && sdm_looks_hear(taking->looks, work.device_no)) {
        sdm_synthesizer_post(synthesizer, &work);
    }
}

bool sdm_synthesizer_on_report(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                               const char *user_id, const struct sdm_s7_report *report,
                               GError **error)
{
    const struct sdm_synthesizer_config *config = sdm_synthesizer_get_config(synthesizer);
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GHashTable) touched = g_hash_table_new(g_str_hash, g_str_equal);
    bool current = report->epoch == (uint64_t)config->epoch;
    struct sdm_s7_report answer = *report;
    struct sdm_taking taking = {
        .config = config,
        .strangers = sdm_synthesizer_get_strangers(synthesizer),
        .settler = {config->ledger, config->sink},
        .report = &answer,
        .looks = sdm_synthesizer_get_looks(synthesizer),
        .current = current,
        .first = current && report->generation == 0,
        .arena = arena,
        .touched = touched,
    };

    if (!check_user(user_id, report->brick, error)) {
        return false;
    }
    if (!current) {
        /* Generations of another epoch may be another database's. */
        answer.generation = 0;
        answer.converged = false;
    }
    /* Where another leads, the database says so. */
    if (!sdm_tx_begin(&taking.tx, pg, config->epoch, error)) {
        return false;
    }
    if (report->epoch > (uint64_t)config->epoch) {
        return sdm_job_end(&taking.tx,
                           sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                                      "the agent of '%s' has obeyed epoch %" G_GUINT64_FORMAT
                                      ", which no leader had: this is %" G_GINT64_FORMAT,
                                      report->brick, report->epoch, config->epoch));
    }
    if (!sdm_job_end(&taking.tx, take(&taking, error) && sdm_tx_commit(&taking.tx, error))) {
        return false;
    }
    hear(synthesizer, &taking);
    if (taking.elsewhere != NULL) {
        sdm_looks_keep_elsewhere(taking.looks, taking.brick.compute_no, taking.elsewhere);
    }
    /* Told of only once the event is committed. */
    sdm_strangers_keep(taking.strangers, taking.brick.compute_no, taking.findings.strangers,
                       taking.findings.n_strangers);
    return true;
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
