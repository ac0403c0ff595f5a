/* Pieces of work, after synthesizer/circuit.c, agent.c, scrub.c and audit.c: between any two
 * commands to a device, and between a command and the transaction that notes it, everything else
 * may happen. */
#include <glib.h>
#include <string.h>

#include "sdm-controller/compile/agent.h"
#include "sdm-controller/compile/crossings.h"
#include "sdm-controller/graph/ledger.h"
#include "sim/controller.h"
#include "sim/coverage.h"
#include "sim/transaction.h"

/* What came of a command: its answer may be lost although it was carried out. */
enum outcome { DONE, REFUSED, FAILED };

/* Devices fence by epoch; the sabotage has them take everything. */
static int64_t epoch_for(struct sim *sim, const struct sim_controller *controller, int64_t seen)
{
    return sim_sabotaged(sim, SIM_SABOTAGE_NO_EPOCH_DEVICE) ? MAX(seen, controller->epoch)
                                                            : controller->epoch;
}

static enum outcome judge(struct sim *sim, const struct sim_controller *controller, int64_t seen,
                          enum sim_answer answer)
{
    if (answer == SIM_DONE && controller->epoch < seen) {
        sim_violate(sim, "I7", "a device that had seen epoch %d obeyed epoch %d", (int)seen,
                    (int)controller->epoch);
    }
    if (answer != SIM_DONE) {
        return answer == SIM_REFUSED ? REFUSED : FAILED;
    }
    return DONE;
}

/* The command does not get there, or its answer does not come back. */
static bool loses_command(struct sim *sim)
{
    if (!sim_faulty(sim, 6)) {
        return false;
    }
    sim->counts->faults++;
    return true;
}

static enum outcome connect_hop(struct sim *sim, struct sim_controller *controller,
                                const struct sim_circuit *circuit, const struct sdm_hop *hop)
{
    struct sim_switch *device = &sim->hardware.switches[hop->switch_no];
    int64_t seen = device->epoch;
    enum outcome outcome;
    char uuid[SDM_UUID_SIZE];

    sim_uuid(circuit->serial, uuid);
    /* Noted first: when the answer is lost, the switch may have done it. */
    sdm_crossings_add(controller->crossings,
                      (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port}, uuid);
    if (loses_command(sim)) {
        return FAILED;
    }
    if (sim_faulty(sim, 3)) {
        return REFUSED;
    }
    outcome = judge(sim, controller, seen,
                    sim_switch_connect(device, epoch_for(sim, controller, seen), hop));
    return loses_command(sim) ? FAILED : outcome;
}

static enum outcome cut_hop(struct sim *sim, struct sim_controller *controller,
                            const struct sim_circuit *circuit, const struct sdm_hop *hop)
{
    struct sim_switch *device = &sim->hardware.switches[hop->switch_no];
    int64_t seen = device->epoch;
    enum outcome outcome;
    char uuid[SDM_UUID_SIZE];

    sim_uuid(circuit->serial, uuid);
    if (!sdm_crossings_remove(controller->crossings,
                              (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port},
                              uuid)) {
        return DONE;
    }
    if (loses_command(sim)) {
        return FAILED;
    }
    outcome = judge(
        sim, controller, seen,
        sim_switch_cut(device, epoch_for(sim, controller, seen), hop->in_port, hop->out_port));
    return loses_command(sim) ? FAILED : outcome;
}

/* The reservations that a circuit carries. */
static unsigned list_carried(const struct sim *sim, const struct sim_circuit *circuit,
                             uint32_t *reservations)
{
    const struct sim_database *database = &sim->database;
    unsigned slot = sim_slot(circuit->serial);
    unsigned n = 0;

    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &database->reservations[i];
        bool carried = row->accelerator_no == circuit->path.brick_no &&
                       row->compute_no == circuit->path.compute_no;

        for (unsigned j = 0; j < SIM_MAX_SEGMENTS && !carried && row->serial != 0; j++) {
            carried = database->segments[j].serial != 0 &&
                      database->segments[j].reservation == row->serial &&
                      (database->segments[j].circuits >> slot & 1) != 0;
        }
        if (row->serial != 0 && carried) {
            reservations[n++] = row->serial;
        }
    }
    return n;
}

