/* The use cases of S10, after reservation/ of the controller: what is checked and written stands
 * here again, planning, claiming and progress are the product's. */
#include <glib.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"
#include "sim/client.h"
#include "sim/controller.h"
#include "sim/transaction.h"

/* One segment of a window that is to be made. */
struct wiring {
    uint32_t segment;
    uint64_t size_bytes;
    struct sdm_window window;
};

static const char *const events[SIM_N_REQUESTS] = {
    "reserve", "attach", "detach", "resize", "release", "join", "leave", "accelerate", "expire",
};

static void refuse(struct sim *sim, const struct sim_request *request, const char *why)
{
    sim->counts->refusals++;
    sim_trace(sim, why, (int64_t)request->kind, request->reservation, 0);
}

static bool is_answered(const struct sim *sim, const struct sim_request *request)
{
    return sim->database.keys[request->key % SIM_MAX_KEYS] == request->key &&
           !sim_sabotaged(sim, SIM_SABOTAGE_KEY_IGNORED);
}

static void store_reply(struct sim_tx *tx, const struct sim_request *request, uint32_t reservation)
{
    struct sim_database *database = &tx->sim->database;

    database->keys[request->key % SIM_MAX_KEYS] = request->key;
    database->answers[request->key % SIM_MAX_KEYS] = reservation;
}

/* Plans and claims in one critical section; NULL when it is refused. */
static struct sdm_plan *plan_and_claim(struct sim *sim, struct sim_controller *controller,
                                       const struct sim_request *request,
                                       const struct sim_reservation *row)
{
    struct sdm_plan_request wish = {
        .compute_nos = {row != NULL ? row->compute_no : request->compute_no},
        .n_compute = 1,
        .size_bytes = request->units * SIM_UNIT_BYTES,
        .latency_class = row != NULL ? row->latency_class : request->latency_class,
        .mode = row != NULL ? row->mode : request->mode,
        .policy = row != NULL ? row->policy : request->policy,
        .contiguous = row == NULL && request->contiguous,
        .bandwidth_mbps = row != NULL ? row->bandwidth_mbps : request->bandwidth_mbps,
    };
    g_autoptr(GError) error = NULL;
    struct sdm_refusal refusal = {0};
    struct sdm_plan *plan;
    int32_t bricks[SIM_MAX_SEGMENTS];
    uint32_t n_bricks = 0;
    uint32_t n = 0;

    sdm_ledger_lock(controller->ledger);
    if (request->kind == SIM_ACCELERATE) {
        plan = sdm_planner_plan_accelerator(sim->planner, controller->ledger, "gpu",
                                            request->compute_no, request->latency_class,
                                            request->bandwidth_mbps, &refusal, &error);
    } else if (request->kind == SIM_RESIZE) {
        for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
            const struct sim_segment *segment = &sim->database.segments[i];

            if (segment->serial == 0 || segment->reservation != row->serial) {
                continue;
            }
            n++;
            if (segment->circuits != 0 || sim_sabotaged(sim, SIM_SABOTAGE_BANDWIDTH)) {
                bricks[n_bricks++] = segment->brick_no;
            }
        }
        plan = sdm_planner_plan_growth(sim->planner, controller->ledger, &wish, bricks, n_bricks, n,
                                       &refusal, &error);
    } else {
        plan = sdm_planner_plan(sim->planner, controller->ledger, &wish, &refusal, &error);
    }
    if (plan != NULL && !sdm_ledger_claim(controller->ledger, plan, &error)) {
        sim_violate(sim, "I1", "a plan cannot be claimed in its own critical section: %s",
                    error->message);
        sdm_plan_free(plan);
        plan = NULL;
    }
    sdm_ledger_unlock(controller->ledger);
    return plan;
}

static bool has_room(const struct sim *sim, uint32_t n_segments)
{
    return SIM_ROOM(sim->database.reservations) > 0 &&
           SIM_ROOM(sim->database.segments) >= n_segments &&
           SIM_ROOM(sim->database.circuits) >= 4 && SIM_ROOM(sim->database.attachments) > 0 &&
           SIM_ROOM(sim->database.windows) >= n_segments;
}

/* The ledger knows a circuit that another transaction has made and not yet committed: it is tried
 * again later; after sdm_store_circuit_carry(). */
