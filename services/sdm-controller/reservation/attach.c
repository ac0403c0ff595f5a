#include "sdm-controller/reservation/attach.h"

#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/reservation/wiring.h"
#include "sdm-controller/settle/pending.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/window.h"

static enum sdm_wait_level wait_of(bool has_wait, enum sdm_wait_level wait)
{
    return has_wait ? wait : SDM_WAIT_LEVEL_COMMITTED;
}

static bool check_reservation(const struct sdm_snapshot *snapshot, GError **error)
{
    if (snapshot->accelerator != NULL || snapshot->group != NULL) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND,
                          "reservation '%s' %s; it is attached by itself", snapshot->reservation,
                          snapshot->group != NULL ? "belongs to a group" : "holds an accelerator");
    }
    if (snapshot->state != SDM_RESERVATION_STATE_HELD) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                          "need a reservation that is held, '%s' is %s", snapshot->reservation,
                          sdm_reservation_state_name(snapshot->state));
    }
    return true;
}

static bool check_target(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                         const struct sdm_caller *caller, const struct sdm_wire_target *target,
                         const struct sdm_snapshot *snapshot, size_t n_segments, GError **error)
{
    int32_t compute_no;

    if (target->has_vm != (snapshot->mode == SDM_MODE_VM)) {
        return sdm_refuse(error, SDM_ERROR_WRONG_MODE,
                          "a reservation of mode %s is attached to a %s, found a %s",
                          sdm_mode_name(snapshot->mode),
                          snapshot->mode == SDM_MODE_VM ? "virtual machine" : "compute brick",
                          target->has_vm ? "virtual machine" : "compute brick");
    }
    if (target->has_vm) {
        return sdm_wiring_check_guest(tx, caller, target->vm, snapshot, n_segments,
                                      (uint64_t)snapshot->size_bytes, error);
    }
    if (!sdm_engine_compute(engine, target->compute_brick, &compute_no, error)) {
        return false;
    }
    if (compute_no != snapshot->compute_no) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "the reservation was planned for compute brick '%s', found '%s'",
                          snapshot->compute_brick, target->compute_brick);
    }
    return true;
}

/* The segments that it holds and has not given up. */
static struct sdm_wiring_segment *held_segments(const struct sdm_snapshot *snapshot,
                                                struct sdm_arena *arena, size_t *n)
{
    struct sdm_wiring_segment *held =
        SDM_ARENA_NEW(arena, struct sdm_wiring_segment, snapshot->n_segments);

    *n = 0;
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        if (!snapshot->segments[i].want_free) {
            held[*n].segment = snapshot->segments[i].segment;
            held[*n].size_bytes = (uint64_t)snapshot->segments[i].size_bytes;
            *n += 1;
        }
    }
    return held;
}

bool sdm_reservation_attach(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_attach *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_engine_own(tx, caller, request->reservation, arena, error);
    char attachment[SDM_UUID_SIZE];
    struct sdm_wiring_segment *segments;
    size_t n;

    if (snapshot == NULL || !check_reservation(snapshot, error)) {
        return false;
    }
    segments = held_segments(snapshot, arena, &n);
    if (!check_target(engine, tx, caller, &request->target, snapshot, n, error)) {
        return false;
    }
    sdm_uuid_new(attachment);
    if (!sdm_store_attachment_insert(tx,
                                     &(struct sdm_new_attachment){
                                         .attachment = attachment,
                                         .reservation = snapshot->reservation,
                                         .compute_no = snapshot->compute_no,
                                         .vm = request->target.has_vm ? request->target.vm : NULL,
                                         .want = sdm_wiring_level(snapshot->mode),
                                     },
                                     error) ||
        !sdm_wiring_make_windows(engine, tx, attachment, snapshot->compute_no, snapshot->mode,
                                 segments, n, arena, error)) {
        return false;
    }
    return sdm_engine_reply(engine, tx, snapshot->reservation, SDM_REQUEST_IN,
                            wait_of(request->has_wait, request->wait), arena, outcome, error);
}

bool sdm_reservation_detach(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_detach *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_engine_own(tx, caller, request->reservation, arena, error);

    if (snapshot == NULL) {
        return false;
    }
    if (snapshot->accelerator != NULL || snapshot->group != NULL) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "reservation '%s' %s", snapshot->reservation,
                          snapshot->group != NULL ? "belongs to a group: leave it"
                                                  : "holds an accelerator: release it");
    }
    if (snapshot->state != SDM_RESERVATION_STATE_ATTACHED &&
        snapshot->state != SDM_RESERVATION_STATE_ATTACHING) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                          "need a reservation that is attached, '%s' is %s", snapshot->reservation,
                          sdm_reservation_state_name(snapshot->state));
    }
    if (!sdm_settle_unwant(&engine->settler, tx, snapshot, NULL, 0, arena, error) ||
        !sdm_pending_refuse(tx, snapshot->reservation, sdm_error_code_name(SDM_ERROR_WRONG_STATE),
                            "detached before it was attached", arena, error)) {
        return false;
    }
    return sdm_engine_reply(engine, tx, snapshot->reservation, SDM_REQUEST_OUT,
                            wait_of(request->has_wait, request->wait), arena, outcome, error);
}
