#include "sdm-controller/reservation/engine.h"

#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/settle/view.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"
#include "wire/s10.h"

const char *sdm_engine_project(const struct sdm_caller *caller, bool has_project,
                               const char *project, GError **error)
{
    if (!has_project || strcmp(project, caller->project) == 0) {
        return caller->project;
    }
    if (caller->role == SDM_ROLE_ADMIN) {
        return project;
    }
    sdm_refuse(error, SDM_ERROR_FORBIDDEN, "project '%s' cannot act for project '%s'",
               caller->project, project);
    return NULL;
}

/* Whether the sweep has been there makes no difference to who comes too late.  What is attached
 * does not expire, and what was given up before its lease ended did not either. */
static bool check_lease(struct sdm_tx *tx, const struct sdm_snapshot *snapshot, GError **error)
{
    bool ended = snapshot->state == SDM_RESERVATION_STATE_HELD && snapshot->lease_expired;

    if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING &&
        !sdm_store_reservation_ended_by_lease(sdm_tx_read(tx), snapshot->reservation, &ended,
                                              error)) {
        return false;
    }
    return !ended || sdm_refuse(error, SDM_ERROR_LEASE_EXPIRED,
                                "the lease of '%s' ended at %s, it is %s", snapshot->reservation,
                                snapshot->lease_end, sdm_reservation_state_name(snapshot->state));
}

struct sdm_snapshot *sdm_engine_own(struct sdm_tx *tx, const struct sdm_caller *caller,
                                    const char *reservation, struct sdm_arena *arena,
                                    GError **error)
{
    struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(sdm_tx_read(tx), reservation, true, arena, error);

    if (snapshot != NULL && !sdm_caller_sees(caller, snapshot->project)) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no reservation '%s'", reservation);
        return NULL;
    }
    return snapshot != NULL && check_lease(tx, snapshot, error) ? snapshot : NULL;
}

bool sdm_engine_compute(struct sdm_reservation_engine *engine, const char *id, int32_t *compute_no,
                        GError **error)
{
    const struct sdm_device *device;
    bool found;

    sdm_ledger_lock(engine->ledger);
    device = sdm_topology_find(sdm_ledger_topology(engine->ledger), id);
    if (device == NULL) {
        found = sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick '%s'", id);
    } else if (device->kind != SDM_DEVICE_KIND_COMPUTE) {
        found = sdm_refuse(error, SDM_ERROR_WRONG_KIND, "need a compute brick, '%s' is %s", id,
                           sdm_device_kind_name(device->kind));
    } else {
        *compute_no = device->device_no;
        found = true;
    }
    sdm_ledger_unlock(engine->ledger);
    return found;
}

bool sdm_engine_reply(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                      const char *reservation, enum sdm_request_direction direction,
                      enum sdm_wait_level wait, struct sdm_arena *arena,
                      struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s10_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_reply, 1);
    struct sdm_snapshot *snapshot =
        sdm_settle(&engine->settler, tx, reservation, NULL, arena, error);
    struct sdm_reached reached;

    if (snapshot == NULL) {
        return false;
    }
    reached = sdm_progress_reached(snapshot, direction, wait);
    sdm_view_reservation(snapshot, arena, &reply->reservation);
    reply->reached = reached.level;
    reply->done = reached.done;
    /* Levels of requests that give memory back come in another order than their enumeration; the
     * dispatcher compares. */
    outcome->reached = reached.satisfied ? MAX(reached.level, wait) : SDM_WAIT_LEVEL_COMMITTED;
    outcome->done = reached.done;
    g_strlcpy(outcome->reservation, reservation, sizeof outcome->reservation);
    outcome->reply_type = sdm_s10_reply_codec.type;
    outcome->reply_codec = &sdm_s10_reply_codec;
    outcome->reply = reply;
    return true;
}