static bool has_raced(struct sim *sim, const struct sdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        const struct sdm_path *path = &plan->paths[i];

        if (path->shared &&
            sim_find_circuit(&sim->database, path->compute_no, path->brick_no) == NULL) {
            return true;
        }
    }
    return false;
}

/* What the constraints of the database would refuse: the ledger must never come to it. */
static void check_plan(struct sim *sim, const struct sdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_extent *extent = &plan->segments[i].extent;

        for (unsigned j = 0; j < SIM_MAX_SEGMENTS; j++) {
            const struct sim_segment *row = &sim->database.segments[j];
            struct sdm_extent taken = {row->brick_no, row->offset_bytes, row->size_bytes};

            if (row->serial != 0 && sdm_extent_overlaps(extent, &taken)) {
                sim_violate(sim, "I1", "a plan has bytes of brick %d that are taken",
                            extent->brick_no);
            }
        }
    }
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        const struct sdm_path *path = &plan->paths[i];

        if (!path->shared &&
            sim_find_circuit(&sim->database, path->compute_no, path->brick_no) != NULL) {
            sim_violate(sim, "I8", "a plan makes the circuit %d-%d, which is there",
                        path->compute_no, path->brick_no);
        }
    }
}

/* After sdm_claim_write(). 'segments' gets the serials. */
static void write_plan(struct sim_tx *tx, const struct sdm_plan *plan, uint32_t reservation,
                       bool want_up, uint32_t member, uint32_t *segments)
{
    struct sim_database *database = &tx->sim->database;

    check_plan(tx->sim, plan);
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        const struct sdm_path *path = &plan->paths[i];
        struct sim_circuit *row = sim_find_circuit(database, path->compute_no, path->brick_no);

        if (row == NULL) {
            uint32_t serial = SIM_INSERT(database, database->circuits);

            row = &database->circuits[sim_slot(serial)];
            row->path = *path;
            row->want_up = want_up;
            if (want_up) {
                sim_tx_post(tx, SDM_WORK_CIRCUIT, serial);
            }
        } else {
            row->path.bandwidth_mbps += path->bandwidth_mbps;
        }
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_plan_segment *from = &plan->segments[i];
        uint32_t serial = SIM_INSERT(database, database->segments);
        struct sim_segment *row = &database->segments[sim_slot(serial)];
        const struct sim_circuit *circuit =
            sim_find_circuit(database, plan->compute_no, from->extent.brick_no);

        row->reservation = reservation;
        row->brick_no = from->extent.brick_no;
        row->offset_bytes = from->extent.offset_bytes;
        row->size_bytes = from->extent.size_bytes;
        row->latency_class = from->latency_class;
        row->sequence = ++database->sequence;
        row->circuits = circuit != NULL ? 1U << sim_slot(circuit->serial) : 0;
        segments[i] = serial;
    }
    if (member != 0) {
        const struct sim_circuit *circuit =
            sim_find_circuit(database, plan->compute_no, plan->paths[0].brick_no);

        if ((database->segments[sim_slot(member)].circuits >> sim_slot(circuit->serial) & 1) != 0) {
            sim_violate(tx->sim, "I8", "the route of a group's member is written twice");
        }
        database->segments[sim_slot(member)].circuits |= 1U << sim_slot(circuit->serial);
    }
}

/* Claims windows first, so that a refusal comes before anything is written. */
static bool claim_windows(struct sim_tx *tx, int32_t compute_no, struct wiring *wirings, unsigned n)
{
    struct sdm_ledger *ledger = tx->controller->ledger;
    bool taken = true;

    sdm_ledger_lock(ledger);
    for (unsigned i = 0; i < n && taken; i++) {
        taken = sdm_ledger_allocate_window(ledger, compute_no, wirings[i].size_bytes,
                                           &wirings[i].window, NULL);
        if (taken && wirings[i].window.entry >= SIM_MAX_ENTRIES) {
            sdm_ledger_free_window(ledger, compute_no, wirings[i].window.entry);
            taken = false;
        } else if (taken) {
            sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_UNCLAIM_WINDOW,
                                                  .compute_no = compute_no,
                                                  .entry = wirings[i].window.entry});
        }
    }
    sdm_ledger_unlock(ledger);
    return taken;
}

static enum sdm_window_level level_of(enum sdm_mode mode)
{
    return mode == SDM_MODE_DEVICE ? SDM_WINDOW_LEVEL_MAPPED : SDM_WINDOW_LEVEL_ATTACHED;
}