static void settle_carried(struct sim_tx *tx, const struct sim_circuit *circuit)
{
    uint32_t reservations[SIM_MAX_RESERVATIONS];
    unsigned n = list_carried(tx->sim, circuit, reservations);

    for (unsigned i = 0; i < n; i++) {
        sim_settle(tx, reservations[i]);
    }
}

static void offer_circuit(struct sim_database *database, const struct sim_circuit *circuit)
{
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        struct sim_window *row = &database->windows[i];

        row->offered |= row->serial != 0 && row->circuit == circuit->serial &&
                        row->want != SDM_WINDOW_LEVEL_ABSENT;
    }
}

static bool mark_found(struct sim *sim, struct sim_controller *controller, uint32_t serial, bool up)
{
    struct sim_circuit *row = SIM_ROW(sim->database.circuits, serial);
    struct sim_tx tx;

    if (!sim_tx_begin(sim, controller, up ? "circuit-up" : "circuit-cut", &tx)) {
        return false;
    }
    if (row != NULL) {
        if (up) {
            sim->database.want_generation[row->path.compute_no]++;
            offer_circuit(&sim->database, row);
            sim_tx_post(&tx, SDM_WORK_AGENT, (uint32_t)row->path.compute_no);
        }
        row->have_up = up;
        row->cutting = false;
        settle_carried(&tx, row);
    }
    return sim_tx_end(&tx);
}

/* Committed before the first cut: a window that is made meanwhile is not offered on what goes. */
static bool mark_cutting(struct sim *sim, struct sim_controller *controller, uint32_t serial,
                         bool *wanted)
{
    struct sim_circuit *row = SIM_ROW(sim->database.circuits, serial);
    struct sim_tx tx;

    *wanted = row == NULL || row->want_up;
    if (sim_sabotaged(sim, SIM_SABOTAGE_CUT_AT_ONCE) || *wanted) {
        return true;
    }
    if (!sim_tx_begin(sim, controller, "cutting", &tx)) {
        return false;
    }
    row->cutting = true;
    return sim_tx_end(&tx);
}

static void tell_refused(struct sim *sim, struct sim_controller *controller, uint32_t serial)
{
    struct sim_database *database = &sim->database;
    struct sim_circuit *circuit = SIM_ROW(database->circuits, serial);
    uint32_t reservations[SIM_MAX_RESERVATIONS];
    struct sim_tx tx;
    unsigned n;

    if (circuit == NULL || !sim_tx_begin(sim, controller, "fabric-refused", &tx)) {
        return;
    }
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &database->windows[i];

        if (row->serial != 0 && row->circuit == serial && !row->settled &&
            row->want != SDM_WINDOW_LEVEL_ABSENT) {
            database->attachments[sim_slot(row->attachment)].failed = true;
        }
    }
    n = list_carried(sim, circuit, reservations);
    for (unsigned i = 0; i < n; i++) {
        const struct sim_reservation *row = SIM_ROW(database->reservations, reservations[i]);

        if (row->accelerator_no != 0 && row->state == SDM_RESERVATION_STATE_ATTACHING) {
            sim_give_up(&tx, row->serial);
        }
    }
    settle_carried(&tx, circuit);
    sim_tx_end(&tx);
}

