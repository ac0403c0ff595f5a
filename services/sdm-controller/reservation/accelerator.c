#include "sdm-controller/reservation/accelerator.h"

#include "lib/base/error.h"
#include "sdm-controller/reservation/claim.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/shared.h"
#include "sdm-controller/store/snapshot.h"

struct wish {
    const struct sdm_wire_accelerator_reserve_request *request;
    int32_t compute_no;
    enum sdm_latency_class latency_class;
};

static struct sdm_plan *plan_wish(struct sdm_reservation_engine *engine,
                                  const struct sdm_topology *topology, void *data,
                                  struct sdm_refusal *refusal, GError **error)
{
    const struct wish *wish = data;

    (void)topology;
    return sdm_planner_plan_accelerator(engine->planner, engine->ledger,
                                        wish->request->accelerator_kind, wish->compute_no,
                                        wish->latency_class, 0, refusal, error);
}

/* The circuit is wanted up from the start: it is all that there is to attach. */
static bool post_circuit(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                         const char *reservation, struct sdm_arena *arena, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(sdm_tx_read(tx), reservation, false, arena, error);

    if (snapshot == NULL) {
        return false;
    }
    for (size_t i = 0; i < snapshot->n_circuits; i++) {
        sdm_shared_circuit_want(tx, snapshot->circuits[i].circuit, true);
        sdm_post_id(tx, engine->settler.sink, SDM_WORK_CIRCUIT, snapshot->circuits[i].circuit);
    }
    return true;
}

bool sdm_reservation_accelerator_reserve_one(
    struct sdm_reservation_engine *engine, struct sdm_tx *tx, const char *project,
    const struct sdm_wire_accelerator_reserve_request *request, enum sdm_wait_level wait,
    struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct wish wish = {
        .request = request,
        .latency_class =
            request->has_latency_class ? request->latency_class : SDM_LATENCY_CLASS_INTER_RACK,
    };
    char reservation[SDM_UUID_SIZE];
    struct sdm_new_reservation row = {
        .reservation = reservation,
        .project = project,
        .state = SDM_RESERVATION_STATE_ATTACHING,
        .mode = SDM_MODE_DEVICE,
        .latency_class = wish.latency_class,
        .policy = SDM_POLICY_NEAR,
        .lease_s = request->has_lease_s ? (int64_t)request->lease_s : SDM_LEASE_DEFAULT_S,
        .text = "accelerator reserved",
    };
    g_autoptr(sdm_plan) plan = NULL;
    char(*segments)[SDM_UUID_SIZE];
    const char *created;
    const char *lease_end;

    if (!sdm_engine_compute(engine, request->compute_brick, &wish.compute_no, error)) {
        return false;
    }
    plan = sdm_claim_plan(engine, tx, plan_wish, &wish, arena, outcome, error);
    if (plan == NULL) {
        return false;
    }
    sdm_uuid_new(reservation);
    row.compute_no = plan->compute_no;
    row.accelerator_no = plan->accelerator_no;
    return sdm_store_reservation_insert(tx, &row, arena, &created, &lease_end, error) &&
           sdm_claim_write(engine, tx, plan,
                           &(struct sdm_claim_rows){.reservation = reservation, .want_up = true},
                           arena, &segments, error) &&
           post_circuit(engine, tx, reservation, arena, error) &&
           sdm_engine_reply(engine, tx, reservation, SDM_REQUEST_IN, wait, arena, outcome, error);
}

bool sdm_reservation_accelerator_release_one(struct sdm_reservation_engine *engine,
                                             struct sdm_tx *tx, const struct sdm_caller *caller,
                                             const char *reservation, enum sdm_wait_level wait,
                                             struct sdm_arena *arena, struct sdm_outcome *outcome,
                                             GError **error)
{
    const struct sdm_snapshot *snapshot = sdm_engine_own(tx, caller, reservation, arena, error);

    if (snapshot == NULL) {
        return false;
    }
    if (snapshot->accelerator == NULL) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND,
                          "reservation '%s' holds memory, not an accelerator", reservation);
    }
    return sdm_settle_give_up(&engine->settler, tx, snapshot, "released", arena, error) &&
           sdm_engine_reply(engine, tx, reservation, SDM_REQUEST_RELEASE, wait, arena, outcome,
                            error);
}

bool sdm_reservation_accelerator_reserve(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                         const struct sdm_caller *caller,
                                         const struct sdm_s10_accelerator_reserve *request,
                                         struct sdm_arena *arena, struct sdm_outcome *outcome,
                                         GError **error)
{
    struct sdm_wire_accelerator_reserve_request members = {
        .has_latency_class = request->has_latency_class,
        .latency_class = request->latency_class,
        .has_lease_s = request->has_lease_s,
        .lease_s = request->lease_s,
    };
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    g_strlcpy(members.accelerator_kind, request->accelerator_kind, sizeof members.accelerator_kind);
    g_strlcpy(members.compute_brick, request->compute_brick, sizeof members.compute_brick);
    return project != NULL &&
           sdm_reservation_accelerator_reserve_one(
               engine, tx, project, &members,
               request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED, arena, outcome, error);
}

bool sdm_reservation_accelerator_release(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                         const struct sdm_caller *caller,
                                         const struct sdm_s10_accelerator_release *request,
                                         struct sdm_arena *arena, struct sdm_outcome *outcome,
                                         GError **error)
{
    return sdm_reservation_accelerator_release_one(
        engine, tx, caller, request->reservation,
        request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED, arena, outcome, error);
}