/* After sdm_wiring_make_windows(). */
static void write_windows(struct sim_tx *tx, uint32_t attachment, int32_t compute_no,
                          enum sdm_mode mode, const struct wiring *wirings, unsigned n)
{
    struct sim_database *database = &tx->sim->database;
    int64_t generation = ++database->want_generation[compute_no];
    bool any_up = false;

    for (unsigned i = 0; i < n; i++) {
        uint32_t serial = SIM_INSERT(database, database->windows);
        struct sim_window *row = &database->windows[sim_slot(serial)];
        const struct sim_segment *segment = &database->segments[sim_slot(wirings[i].segment)];
        const struct sim_circuit *circuit =
            sim_find_circuit(database, compute_no, segment->brick_no);

        row->attachment = attachment;
        row->segment = wirings[i].segment;
        row->circuit = circuit != NULL ? circuit->serial : 0;
        row->compute_no = compute_no;
        row->entry = wirings[i].window.entry;
        row->start_bytes = wirings[i].window.start_bytes;
        row->size_bytes = wirings[i].size_bytes;
        row->want = level_of(mode);
        row->generation = generation;
        if (circuit == NULL) {
            sim_violate(tx->sim, "I8", "a window of brick %d has no circuit", compute_no);
            continue;
        }
        any_up |= circuit->have_up && !circuit->cutting;
    }
    if (any_up) {
        sim_tx_post(tx, SDM_WORK_AGENT, (uint32_t)compute_no);
    }
}

static uint32_t write_attachment(struct sim_tx *tx, uint32_t reservation, int32_t compute_no,
                                 uint32_t vm, enum sdm_mode mode)
{
    struct sim_database *database = &tx->sim->database;
    uint32_t serial = SIM_INSERT(database, database->attachments);
    struct sim_attachment *row = &database->attachments[sim_slot(serial)];

    row->reservation = reservation;
    row->compute_no = compute_no;
    row->vm = vm;
    row->want = level_of(mode);
    return serial;
}

/* Slots that neither DIMMs nor windows on their way take; after sdm_wiring_check_guest(). */
static bool guest_has_slots(const struct sim *sim, int32_t compute_no, uint32_t vm, unsigned n)
{
    const struct sim_database *database = &sim->database;
    int n_windows = 0;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &database->windows[i];

        n_windows += row->serial != 0 && database->attachments[sim_slot(row->attachment)].vm == vm;
    }
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        const struct sim_guest_row *guest = &database->guests[compute_no][i];

        if (guest->vm == vm && guest->present) {
            return guest->n_slots - MAX(guest->n_slots_used, n_windows) >= (int)n;
        }
    }
    return false;
}

static unsigned list_held(const struct sim *sim, uint32_t reservation, struct wiring *wirings)
{
    unsigned n = 0;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *row = &sim->database.segments[i];

        if (row->serial != 0 && row->reservation == reservation && !row->want_free) {
            wirings[n++] = (struct wiring){.segment = row->serial, .size_bytes = row->size_bytes};
        }
    }
    return n;
}

static struct sim_attachment *find_attachment(struct sim *sim, uint32_t reservation,
                                              int32_t compute_no)
{
    for (unsigned i = 0; i < SIM_MAX_ATTACHMENTS; i++) {
        struct sim_attachment *row = &sim->database.attachments[i];

        if (row->serial != 0 && row->reservation == reservation &&
            (compute_no == 0 || row->compute_no == compute_no)) {
            return row;
        }
    }
    return NULL;
}

static bool attach(struct sim_tx *tx, const struct sim_request *request,
                   struct sim_reservation *row)
{
    struct sim *sim = tx->sim;
    struct wiring wirings[SIM_MAX_SEGMENTS];
    unsigned n = list_held(sim, row->serial, wirings);
    uint32_t attachment;

    if (row->group || row->accelerator_no != 0 || row->state != SDM_RESERVATION_STATE_HELD ||
        find_attachment(sim, row->serial, row->compute_no) != NULL ||
        (row->mode == SDM_MODE_VM && !guest_has_slots(sim, row->compute_no, request->vm, n)) ||
        SIM_ROOM(sim->database.windows) < n || SIM_ROOM(sim->database.attachments) == 0 ||
        !claim_windows(tx, row->compute_no, wirings, n)) {
        return false;
    }
    attachment = write_attachment(tx, row->serial, row->compute_no,
                                  row->mode == SDM_MODE_VM ? request->vm : 0, row->mode);
    write_windows(tx, attachment, row->compute_no, row->mode, wirings, n);
    return true;
}