static void drop_idle(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    struct sim_circuit *row = SIM_ROW(sim->database.circuits, job->circuit.serial);
    struct sdm_ledger *ledger = controller->ledger;
    struct sdm_path path;
    struct sim_tx tx;
    bool gone;

    if (!sim_tx_begin(sim, controller, "drop", &tx)) {
        return;
    }
    sdm_ledger_lock(ledger);
    gone = sdm_ledger_circuit(ledger, job->circuit.path.compute_no, job->circuit.path.brick_no,
                              &path) &&
           sdm_ledger_drop_circuit(ledger, path.compute_no, path.brick_no);
    sdm_ledger_unlock(ledger);
    if (gone) {
        sim_tx_on_end(&tx, (struct sim_effect){.kind = SIM_ADD_CIRCUIT, .path = &path});
        if (row != NULL && !row->want_up && !row->have_up &&
            !sim_circuit_has_routes(&sim->database, sim_slot(row->serial))) {
            row->serial = 0;
        } else {
            sim_tx_refuse(&tx);
        }
    } else {
        sdm_ledger_lock(ledger);
        sdm_ledger_circuit(ledger, job->circuit.path.compute_no, job->circuit.path.brick_no, &path);
        sdm_ledger_unlock(ledger);
        sim_trace(sim, "still-used", path.compute_no, path.brick_no, path.n_users);
        sim_tx_refuse(&tx);
    }
    sim_tx_end(&tx);
    if (controller->alive) {
        sim_end_piece(controller, job, true);
    }
}

/* Wired by a job whose transaction failed, and not wanted since. */
static bool cut_remains(struct sim *sim, struct sim_controller *controller,
                        const struct sim_circuit *circuit)
{
    char uuid[SDM_UUID_SIZE];

    sim_uuid(circuit->serial, uuid);
    for (int32_t i = 0; i < circuit->path.n_hops; i++) {
        const struct sdm_hop *hop = &circuit->path.hops[i];

        if (sdm_crossings_holds(controller->crossings,
                                (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port},
                                uuid) &&
            cut_hop(sim, controller, circuit, hop) != DONE) {
            /* What it was about is forgotten by now. */
            sim_post(sim, controller, SDM_WORK_AUDIT, (uint32_t)hop->switch_no);
            return false;
        }
    }
    return true;
}

static void begin_circuit(struct sim *sim, struct sim_controller *controller, struct sim_job *job,
                          uint32_t serial)
{
    const struct sim_circuit *row = SIM_ROW(sim->database.circuits, serial);
    bool wanted;

    if (row == NULL) {
        sim_end_piece(controller, job, true);
        return;
    }
    job->circuit = *row;
    if (row->have_up && (!row->want_up || row->cutting)) {
        if (!row->cutting && !mark_cutting(sim, controller, serial, &wanted)) {
            if (controller->alive) {
                sim_end_piece(controller, job, false);
            }
            return;
        }
        job->state = SIM_JOB_CUT;
        job->hop = job->circuit.path.n_hops;
    } else if (row->want_up && !row->have_up) {
        job->state = SIM_JOB_CONNECT;
        job->hop = 0;
        job->refused = false;
    } else if (row->want_up) {
        sim_end_piece(controller, job, true);
    } else if (!sim_sabotaged(sim, SIM_SABOTAGE_REMAINS) &&
               !cut_remains(sim, controller, &job->circuit)) {
        sim_end_piece(controller, job, false);
    } else {
        drop_idle(sim, controller, job);
    }
}

static void step_connect(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    enum outcome outcome;

    if (job->hop == job->circuit.path.n_hops) {
        job->state = SIM_JOB_MARK_UP;
        return;
    }
    outcome = connect_hop(sim, controller, &job->circuit, &job->circuit.path.hops[job->hop]);
    job->hop++;
    if (outcome != DONE) {
        job->state = SIM_JOB_UNDO;
        job->refused = outcome == REFUSED;
    }
}

static void step_undo(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    const struct sdm_hop *hop;

    if (job->hop == 0) {
        job->state = SIM_JOB_TELL_REFUSED;
        return;
    }
    hop = &job->circuit.path.hops[--job->hop];
    if (cut_hop(sim, controller, &job->circuit, hop) != DONE) {
        sim_post(sim, controller, SDM_WORK_AUDIT, (uint32_t)hop->switch_no);
    }
}

