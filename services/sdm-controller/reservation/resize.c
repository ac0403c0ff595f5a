#include "sdm-controller/reservation/resize.h"

#include "lib/base/error.h"
#include "sdm-controller/reservation/claim.h"
#include "sdm-controller/reservation/wiring.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/project.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/segment.h"
#include "wire/error.h"

struct growth {
    const struct sdm_snapshot *snapshot;
    uint64_t size_bytes;
    /* Whose circuits hold its bandwidth. */
    int32_t *brick_nos;
    uint32_t n_bricks;
};

static struct sdm_plan *plan_growth(struct sdm_reservation_engine *engine,
                                    const struct sdm_topology *topology, void *data,
                                    struct sdm_refusal *refusal, GError **error)
{
    const struct growth *growth = data;
    const struct sdm_plan_request request = {
        .compute_nos = {growth->snapshot->compute_no},
        .n_compute = 1,
        .size_bytes = growth->size_bytes,
        .latency_class = growth->snapshot->latency_class,
        .mode = growth->snapshot->mode,
        .policy = growth->snapshot->policy,
        .bandwidth_mbps = growth->snapshot->bandwidth_mbps,
    };

    (void)topology;
    return sdm_planner_plan_growth(engine->planner, engine->ledger, &request, growth->brick_nos,
                                   growth->n_bricks, (uint32_t)growth->snapshot->n_segments,
                                   refusal, error);
}

/* New segments of an attached reservation go where the others are. */
static bool wire_growth(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                        const struct sdm_snapshot *snapshot, const struct sdm_plan *plan,
                        char (*uuids)[SDM_UUID_SIZE], struct sdm_arena *arena, GError **error)
{
    struct sdm_wiring_segment *segments =
        SDM_ARENA_NEW(arena, struct sdm_wiring_segment, plan->n_segments);

    if (snapshot->n_attachments == 0) {
        return true;
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        segments[i].segment = uuids[i];
        segments[i].size_bytes = plan->segments[i].extent.size_bytes;
    }
    return sdm_wiring_make_windows(engine, tx, snapshot->attachments[0].attachment,
                                   snapshot->compute_no, snapshot->mode, segments, plan->n_segments,
                                   arena, error);
}

static bool grow(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                 const struct sdm_caller *caller, const struct sdm_snapshot *snapshot,
                 uint64_t by_bytes, struct sdm_arena *arena, struct sdm_outcome *outcome,
                 GError **error)
{
    struct growth growth = {
        .snapshot = snapshot,
        .size_bytes = by_bytes,
        .brick_nos = SDM_ARENA_NEW(arena, int32_t, snapshot->n_routes),
    };
    g_autoptr(sdm_plan) plan = NULL;
    char(*segments)[SDM_UUID_SIZE];

    /* A segment that is being scrubbed has left its circuit, and its bandwidth with it. */
    for (size_t i = 0; i < snapshot->n_routes; i++) {
        growth.brick_nos[growth.n_bricks++] =
            snapshot->segments[snapshot->routes[i].segment].brick_no;
    }
    plan = sdm_claim_plan(engine, tx, plan_growth, &growth, arena, outcome, error);
    if (plan == NULL) {
        return false;
    }
    if (snapshot->n_attachments > 0 && snapshot->attachments[0].vm != NULL &&
        !sdm_wiring_check_guest(tx, caller, snapshot->attachments[0].vm, snapshot, plan->n_segments,
                                by_bytes, error)) {
        return false;
    }
    if (!sdm_project_take(tx, snapshot->project, by_bytes, 0, error) ||
        !sdm_claim_write(engine, tx, plan,
                         &(struct sdm_claim_rows){.reservation = snapshot->reservation,
                                                  .bandwidth_mbps = snapshot->bandwidth_mbps},
                         arena, &segments, error)) {
        return false;
    }
    sdm_store_reservation_set_size(tx, snapshot->reservation,
                                   snapshot->size_bytes + (int64_t)by_bytes,
                                   snapshot->size_bytes + (int64_t)by_bytes);
    return wire_growth(engine, tx, snapshot, plan, segments, arena, error);
}