static bool detach(struct sim_tx *tx, struct sim_reservation *row)
{
    if (row->group || row->accelerator_no != 0 ||
        (row->state != SDM_RESERVATION_STATE_ATTACHED &&
         row->state != SDM_RESERVATION_STATE_ATTACHING)) {
        return false;
    }
    sim_unwant(tx, row->serial, 0, 0);
    return true;
}

static bool grow(struct sim_tx *tx, const struct sim_request *request, struct sim_reservation *row)
{
    struct sim *sim = tx->sim;
    struct sdm_plan *plan;
    const struct sim_attachment *attachment = find_attachment(sim, row->serial, 0);
    struct wiring wirings[SIM_MAX_SEGMENTS];
    uint32_t segments[SIM_MAX_SEGMENTS];
    bool done;

    if (!has_room(sim, request->units)) {
        return false;
    }
    plan = plan_and_claim(sim, tx->controller, request, row);
    if (plan == NULL) {
        return false;
    }
    sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_UNCLAIM_PLAN, .plan = plan});
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        wirings[i].size_bytes = plan->segments[i].extent.size_bytes;
    }
    done = !has_raced(sim, plan) &&
           (attachment == NULL ||
            ((attachment->vm == 0 ||
              guest_has_slots(sim, row->compute_no, attachment->vm, plan->n_segments)) &&
             claim_windows(tx, row->compute_no, wirings, plan->n_segments)));
    if (done) {
        write_plan(tx, plan, row->serial, false, 0, segments);
        row->size_bytes += (int64_t)plan->size_bytes;
        row->requested_bytes = row->size_bytes;
        for (uint32_t i = 0; i < plan->n_segments; i++) {
            wirings[i].segment = segments[i];
        }
        if (attachment != NULL) {
            write_windows(tx, attachment->serial, row->compute_no, row->mode, wirings,
                          plan->n_segments);
        }
    }
    sim_tx_keep_plan(tx, plan);
    return done;
}

/* Gives the newest segment back. */
static bool shrink(struct sim_tx *tx, struct sim_reservation *row)
{
    struct sim_database *database = &tx->sim->database;
    struct sim_segment *newest = NULL;
    unsigned n = 0;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        struct sim_segment *segment = &database->segments[i];

        if (segment->serial != 0 && segment->reservation == row->serial && !segment->want_free) {
            newest = newest == NULL || segment->sequence > newest->sequence ? segment : newest;
            n++;
        }
    }
    if (n < 2) {
        return false;
    }
    sim_unwant(tx, row->serial, 0, newest->sequence);
    newest->want_free = true;
    row->size_bytes -= (int64_t)newest->size_bytes;
    row->requested_bytes = row->size_bytes;
    sim_client_gives_back(tx->sim, row->serial, row->size_bytes);
    return true;
}

static bool resize(struct sim_tx *tx, const struct sim_request *request,
                   struct sim_reservation *row)
{
    if (row->group || row->accelerator_no != 0 ||
        (row->state != SDM_RESERVATION_STATE_HELD &&
         row->state != SDM_RESERVATION_STATE_ATTACHED)) {
        return false;
    }
    return request->contiguous ? shrink(tx, row) : grow(tx, request, row);
}

/* A group is shared by all that ask; the newest that is not given up. */
static struct sim_reservation *find_group(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        struct sim_reservation *row = &sim->database.reservations[i];

        if (row->serial != 0 && row->group && row->state < SDM_RESERVATION_STATE_RELEASING) {
            return row;
        }
    }
    return NULL;
}

/* A member, or still leaving: its way stays until it is cut. */
static bool has_route(const struct sim *sim, const struct sim_reservation *group,
                      int32_t compute_no)
{
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *row = &sim->database.segments[i];

        for (unsigned j = 0; j < SIM_MAX_CIRCUITS && row->serial != 0; j++) {
            if (row->reservation == group->serial && (row->circuits >> j & 1) != 0 &&
                sim->database.circuits[j].path.compute_no == compute_no) {
                return true;
            }
        }
    }
    return false;
}