static void step_cut(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    if (job->hop == 0) {
        job->state = SIM_JOB_MARK_CUT;
    } else if (cut_hop(sim, controller, &job->circuit, &job->circuit.path.hops[job->hop - 1]) ==
               DONE) {
        job->hop--;
    } else {
        sim_end_piece(controller, job, false);
    }
}

static bool is_to_offer(const struct sim_database *database, const struct sim_window *row,
                        int32_t compute_no)
{
    const struct sim_circuit *circuit = &database->circuits[sim_slot(row->circuit)];

    return row->serial != 0 && row->compute_no == compute_no && circuit->have_up &&
           !circuit->cutting && row->want != SDM_WINDOW_LEVEL_ABSENT && !row->offered;
}

/* Committed before the agent is told. */
static bool offer(struct sim *sim, struct sim_controller *controller, int32_t compute_no)
{
    struct sim_database *database = &sim->database;
    struct sim_tx tx;
    bool any = false;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        any |= is_to_offer(database, &database->windows[i], compute_no);
    }
    if (!any || sim_sabotaged(sim, SIM_SABOTAGE_NO_OFFER)) {
        return true;
    }
    if (!sim_tx_begin(sim, controller, "offer", &tx)) {
        return false;
    }
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        database->windows[i].offered |= is_to_offer(database, &database->windows[i], compute_no);
    }
    return sim_tx_end(&tx);
}

static void load_row(const struct sim *sim, const struct sim_window *from,
                     struct sdm_wanted_row *to)
{
    const struct sim_database *database = &sim->database;
    const struct sim_segment *segment = &database->segments[sim_slot(from->segment)];
    const struct sim_attachment *by = &database->attachments[sim_slot(from->attachment)];
    const struct sim_reservation *of = &database->reservations[sim_slot(by->reservation)];

    *to = (struct sdm_wanted_row){
        .entry = from->entry,
        .port = database->circuits[sim_slot(from->circuit)].path.compute_port,
        .module = segment->brick_no,
        .start_bytes = (int64_t)from->start_bytes,
        .size_bytes = (int64_t)from->size_bytes,
        .brick_offset_bytes = (int64_t)segment->offset_bytes,
        .mode = of->mode,
        .shared = of->group,
        .want = from->want,
        .latency_class = segment->latency_class,
    };
    sim_uuid(from->serial, to->window);
    sim_uuid(from->segment, to->segment);
    if (by->vm != 0) {
        char *vm = sdm_arena_alloc(sim->arena, SDM_UUID_SIZE, 1);

        sim_uuid(by->vm, vm);
        to->vm = vm;
    }
}

static void load_rows(struct sim *sim, struct sim_controller *controller, struct sim_want *message)
{
    struct sdm_wanted_row rows[SIM_MAX_WINDOWS];
    struct sdm_wanted_brick brick = {
        .compute_no = message->compute_no,
        .compute_brick = sdm_topology_device(sim->topology, message->compute_no)->id,
        .generation = message->generation,
        .segment_unit_bytes = (int64_t)SIM_UNIT_BYTES,
        .rows = rows,
    };
    struct sdm_s7_want want;

    sdm_arena_reset(sim->arena);
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &sim->database.windows[i];

        if (row->serial != 0 && row->compute_no == message->compute_no &&
            row->want != SDM_WINDOW_LEVEL_ABSENT &&
            (row->offered || sim_sabotaged(sim, SIM_SABOTAGE_NO_OFFER))) {
            load_row(sim, row, &rows[brick.n_rows++]);
        }
    }
    sdm_compile_agent(&brick, controller->epoch, sim->arena, &want);
    message->epoch = (int64_t)want.epoch;
    message->n_windows = (unsigned)want.n_windows;
    memcpy(message->windows, want.windows, want.n_windows * sizeof *want.windows);
}

