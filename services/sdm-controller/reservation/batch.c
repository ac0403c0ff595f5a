#include "sdm-controller/reservation/batch.h"

#include "lib/base/error.h"
#include "sdm-controller/reservation/accelerator.h"
#include "sdm-controller/reservation/group.h"
#include "sdm-controller/reservation/release.h"
#include "sdm-controller/reservation/reserve.h"

static bool carry_out(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                      const struct sdm_caller *caller, const char *project,
                      const struct sdm_wire_operation *operation, struct sdm_arena *arena,
                      struct sdm_outcome *outcome, GError **error)
{
    const enum sdm_wait_level wait = SDM_WAIT_LEVEL_COMMITTED;

    if (operation->has_reserve) {
        return sdm_reservation_reserve_for(engine, tx, project, &operation->reserve, arena, outcome,
                                           error);
    }
    if (operation->has_release) {
        return sdm_reservation_release_one(engine, tx, caller, operation->release.reservation, wait,
                                           arena, outcome, error);
    }
    if (operation->has_group_join) {
        return sdm_reservation_group_join_one(engine, tx, project, &operation->group_join, wait,
                                              arena, outcome, error);
    }
    if (operation->has_group_leave) {
        return sdm_reservation_group_leave_one(engine, tx, project, &operation->group_leave, wait,
                                               arena, outcome, error);
    }
    if (operation->has_accelerator_reserve) {
        return sdm_reservation_accelerator_reserve_one(
            engine, tx, project, &operation->accelerator_reserve, wait, arena, outcome, error);
    }
    /* The schema allows one of six members, and this is the last. */
    return sdm_reservation_accelerator_release_one(engine, tx, caller,
                                                   operation->accelerator_release.reservation, wait,
                                                   arena, outcome, error);
}

bool sdm_reservation_batch(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s10_batch *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s10_batch_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s10_batch_reply, 1);
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    if (project == NULL) {
        return false;
    }
    reply->n_reservations = request->n_operations;
    reply->reservations = SDM_ARENA_NEW(arena, struct sdm_wire_reservation, request->n_operations);
    for (size_t i = 0; i < request->n_operations; i++) {
        struct sdm_outcome one = {0};

        if (!carry_out(engine, tx, caller, project, &request->operations[i], arena, &one, error)) {
            outcome->refusal = one.refusal;
            g_prefix_error(error, "operations[%zu]: ", i);
            return false;
        }
        reply->reservations[i] = ((const struct sdm_s10_reply *)one.reply)->reservation;
    }
    outcome->reached = SDM_WAIT_LEVEL_COMMITTED;
    outcome->done = true;
    outcome->reply_type = sdm_s10_batch_reply_codec.type;
    outcome->reply_codec = &sdm_s10_batch_reply_codec;
    outcome->reply = reply;
    return true;
}
