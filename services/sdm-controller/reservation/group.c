#include "sdm-controller/reservation/group.h"

#include "lib/base/error.h"
#include "sdm-controller/reservation/claim.h"
#include "sdm-controller/reservation/wiring.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/window.h"

struct joining {
    const struct sdm_wire_group_join_request *request;
    int32_t compute_no;
    enum sdm_latency_class latency_class;
    /* NULL for the first member. */
    const struct sdm_snapshot *snapshot;
};

static struct sdm_plan *plan_joining(struct sdm_reservation_engine *engine,
                                     const struct sdm_topology *topology, void *data,
                                     struct sdm_refusal *refusal, GError **error)
{
    const struct joining *joining = data;
    const struct sdm_snapshot *snapshot = joining->snapshot;

    (void)topology;
    if (snapshot != NULL) {
        const struct sdm_extent extent = {
            .brick_no = snapshot->segments[0].brick_no,
            .offset_bytes = (uint64_t)snapshot->segments[0].offset_bytes,
            .size_bytes = (uint64_t)snapshot->segments[0].size_bytes,
        };

        return sdm_planner_plan_member(engine->planner, engine->ledger, joining->compute_no,
                                       &extent, joining->latency_class, snapshot->bandwidth_mbps,
                                       refusal, error);
    }
    return sdm_planner_plan(engine->planner, engine->ledger,
                            &(struct sdm_plan_request){
                                .compute_nos = {joining->compute_no},
                                .n_compute = 1,
                                .size_bytes = joining->request->size_bytes,
                                .latency_class = joining->latency_class,
                                .mode = SDM_MODE_DEVICE,
                                .policy = SDM_POLICY_NEAR,
                                .contiguous = true,
                            },
                            refusal, error);
}

/* The group as it stands, locked; NULL without an error when there is none. */
static bool load_group(struct sdm_tx *tx, const char *project, const char *group,
                       struct sdm_arena *arena, const struct sdm_snapshot **snapshot,
                       GError **error)
{
    char reservation[SDM_UUID_SIZE];

    *snapshot = NULL;
    if (!sdm_store_reservation_of_group(sdm_tx_read(tx), project, group, reservation, error)) {
        return false;
    }
    if (reservation[0] == '\0') {
        return true;
    }
    *snapshot = sdm_store_snapshot_load(sdm_tx_read(tx), reservation, true, arena, error);
    if (*snapshot == NULL) {
        return false;
    }
    if ((*snapshot)->state >= SDM_RESERVATION_STATE_RELEASING) {
        *snapshot = NULL;
    }
    return true;
}

static bool check_join(const struct joining *joining, GError **error)
{
    const struct sdm_wire_group_join_request *request = joining->request;
    const struct sdm_snapshot *snapshot = joining->snapshot;

    if (snapshot == NULL && !request->has_size_bytes) {
        return sdm_refuse(error, SDM_ERROR_MISSING_MEMBER,
                          "size_bytes: the first member of group '%s' names its size",
                          request->group);
    }
    if (snapshot != NULL && request->has_size_bytes &&
        request->size_bytes != (uint64_t)snapshot->size_bytes) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "size_bytes: group '%s' has %" G_GINT64_FORMAT
                          ", found %" G_GUINT64_FORMAT,
                          request->group, snapshot->size_bytes, request->size_bytes);
    }
    for (size_t i = 0; snapshot != NULL && i < snapshot->n_routes; i++) {
        /* Its way stays until it is cut, also when its window has gone. */
        if (snapshot->circuits[snapshot->routes[i].circuit].compute_no == joining->compute_no) {
            return sdm_refuse(error, SDM_ERROR_WRONG_STATE,
                              "compute brick '%s' is a member of group '%s', or still leaving it",
                              request->compute_brick, request->group);
        }
    }
    return true;
}

static bool insert_group(struct sdm_tx *tx, const char *project, const struct joining *joining,
                         const struct sdm_plan *plan, const char *reservation,
                         struct sdm_arena *arena, GError **error)
{
    const struct sdm_new_reservation row = {
        .reservation = reservation,
        .project = project,
        .state = SDM_RESERVATION_STATE_HELD,
        .mode = SDM_MODE_DEVICE,
        .compute_no = joining->compute_no,
        .latency_class = joining->latency_class,
        .policy = SDM_POLICY_NEAR,
        .size_bytes = (int64_t)plan->size_bytes,
        .lease_s = joining->request->has_lease_s ? (int64_t)joining->request->lease_s
                                                 : SDM_LEASE_DEFAULT_S,
        .group = joining->request->group,
        .text = "group made by its first member",
    };
    const char *created;
    const char *lease_end;

    return sdm_store_reservation_insert(tx, &row, arena, &created, &lease_end, error);
}

bool sdm_reservation_group_join_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                    const char *project,
                                    const struct sdm_wire_group_join_request *request,
                                    enum sdm_wait_level wait, struct sdm_arena *arena,
                                    struct sdm_outcome *outcome, GError **error)
{
    struct joining joining = {
        .request = request,
        .latency_class =
            request->has_latency_class ? request->latency_class : SDM_LATENCY_CLASS_RACK,
    };
    char reservation[SDM_UUID_SIZE];
    char attachment[SDM_UUID_SIZE];
    g_autoptr(sdm_plan) plan = NULL;
    struct sdm_claim_rows rows = {.reservation = reservation};
    char(*segments)[SDM_UUID_SIZE];
    struct sdm_wiring_segment wiring;