static void begin_agent(struct sim *sim, struct sim_controller *controller, struct sim_job *job,
                        int32_t compute_no)
{
    if (!offer(sim, controller, compute_no)) {
        if (controller->alive) {
            sim_end_piece(controller, job, false);
        }
        return;
    }
    job->want.compute_no = compute_no;
    job->want.generation = sim->database.want_generation[compute_no];
    job->state = SIM_JOB_LOAD_ROWS;
}

static void send_want(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    const struct sim_want *from = &job->want;
    struct sim_want *to = &sim->broker.wants[from->compute_no];

    if (loses_command(sim)) {
        sim_end_piece(controller, job, sim_once_in(&sim->random, 2));
        return;
    }
    sim->broker.has_want[from->compute_no] = true;
    memcpy(to, from, offsetof(struct sim_want, windows) + from->n_windows * sizeof *from->windows);
    sim_trace(sim, "want-sent", from->compute_no, from->epoch, from->generation);
    sim_end_piece(controller, job, true);
}

static void begin_scrub(struct sim *sim, struct sim_controller *controller, struct sim_job *job,
                        uint32_t serial)
{
    const struct sim_segment *row = SIM_ROW(sim->database.segments, serial);

    if (row == NULL || row->state != SDM_SEGMENT_STATE_SCRUBBING) {
        sim_end_piece(controller, job, true);
        return;
    }
    job->segment = *row;
    job->state = sim_sabotaged(sim, SIM_SABOTAGE_FREED_EARLY) ? SIM_JOB_MARK_FREE : SIM_JOB_SCRUB;
}

static void step_scrub(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    struct sim_memory *memory = &sim->hardware.memories[job->segment.brick_no];
    int64_t seen = memory->epoch;
    enum outcome outcome = DONE;

    if (loses_command(sim)) {
        sim_end_piece(controller, job, false);
        return;
    }
    if (!sim_sabotaged(sim, SIM_SABOTAGE_NO_SCRUB)) {
        outcome = judge(sim, controller, seen,
                        sim_memory_scrub(memory, epoch_for(sim, controller, seen),
                                         job->segment.offset_bytes, job->segment.size_bytes));
        sim_trace(sim, "scrubbed", job->segment.serial, job->segment.brick_no, outcome);
    }
    if (outcome != DONE || loses_command(sim)) {
        sim_end_piece(controller, job, false);
    } else if (sim_sabotaged(sim, SIM_SABOTAGE_FREED_EARLY)) {
        sim_end_piece(controller, job, true);
    } else {
        job->state = SIM_JOB_MARK_FREE;
    }
}

static void mark_free(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    struct sim_segment *row = SIM_ROW(sim->database.segments, job->segment.serial);
    struct sim_tx tx;
    bool done;

    if (!sim_tx_begin(sim, controller, "scrubbed", &tx)) {
        return;
    }
    if (row != NULL && row->state == SDM_SEGMENT_STATE_SCRUBBING) {
        uint32_t reservation = row->reservation;

        sim_tx_on_end(&tx, (struct sim_effect){
                               .kind = SIM_FREE_EXTENT,
                               .extent = {row->brick_no, row->offset_bytes, row->size_bytes}});
        row->serial = 0;
        sim_settle(&tx, reservation);
    }
    done = sim_tx_end(&tx);
    if (controller->alive && done && sim_sabotaged(sim, SIM_SABOTAGE_FREED_EARLY)) {
        job->state = SIM_JOB_SCRUB;
    } else if (controller->alive) {
        sim_end_piece(controller, job, done);
    }
}

