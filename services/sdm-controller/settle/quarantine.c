#include "sdm-controller/settle/quarantine.h"

#include "lib/base/error.h"
#include "sdm-controller/settle/pending.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/project.h"
#include "sdm-controller/store/quarantine.h"
#include "sdm-controller/store/reservation.h"

static void tell_failed(const struct sdm_settler *settler, struct sdm_tx *tx,
                        const struct sdm_snapshot *snapshot, const char *text)
{
    struct sdm_event_reservation event = {.state = SDM_RESERVATION_STATE_FAILED};

    g_strlcpy(event.at, snapshot->now, sizeof event.at);
    g_strlcpy(event.reservation, snapshot->reservation, sizeof event.reservation);
    g_strlcpy(event.project, snapshot->project, sizeof event.project);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_reservation(tx, settler->sink, &event);
}

bool sdm_settle_fail(const struct sdm_settler *settler, struct sdm_tx *tx,
                     const struct sdm_snapshot *snapshot, const char *text, struct sdm_arena *arena,
                     GError **error)
{
    uint64_t size_bytes;

    if (!sdm_settle_unwant(settler, tx, snapshot, NULL, 0, arena, error) ||
        !sdm_pending_refuse_all(tx, snapshot->reservation,
                                sdm_error_code_name(SDM_ERROR_WRONG_STATE), text, arena, error) ||
        !sdm_store_quarantine_reservation(tx, snapshot->reservation, text, &size_bytes, error)) {
        return false;
    }
    sdm_project_give(tx, snapshot->project, size_bytes, 1);
    sdm_store_reservation_set_size(tx, snapshot->reservation, 0, 0);
    sdm_store_reservation_set_state(tx, snapshot->reservation, SDM_RESERVATION_STATE_FAILED, text);
    tell_failed(settler, tx, snapshot, text);
    sdm_audit_note(tx, &(struct sdm_audit_entry){.action = SDM_AUDIT_QUARANTINE,
                                                 .project = snapshot->project,
                                                 .object_kind = "reservation",
                                                 .object = snapshot->reservation,
                                                 .summary = text});
    return true;
}
