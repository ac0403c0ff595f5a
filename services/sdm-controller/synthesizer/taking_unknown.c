#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/settle/quarantine.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/synthesizer/taking.h"

/* It stands where another one shall be, or nowhere near. */
static enum sdm_drift_kind stranger_kind(const struct sdm_taking *taking,
                                         const struct sdm_wire_found_window *stranger)
{
    for (size_t i = 0; i < taking->n_known; i++) {
        if (taking->known[i].want != SDM_WINDOW_LEVEL_ABSENT &&
            (uint64_t)taking->known[i].entry == stranger->entry) {
            return SDM_DRIFT_KIND_ENTRY_OTHER;
        }
    }
    return SDM_DRIFT_KIND_ENTRY_UNKNOWN;
}

/* The entry is of a window that the database does not know, and leads to bytes that by the database
 * are another's on the same brick: the agent may say so of its own brick. */
static bool take_away(struct sdm_taking *taking, const char *reservation,
                      const struct sdm_wire_found_window *stranger, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        "window '%s' in NetPort entry %" G_GUINT64_FORMAT " of '%s' has bytes of reservation %s",
        stranger->window, stranger->entry, taking->report->brick, reservation);
    const struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(sdm_tx_read(&taking->tx), reservation, true, taking->arena, error);

    if (snapshot == NULL) {
        return false;
    }
    if (snapshot->state < SDM_RESERVATION_STATE_RELEASED &&
        !sdm_settle_fail(&taking->settler, &taking->tx, snapshot, text, taking->arena, error)) {
        return false;
    }
    sdm_store_found_reservation(&taking->tx, reservation, taking->report->brick);
    sdm_event_drift(&taking->tx, taking->config->sink, taking->report->brick,
                    SDM_DRIFT_KIND_EXTENT_UNKNOWN, text, SDM_EVENT_DRIFT_ACTION_QUARANTINED);
    g_hash_table_add(taking->touched, sdm_arena_strdup(taking->arena, reservation));
    return true;
}

/* What the agent has from the time before the first look, and nobody in the database: the database
 * is older.  Memory bricks are asked, whose word counts for their bytes. */
static bool take_unknown(struct sdm_taking *taking, const struct sdm_wire_found_window *stranger,
                         bool *unresolved, GError **error)
{
    struct sdm_led_to led_to;

    if (!stranger->has_module || !stranger->has_brick_offset_bytes || stranger->size_bytes == 0) {
        return true;
    }
    if (!sdm_store_led_to(sdm_tx_read(&taking->tx), taking->brick.compute_no,
                          (int64_t)stranger->module, (int64_t)stranger->brick_offset_bytes,
                          (int64_t)stranger->size_bytes, &led_to, error)) {
        return false;
    }
    if (led_to.brick_no == 0) {
        *unresolved = true;
        return true;
    }
    sdm_post_device(&taking->tx, taking->config->sink, SDM_WORK_EXTENTS, led_to.brick_no);
    return led_to.reservation[0] == '\0' || take_away(taking, led_to.reservation, stranger, error);
}

bool sdm_taking_asks(const struct sdm_taking *taking)
{
    return !taking->brick.fenced &&
           (taking->first || sdm_looks_is_unresolved(taking->looks, taking->brick.compute_no));
}

static bool take_all_unknown(struct sdm_taking *taking, GError **error)
{
    const struct sdm_report_findings *findings = &taking->findings;
    int32_t compute_no = taking->brick.compute_no;
    bool unresolved = false;

    if (!sdm_taking_asks(taking)) {
        return true;
    }
    for (size_t i = 0; i < findings->n_strangers; i++) {
        if (!take_unknown(taking, findings->strangers[i], &unresolved, error)) {
            return false;
        }
    }
    if (findings->n_strangers > 0) {
        sdm_looks_set_older(taking->looks);
    }
    sdm_looks_set_unresolved(taking->looks, compute_no, unresolved);
    return true;
}

/* Bytes that were found mapped by this brick may have been let go. */
static bool ask_found(struct sdm_taking *taking, GError **error)
{
    int32_t *bricks;
    size_t n;

    if (!sdm_store_found_bricks(sdm_tx_read(&taking->tx), taking->report->brick, taking->arena,
                                &bricks, &n, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        sdm_post_device(&taking->tx, taking->config->sink, SDM_WORK_EXTENTS, bricks[i]);
    }
    return true;
}

static void tell_strangers(struct sdm_taking *taking)
{
    const struct sdm_report_findings *findings = &taking->findings;

    /* What a fenced brick still has, it was told to give up. */
    for (size_t i = 0; !taking->brick.fenced && i < findings->n_strangers; i++) {
        g_autofree char *text = NULL;

        if (!sdm_strangers_is_new(taking->strangers, taking->brick.compute_no,
                                  findings->strangers[i])) {
            continue;
        }
        text = g_strdup_printf("%s: window '%s' in NetPort entry %" G_GUINT64_FORMAT
                               " was never handed out",
                               sdm_error_code_name(SDM_ERROR_UNKNOWN_SEGMENT),
                               findings->strangers[i]->window, findings->strangers[i]->entry);
        sdm_event_drift(&taking->tx, taking->config->sink, taking->report->brick,
                        stranger_kind(taking, findings->strangers[i]), text,
                        SDM_EVENT_DRIFT_ACTION_REPORTED);
        sdm_log_limited(SDM_LOG_WARNING, "unknown-window",
                        sdm_log_text("brick", taking->report->brick), sdm_log_text("text", text));
    }
    if (findings->n_strangers > 0 &&
        taking->report->generation < (uint64_t)taking->brick.want_generation) {
        /* The wanted state does not list it, so the agent takes it away, gently. */
        sdm_post_device(&taking->tx, taking->config->sink, SDM_WORK_AGENT,
                        taking->brick.compute_no);
    }
}

bool sdm_taking_unknown(struct sdm_taking *taking, GError **error)
{
    tell_strangers(taking);
    return take_all_unknown(taking, error) && ask_found(taking, error);
}