/* What a switch has against what circuits want of it. */
static bool audit(struct sim *sim, struct sim_controller *controller, int32_t switch_no)
{
    struct sim_switch *device = &sim->hardware.switches[switch_no];
    int64_t epoch = epoch_for(sim, controller, device->epoch);
    g_autoptr(GArray) wanted = sdm_crossings_list(controller->crossings);

    if (loses_command(sim) || epoch < device->epoch) {
        return false;
    }
    judge(sim, controller, device->epoch, SIM_DONE);
    device->epoch = epoch;
    for (int a = 0; a < SIM_MAX_PORTS; a++) {
        for (int b = a + 1; b < SIM_MAX_PORTS; b++) {
            if (sim_switch_connects(device, a, b) &&
                !sdm_crossings_used(controller->crossings,
                                    (struct sdm_crossing){switch_no, a, b})) {
                sim_switch_cut(device, epoch, a, b);
            }
        }
    }
    for (guint i = 0; i < wanted->len; i++) {
        const struct sdm_crossing *crossing = &g_array_index(wanted, struct sdm_crossing, i);
        const struct sdm_hop hop = {
            .switch_no = switch_no, .in_port = crossing->port_a, .out_port = crossing->port_b};

        if (crossing->switch_no == switch_no) {
            sim_switch_connect(device, epoch, &hop);
        }
    }
    return true;
}

static void settle_again(struct sim *sim, struct sim_controller *controller, struct sim_job *job,
                         uint32_t reservation)
{
    struct sim_tx tx;
    bool done;

    if (!sim_tx_begin(sim, controller, "recheck", &tx)) {
        return;
    }
    sim_settle(&tx, reservation);
    done = sim_tx_end(&tx);
    if (controller->alive) {
        sim_end_piece(controller, job, done);
    }
}

static void begin(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    const struct sim_piece *piece = &controller->pieces[job->piece];

    sim_trace(sim, "work", piece->kind, piece->id, controller->epoch);
    switch (piece->kind) {
    case SDM_WORK_CIRCUIT:
        begin_circuit(sim, controller, job, piece->id);
        break;
    case SDM_WORK_AGENT:
        begin_agent(sim, controller, job, (int32_t)piece->id);
        break;
    case SDM_WORK_SCRUB:
        begin_scrub(sim, controller, job, piece->id);
        break;
    case SDM_WORK_AUDIT:
        sim_end_piece(controller, job, audit(sim, controller, (int32_t)piece->id));
        break;
    case SDM_WORK_SETTLE:
        settle_again(sim, controller, job, piece->id);
        break;
    default:
        sim_end_piece(controller, job, true);
    }
}

static void step_mark(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    bool up = job->state == SIM_JOB_MARK_UP;
    bool done = mark_found(sim, controller, job->circuit.serial, up);

    sim_trace(sim, up ? "circuit-up" : "circuit-cut", job->circuit.serial, done, 0);
    if (controller->alive) {
        sim_end_piece(controller, job, done);
    }
}

void sim_work_step(struct sim *sim, struct sim_controller *controller, struct sim_job *job)
{
    switch (job->state) {
    case SIM_JOB_BEGIN:
        begin(sim, controller, job);
        break;
    case SIM_JOB_CONNECT:
        step_connect(sim, controller, job);
        break;
    case SIM_JOB_UNDO:
        step_undo(sim, controller, job);
        break;
    case SIM_JOB_MARK_UP:
    case SIM_JOB_MARK_CUT:
        step_mark(sim, controller, job);
        break;
    case SIM_JOB_TELL_REFUSED:
        if (job->refused) {
            tell_refused(sim, controller, job->circuit.serial);
        }
        if (controller->alive) {
            sim_end_piece(controller, job, false);
        }
        break;
    case SIM_JOB_CUT:
        step_cut(sim, controller, job);
        break;
    case SIM_JOB_LOAD_ROWS:
        load_rows(sim, controller, &job->want);
        job->state = SIM_JOB_SEND;
        break;
    case SIM_JOB_SEND:
        send_want(sim, controller, job);
        break;
    case SIM_JOB_SCRUB:
        step_scrub(sim, controller, job);
        break;
    case SIM_JOB_MARK_FREE:
        mark_free(sim, controller, job);
        break;
    default:
        break;
    }
}