static struct sim_reservation *
insert_reservation(struct sim *sim, const struct sim_request *request, const struct sdm_plan *plan)
{
    struct sim_database *database = &sim->database;
    uint32_t serial = SIM_INSERT(database, database->reservations);
    struct sim_reservation *row = &database->reservations[sim_slot(serial)];

    row->state =
        plan->accelerator_no != 0 ? SDM_RESERVATION_STATE_ATTACHING : SDM_RESERVATION_STATE_HELD;
    row->mode = plan->mode;
    row->policy = plan->policy;
    row->latency_class = request->latency_class;
    row->compute_no = plan->compute_no;
    row->size_bytes = (int64_t)plan->size_bytes;
    row->requested_bytes = row->size_bytes;
    row->bandwidth_mbps = request->bandwidth_mbps;
    row->accelerator_no = plan->accelerator_no;
    row->group = request->kind == SIM_JOIN;
    return row;
}

static struct sdm_plan *plan_joining(struct sim_tx *tx, const struct sim_request *request,
                                     const struct sim_reservation *group,
                                     struct sim_segment *segment)
{
    struct sdm_ledger *ledger = tx->controller->ledger;
    struct sim_request first = *request;
    struct sdm_refusal refusal = {0};
    struct sdm_plan *plan;

    if (group == NULL) {
        first.mode = SDM_MODE_DEVICE;
        first.policy = SDM_POLICY_NEAR;
        first.contiguous = true;
        first.bandwidth_mbps = 0;
        return plan_and_claim(tx->sim, tx->controller, &first, NULL);
    }
    sdm_ledger_lock(ledger);
    plan = sdm_planner_plan_member(
        tx->sim->planner, ledger, request->compute_no,
        &(struct sdm_extent){segment->brick_no, segment->offset_bytes, segment->size_bytes},
        SDM_LATENCY_CLASS_INTER_RACK, 0, &refusal, NULL);
    if (plan != NULL && !sdm_ledger_claim(ledger, plan, NULL)) {
        sdm_plan_free(plan);
        plan = NULL;
    }
    sdm_ledger_unlock(ledger);
    return plan;
}

static bool join(struct sim_tx *tx, const struct sim_request *request)
{
    struct sim *sim = tx->sim;
    struct sim_reservation *group = find_group(sim);
    struct wiring wiring[SIM_MAX_SEGMENTS] = {0};
    struct sdm_plan *plan;
    uint32_t segments[SIM_MAX_SEGMENTS] = {0};
    bool done;

    if (!has_room(sim, request->units) ||
        (group != NULL && (has_route(sim, group, request->compute_no) ||
                           list_held(sim, group->serial, wiring) == 0))) {
        return false;
    }
    plan = plan_joining(tx, request, group, &sim->database.segments[sim_slot(wiring[0].segment)]);
    if (plan == NULL) {
        return false;
    }
    sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_UNCLAIM_PLAN, .plan = plan});
    wiring[0].size_bytes = group == NULL ? plan->size_bytes : wiring[0].size_bytes;
    done = !has_raced(sim, plan) && claim_windows(tx, request->compute_no, wiring, 1);
    if (done) {
        struct sim_request first = *request;

        first.bandwidth_mbps = 0;
        if (group == NULL) {
            group = insert_reservation(sim, &first, plan);
        }
        write_plan(tx, plan, group->serial, false, wiring[0].segment, segments);
        wiring[0].segment = wiring[0].segment != 0 ? wiring[0].segment : segments[0];
        write_windows(tx,
                      write_attachment(tx, group->serial, request->compute_no, 0, SDM_MODE_DEVICE),
                      request->compute_no, SDM_MODE_DEVICE, wiring, 1);
        sim_settle(tx, group->serial);
    }
    sim_tx_keep_plan(tx, plan);
    return done;
}

static bool leave(struct sim_tx *tx, const struct sim_request *request, struct sim_reservation *row)
{
    const struct sim_attachment *member =
        find_attachment(tx->sim, row->serial, request->compute_no);
    unsigned n_others = 0;

    if (!row->group || row->state >= SDM_RESERVATION_STATE_RELEASING || member == NULL ||
        member->want == SDM_WINDOW_LEVEL_ABSENT) {
        return false;
    }
    for (unsigned i = 0; i < SIM_MAX_ATTACHMENTS; i++) {
        const struct sim_attachment *other = &tx->sim->database.attachments[i];

        n_others += other->serial != 0 && other->reservation == row->serial && other != member &&
                    other->want != SDM_WINDOW_LEVEL_ABSENT;
    }
    if (n_others == 0) {
        sim_give_up(tx, row->serial);
    } else {
        sim_unwant(tx, row->serial, member->serial, 0);
    }
    return true;
}

