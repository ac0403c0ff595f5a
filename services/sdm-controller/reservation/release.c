#include "sdm-controller/reservation/release.h"

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"

bool sdm_reservation_release_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const struct sdm_caller *caller, const char *reservation,
                                 enum sdm_wait_level wait, struct sdm_arena *arena,
                                 struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot = sdm_engine_own(tx, caller, reservation, arena, error);

    return snapshot != NULL &&
           sdm_settle_give_up(&engine->settler, tx, snapshot, "released", arena, error) &&
           sdm_engine_reply(engine, tx, reservation, SDM_REQUEST_RELEASE, wait, arena, outcome,
                            error);
}

bool sdm_reservation_release(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const struct sdm_caller *caller, const struct sdm_s10_release *request,
                             struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    return sdm_reservation_release_one(engine, tx, caller, request->reservation,
                                       request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED,
                                       arena, outcome, error);
}

bool sdm_reservation_renew(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s10_renew *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_engine_own(tx, caller, request->reservation, arena, error);

    if (snapshot == NULL) {
        return false;
    }
    if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "reservation '%s' is %s",
                          snapshot->reservation, sdm_reservation_state_name(snapshot->state));
    }
    sdm_store_reservation_renew(tx, snapshot->reservation, (int64_t)request->lease_s);
    return sdm_engine_reply(engine, tx, snapshot->reservation, SDM_REQUEST_IN,
                            SDM_WAIT_LEVEL_COMMITTED, arena, outcome, error);
}

bool sdm_reservation_expire(struct sdm_reservation_engine *engine, struct sdm_tx *tx, size_t n_max,
                            struct sdm_arena *arena, size_t *n, GError **error)
{
    char(*expired)[SDM_UUID_SIZE];
    size_t n_expired;

    if (!sdm_store_reservation_expired(sdm_tx_read(tx), n_max, arena, &expired, &n_expired,
                                       error)) {
        return false;
    }
    *n = 0;
    sdm_lock_reservations(tx, expired, n_expired);
    for (size_t i = 0; i < n_expired; i++) {
        const struct sdm_snapshot *snapshot =
            sdm_store_snapshot_load(sdm_tx_read(tx), expired[i], true, arena, error);

        if (snapshot == NULL) {
            return false;
        }
        /* Another request may have come first. */
        if ((snapshot->state != SDM_RESERVATION_STATE_HELD || !snapshot->lease_expired) &&
            !sdm_sabotage("lease-of-attached-expires")) {
            continue;
        }
        if (!sdm_settle_give_up(&engine->settler, tx, snapshot, SDM_STORE_LEASE_ENDED, arena,
                                error) ||
            sdm_settle(&engine->settler, tx, expired[i], NULL, arena, error) == NULL) {
            return false;
        }
        sdm_audit_note(tx, &(struct sdm_audit_entry){.action = SDM_AUDIT_LEASE_END,
                                                     .project = snapshot->project,
                                                     .object_kind = "reservation",
                                                     .object = expired[i],
                                                     .summary = "the lease has ended"});
        *n += 1;
    }
    return true;
}