/* Offers the nearest size above the wanted one that whole segments make. */
static bool refuse_size(const struct sdm_snapshot *snapshot, int64_t wanted, int64_t below,
                        int64_t above, struct sdm_arena *arena, struct sdm_outcome *outcome,
                        GError **error)
{
    struct sdm_error *message = SDM_ARENA_NEW(arena, struct sdm_error, 1);

    message->has_nearest = true;
    message->nearest.has_size_bytes = true;
    message->nearest.size_bytes =
        (uint64_t)(below > 0 && wanted - below < above - wanted ? below : above);
    outcome->refusal = message;
    if (below > 0) {
        return sdm_refuse(error, SDM_ERROR_UNREACHABLE_SIZE,
                          "want %" G_GINT64_FORMAT
                          " bytes, whole segments of '%s' make %" G_GINT64_FORMAT
                          " or %" G_GINT64_FORMAT,
                          wanted, snapshot->reservation, below, above);
    }
    return sdm_refuse(error, SDM_ERROR_UNREACHABLE_SIZE,
                      "want %" G_GINT64_FORMAT " bytes, the smallest that whole segments of '%s' "
                      "make is %" G_GINT64_FORMAT "; release gives all of it back",
                      wanted, snapshot->reservation, above);
}

static bool shrink(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                   const struct sdm_snapshot *snapshot, int64_t wanted, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error)
{
    const char **segments = SDM_ARENA_NEW(arena, const char *, snapshot->n_segments);
    int64_t size = snapshot->size_bytes;
    int64_t above = size;
    size_t first = snapshot->n_segments;
    size_t n = 0;

    while (size > wanted && first > 0) {
        first--;
        if (!snapshot->segments[first].want_free) {
            above = size;
            size -= snapshot->segments[first].size_bytes;
            segments[n++] = snapshot->segments[first].segment;
        }
    }
    if (size != wanted) {
        return refuse_size(snapshot, wanted, size, above, arena, outcome, error);
    }
    if (!sdm_settle_unwant(&engine->settler, tx, snapshot, NULL, first, arena, error)) {
        return false;
    }
    sdm_store_segments_give_up(tx, segments, n);
    sdm_store_reservation_set_size(tx, snapshot->reservation, wanted, wanted);
    return true;
}

static bool check(const struct sdm_snapshot *snapshot, uint64_t wanted, uint64_t unit,
                  GError **error)
{
    if (snapshot->group != NULL || snapshot->accelerator != NULL) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "reservation '%s' %s", snapshot->reservation,
                          snapshot->group != NULL ? "belongs to a group, whose size stays"
                                                  : "holds an accelerator, not memory");
    }
    if (snapshot->state != SDM_RESERVATION_STATE_HELD &&
        snapshot->state != SDM_RESERVATION_STATE_ATTACHED) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                          "need a reservation that is held or attached, '%s' is %s",
                          snapshot->reservation, sdm_reservation_state_name(snapshot->state));
    }
    if (unit == 0 || wanted % unit != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "want a multiple of %" G_GUINT64_FORMAT
                          " bytes, found %" G_GUINT64_FORMAT,
                          unit, wanted);
    }
    return true;
}

bool sdm_reservation_resize(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_resize *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot =
        sdm_engine_own(tx, caller, request->reservation, arena, error);
    int64_t wanted = (int64_t)request->size_bytes;
    uint64_t unit;
    bool done;

    if (snapshot == NULL) {
        return false;
    }
    sdm_ledger_lock(engine->ledger);
    unit = sdm_topology_unit_bytes(sdm_ledger_topology(engine->ledger));
    sdm_ledger_unlock(engine->ledger);
    if (!check(snapshot, request->size_bytes, unit, error)) {
        return false;
    }
    if (wanted > snapshot->size_bytes) {
        done = grow(engine, tx, caller, snapshot, (uint64_t)(wanted - snapshot->size_bytes), arena,
                    outcome, error);
    } else {
        done = wanted == snapshot->size_bytes ||
               shrink(engine, tx, snapshot, wanted, arena, outcome, error);
    }
    if (!done || !sdm_engine_reply(engine, tx, snapshot->reservation, SDM_REQUEST_RESIZE,
                                   request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED,
                                   arena, outcome, error)) {
        return false;
    }
    /* What nobody uses has no further to come. */
    outcome->done |= snapshot->n_attachments == 0;
    return true;
}