static bool run(struct sim_tx *tx, const struct sim_request *request)
{
    struct sim_reservation *row = SIM_ROW(tx->sim->database.reservations, request->reservation);

    if (request->kind == SIM_JOIN) {
        return join(tx, request);
    }
    if (row == NULL || request->reservation == 0) {
        return false;
    }
    switch (request->kind) {
    case SIM_ATTACH:
        return attach(tx, request, row);
    case SIM_DETACH:
        return detach(tx, row);
    case SIM_RESIZE:
        return resize(tx, request, row);
    case SIM_LEAVE:
        return leave(tx, request, row);
    case SIM_EXPIRE:
        if (row->state != SDM_RESERVATION_STATE_HELD) {
            return false;
        }
        sim_give_up(tx, row->serial);
        return true;
    default:
        if (row->state >= SDM_RESERVATION_STATE_RELEASING) {
            return false;
        }
        sim_give_up(tx, row->serial);
        return true;
    }
}

/* Planned and claimed in one step, written in another, as two workers would come between. */
static void begin_reserve(struct sim *sim, struct sim_controller *controller,
                          const struct sim_request *request)
{
    struct sim_job *job = NULL;

    for (unsigned i = 0; i < SIM_MAX_JOBS; i++) {
        job = controller->jobs[i].state == SIM_JOB_FREE ? &controller->jobs[i] : job;
    }
    if (job == NULL) {
        refuse(sim, request, "busy");
        return;
    }
    job->plan = plan_and_claim(sim, controller, request, NULL);
    if (job->plan == NULL) {
        refuse(sim, request, "no-plan");
        return;
    }
    job->state = SIM_JOB_WRITE;
    job->piece = -1;
    job->request = *request;
    sim_trace(sim, "claimed", request->key, job->plan->compute_no, job->plan->n_segments);
}

void sim_request_write(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    const struct sim_request *request = &job->request;
    struct sdm_plan *plan = job->plan;
    uint32_t segments[SIM_MAX_SEGMENTS];
    struct sim_reservation *row = NULL;
    struct sim_tx tx;

    if (!sim_tx_begin(sim, controller, events[request->kind], &tx)) {
        return;
    }
    job->state = SIM_JOB_FREE;
    job->plan = NULL;
    sim_tx_on_end(&tx, (struct sim_effect){.kind = SIM_UNCLAIM_PLAN, .plan = plan});
    if (is_answered(sim, request) || !has_room(sim, plan->n_segments) || has_raced(sim, plan)) {
        sim_tx_refuse(&tx);
    } else {
        row = insert_reservation(sim, request, plan);
        write_plan(&tx, plan, row->serial, plan->accelerator_no != 0, 0, segments);
        store_reply(&tx, request, row->serial);
    }
    if (sim_tx_has_committed(&tx) && row != NULL) {
        sim_client_done(sim, request->key);
        sim_client_holds(sim, row->serial, row->size_bytes);
        sim_trace(sim, "reserved", row->serial, row->compute_no, row->size_bytes);
    }
    sim_tx_end(&tx);
    sdm_plan_free(plan);
}

void sim_request_run(struct sim *sim, struct sim_controller *controller,
                     const struct sim_request *request)
{
    struct sim_tx tx;
    bool done;

    sim->counts->requests++;
    if (is_answered(sim, request)) {
        sim_trace(sim, "answered-before", request->key, 0, 0);
        return;
    }
    if (request->kind == SIM_RESERVE || request->kind == SIM_ACCELERATE) {
        begin_reserve(sim, controller, request);
        return;
    }
    if (!sim_tx_begin(sim, controller, events[request->kind], &tx)) {
        return;
    }
    done = run(&tx, request);
    if (!done) {
        refuse(sim, request, "refused");
        sim_tx_refuse(&tx);
    } else {
        sim_settle(&tx, request->reservation);
        store_reply(&tx, request, request->reservation);
        sim_trace(sim, events[request->kind], request->reservation, request->compute_no,
                  request->units);
    }
    if (done && sim_tx_has_committed(&tx)) {
        sim_client_done(sim, request->key);
    }
    sim_tx_end(&tx);
}
