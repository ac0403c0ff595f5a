#include "sdm-controller/settle/fence.h"

#include "lib/base/error.h"
#include "sdm-controller/settle/quarantine.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/quarantine.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"

struct ending {
    const struct sdm_settler *settler;
    struct sdm_tx *tx;
    const struct sdm_fence *fence;
    struct sdm_arena *arena;
    struct sdm_fence_count *count;
    const char *text;
};

static const struct sdm_snapshot_attachment *attachment_of(const struct sdm_snapshot *snapshot,
                                                           int32_t compute_no)
{
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        if (snapshot->attachments[i].compute_no == compute_no) {
            return &snapshot->attachments[i];
        }
    }
    return NULL;
}

/* A group with members elsewhere. */
static bool goes_on(const struct sdm_snapshot *snapshot, int32_t compute_no)
{
    for (size_t i = 0; snapshot->group != NULL && i < snapshot->n_attachments; i++) {
        if (snapshot->attachments[i].compute_no != compute_no) {
            return true;
        }
    }
    return false;
}

/* True when the brick may have one of its windows. */
static bool may_be_mapped(const struct sdm_snapshot *snapshot, int32_t compute_no)
{
    for (size_t i = 0; i < snapshot->n_windows; i++) {
        const struct sdm_snapshot_window *window = &snapshot->windows[i];

        if (snapshot->attachments[window->attachment].compute_no == compute_no &&
            (window->offered || window->have != SDM_WINDOW_LEVEL_ABSENT)) {
            return true;
        }
    }
    return false;
}

static bool give_up(struct ending *ending, const struct sdm_snapshot *snapshot, GError **error)
{
    if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING) {
        ending->count->n_left++;
        return true;
    }
    ending->count->n_released++;
    return sdm_settle_give_up(ending->settler, ending->tx, snapshot, ending->text, ending->arena,
                              error);
}

static bool end_confirmed(struct ending *ending, const struct sdm_snapshot *snapshot,
                          GError **error)
{
    if (snapshot->state == SDM_RESERVATION_STATE_FAILED) {
        sdm_store_quarantine_clear(ending->tx, snapshot->reservation, ending->fence->brick);
        ending->count->n_left++;
        return true;
    }
    if (goes_on(snapshot, ending->fence->device_no)) {
        ending->count->n_left++;
        return true;
    }
    return give_up(ending, snapshot, error);
}

static bool end_unconfirmed(struct ending *ending, const struct sdm_snapshot *snapshot,
                            GError **error)
{
    const struct sdm_snapshot_attachment *attachment =
        attachment_of(snapshot, ending->fence->device_no);

    if (snapshot->state == SDM_RESERVATION_STATE_FAILED) {
        ending->count->n_left++;
        return true;
    }
    /* The others use the bytes, which stay theirs; its own window stays until it is known. */
    if (goes_on(snapshot, ending->fence->device_no)) {
        ending->count->n_left++;
        return attachment == NULL || sdm_settle_unwant(ending->settler, ending->tx, snapshot,
                                                       attachment, 0, ending->arena, error);
    }
    if (!may_be_mapped(snapshot, ending->fence->device_no)) {
        return give_up(ending, snapshot, error);
    }
    ending->count->n_failed++;
    return sdm_settle_fail(ending->settler, ending->tx, snapshot, ending->text, ending->arena,
                           error);
}

static bool end_one(struct ending *ending, const char *reservation, bool confirmed, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(sdm_tx_read(ending->tx), reservation, true, ending->arena, error);

    return snapshot != NULL &&
           (confirmed ? end_confirmed(ending, snapshot, error)
                      : end_unconfirmed(ending, snapshot, error)) &&
           sdm_settle(ending->settler, ending->tx, reservation, NULL, ending->arena, error) != NULL;
}

/* Its machines end with it, or cannot be told from those that did. */
static bool lose_all(struct ending *ending, GError **error)
{
    char(*vms)[SDM_UUID_SIZE];
    size_t n;

    if (!sdm_store_fence_lose_all(ending->tx, ending->fence->device_no, ending->arena, &vms, &n,
                                  error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct sdm_event_vm event = {0};

        g_strlcpy(event.at, ending->tx->now, sizeof event.at);
        g_strlcpy(event.vm, vms[i], sizeof event.vm);
        g_strlcpy(event.compute_brick, ending->fence->brick, sizeof event.compute_brick);
        g_strlcpy(event.text, ending->text, sizeof event.text);
        sdm_event_vm(ending->tx, ending->settler->sink, &event);
    }
    return true;
}

static void note_fence(const struct ending *ending, bool confirmed)
{
    g_autofree char *summary = g_strdup_printf(
        "%s: %zu reservations released, %zu failed, %zu left as they are", ending->text,
        ending->count->n_released, ending->count->n_failed, ending->count->n_left);

    sdm_audit_note(ending->tx, &(struct sdm_audit_entry){
                                   .action = SDM_AUDIT_FENCE,
                                   .object_kind = "brick",
                                   .object = ending->fence->brick,
                                   .outcome = confirmed ? SDM_AUDIT_OK : SDM_AUDIT_UNCONFIRMED,
                                   .summary = summary});
}

bool sdm_settle_fence_lock(struct sdm_tx *tx, int32_t device_no, struct sdm_arena *arena,
                           char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    if (!sdm_store_fence_reservations(sdm_tx_read(tx), device_no, arena, reservations, n, error)) {
        return false;
    }
    sdm_lock_reservations(tx, *reservations, *n);
    return true;
}

bool sdm_settle_fence(const struct sdm_settler *settler, struct sdm_tx *tx,
                      const struct sdm_fence *fence, bool confirmed,
                      char (*reservations)[SDM_UUID_SIZE], size_t n, struct sdm_arena *arena,
                      struct sdm_fence_count *count, GError **error)
{
    g_autofree char *text =
        g_strdup_printf(confirmed ? "compute brick '%s' was fenced"
                                  : "compute brick '%s' could not be cut off for certain",
                        fence->brick);
    struct ending ending = {settler, tx, fence, arena, count, text};

    if (confirmed && !lose_all(&ending, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!end_one(&ending, reservations[i], confirmed, error)) {
            return false;
        }
    }
    note_fence(&ending, confirmed);
    return true;
}