    if (!sdm_engine_compute(engine, request->compute_brick, &joining.compute_no, error) ||
        !load_group(tx, project, request->group, arena, &joining.snapshot, error) ||
        !check_join(&joining, error)) {
        return false;
    }
    plan = sdm_claim_plan(engine, tx, plan_joining, &joining, arena, outcome, error);
    if (plan == NULL) {
        return false;
    }
    if (joining.snapshot != NULL) {
        g_strlcpy(reservation, joining.snapshot->reservation, sizeof reservation);
        rows.member_segment = joining.snapshot->segments[0].segment;
        rows.bandwidth_mbps = joining.snapshot->bandwidth_mbps;
        wiring.size_bytes = (uint64_t)joining.snapshot->size_bytes;
    } else {
        sdm_uuid_new(reservation);
        wiring.size_bytes = plan->size_bytes;
        if (!insert_group(tx, project, &joining, plan, reservation, arena, error)) {
            return false;
        }
    }
    sdm_uuid_new(attachment);
    if (!sdm_claim_write(engine, tx, plan, &rows, arena, &segments, error) ||
        !sdm_store_attachment_insert(tx,
                                     &(struct sdm_new_attachment){
                                         .attachment = attachment,
                                         .reservation = reservation,
                                         .compute_no = joining.compute_no,
                                         .want = SDM_WINDOW_LEVEL_MAPPED,
                                     },
                                     error)) {
        return false;
    }
    wiring.segment = segments[0];
    return sdm_wiring_make_windows(engine, tx, attachment, joining.compute_no, SDM_MODE_DEVICE,
                                   &wiring, 1, arena, error) &&
           sdm_engine_reply(engine, tx, reservation, SDM_REQUEST_IN, wait, arena, outcome, error);
}

static const struct sdm_snapshot_attachment *
find_member(const struct sdm_snapshot *snapshot, const char *compute_brick, size_t *n_others)
{
    const struct sdm_snapshot_attachment *member = NULL;

    *n_others = 0;
    for (size_t i = 0; i < snapshot->n_attachments; i++) {
        if (g_str_equal(snapshot->attachments[i].compute_brick, compute_brick)) {
            member = &snapshot->attachments[i];
        } else if (snapshot->attachments[i].want != SDM_WINDOW_LEVEL_ABSENT) {
            *n_others += 1;
        }
    }
    return member;
}

bool sdm_reservation_group_leave_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                     const char *project,
                                     const struct sdm_wire_group_leave_request *request,
                                     enum sdm_wait_level wait, struct sdm_arena *arena,
                                     struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_snapshot *snapshot;
    const struct sdm_snapshot_attachment *member;
    size_t n_others;
    bool left;

    if (!load_group(tx, project, request->group, arena, &snapshot, error)) {
        return false;
    }
    member = snapshot != NULL ? find_member(snapshot, request->compute_brick, &n_others) : NULL;
    if (member == NULL || member->want == SDM_WINDOW_LEVEL_ABSENT) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no member '%s' of a group '%s'",
                          request->compute_brick, request->group);
    }
    if (n_others == 0) {
        left = sdm_settle_give_up(&engine->settler, tx, snapshot, "the last member has left", arena,
                                  error);
    } else {
        left = sdm_settle_unwant(&engine->settler, tx, snapshot, member, 0, arena, error);
    }
    return left && sdm_engine_reply(engine, tx, snapshot->reservation,
                                    n_others == 0 ? SDM_REQUEST_RELEASE : SDM_REQUEST_OUT, wait,
                                    arena, outcome, error);
}

bool sdm_reservation_group_join(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                const struct sdm_caller *caller,
                                const struct sdm_s10_group_join *request, struct sdm_arena *arena,
                                struct sdm_outcome *outcome, GError **error)
{
    struct sdm_wire_group_join_request members = {
        .has_size_bytes = request->has_size_bytes,
        .size_bytes = request->size_bytes,
        .has_latency_class = request->has_latency_class,
        .latency_class = request->latency_class,
        .has_lease_s = request->has_lease_s,
        .lease_s = request->lease_s,
    };
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    g_strlcpy(members.group, request->group, sizeof members.group);
    g_strlcpy(members.compute_brick, request->compute_brick, sizeof members.compute_brick);
    return project != NULL &&
           sdm_reservation_group_join_one(
               engine, tx, project, &members,
               request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED, arena, outcome, error);
}

bool sdm_reservation_group_leave(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const struct sdm_caller *caller,
                                 const struct sdm_s10_group_leave *request, struct sdm_arena *arena,
                                 struct sdm_outcome *outcome, GError **error)
{
    struct sdm_wire_group_leave_request members = {0};
    const char *project = sdm_engine_project(caller, request->has_project, request->project, error);

    g_strlcpy(members.group, request->group, sizeof members.group);
    g_strlcpy(members.compute_brick, request->compute_brick, sizeof members.compute_brick);
    return project != NULL &&
           sdm_reservation_group_leave_one(
               engine, tx, project, &members,
               request->has_wait ? request->wait : SDM_WAIT_LEVEL_COMMITTED, arena, outcome, error);
}
