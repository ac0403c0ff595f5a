/* Reads a reservation as store/snapshot.c does, asks model/progress for its next step, and writes
 * it as settle/settle.c does. */
#include <string.h>

#include "sdm-controller/model/progress.h"
#include "sdm-controller/model/reservation.h"
#include "sim/client.h"
#include "sim/coverage.h"
#include "sim/transaction.h"

enum { MAX_STEPS = 16 };

/* A snapshot with the rows that its elements stand for. */
struct reading {
    struct sdm_snapshot snapshot;
    struct sdm_snapshot_segment segments[SIM_MAX_SEGMENTS];
    struct sdm_snapshot_attachment attachments[SIM_MAX_ATTACHMENTS];
    struct sdm_snapshot_circuit circuits[SIM_MAX_CIRCUITS];
    struct sdm_snapshot_window windows[SIM_MAX_WINDOWS];
    struct sdm_snapshot_route routes[SIM_MAX_SEGMENTS * 4];
    struct sim_segment *segment_rows[SIM_MAX_SEGMENTS];
    struct sim_attachment *attachment_rows[SIM_MAX_ATTACHMENTS];
    struct sim_circuit *circuit_rows[SIM_MAX_CIRCUITS];
    struct sim_window *window_rows[SIM_MAX_WINDOWS];
    uint8_t segment_at[SIM_MAX_SEGMENTS];
    uint8_t attachment_at[SIM_MAX_ATTACHMENTS];
    uint8_t circuit_at[SIM_MAX_CIRCUITS];
};

/* Oldest first. */
static void sort_segments(struct reading *reading)
{
    struct sim_segment **rows = reading->segment_rows;

    for (size_t i = 1; i < reading->snapshot.n_segments; i++) {
        struct sim_segment *row = rows[i];
        size_t j = i;

        for (; j > 0 && rows[j - 1]->sequence > row->sequence; j--) {
            rows[j] = rows[j - 1];
        }
        rows[j] = row;
    }
}

static void read_segments(struct sim *sim, const struct sim_reservation *row,
                          struct reading *reading, uint32_t *circuits)
{
    struct sdm_snapshot *snapshot = &reading->snapshot;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        struct sim_segment *segment = &sim->database.segments[i];

        if (segment->serial != 0 && segment->reservation == row->serial) {
            reading->segment_rows[snapshot->n_segments++] = segment;
            *circuits |= segment->circuits;
        }
    }
    sort_segments(reading);
    for (size_t i = 0; i < snapshot->n_segments; i++) {
        const struct sim_segment *from = reading->segment_rows[i];

        reading->segment_at[sim_slot(from->serial)] = (uint8_t)i;
        reading->segments[i] = (struct sdm_snapshot_segment){
            .brick_no = from->brick_no,
            .offset_bytes = (int64_t)from->offset_bytes,
            .size_bytes = (int64_t)from->size_bytes,
            .latency_class = from->latency_class,
            .state = from->state,
            .want_free = from->want_free,
        };
    }
}

static void read_attachments(struct sim *sim, const struct sim_reservation *row,
                             struct reading *reading)
{
    struct sdm_snapshot *snapshot = &reading->snapshot;

    for (unsigned i = 0; i < SIM_MAX_ATTACHMENTS; i++) {
        struct sim_attachment *from = &sim->database.attachments[i];

        if (from->serial == 0 || from->reservation != row->serial) {
            continue;
        }
        reading->attachment_at[i] = (uint8_t)snapshot->n_attachments;
        reading->attachment_rows[snapshot->n_attachments] = from;
        reading->attachments[snapshot->n_attachments++] = (struct sdm_snapshot_attachment){
            .compute_no = from->compute_no,
            .vm = from->vm != 0 ? "vm" : NULL,
            .want = from->want,
            .have = from->have,
            .error_code = from->failed ? "REFUSED" : NULL,
        };
    }
}

/* What else uses a circuit. */
static void count_others(const struct sim *sim, const struct sim_reservation *row, unsigned slot,
                         struct sdm_snapshot_circuit *circuit)
{
    const struct sim_database *database = &sim->database;
    uint32_t serial = database->circuits[slot].serial;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *window = &database->windows[i];

        if (window->serial != 0 && window->circuit == serial) {
            const struct sim_attachment *by = &database->attachments[sim_slot(window->attachment)];

            circuit->n_other_windows += by->reservation != row->serial;
        }
    }
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *segment = &database->segments[i];

        circuit->n_other_segments += segment->serial != 0 && segment->reservation != row->serial &&
                                     (segment->circuits >> slot & 1) != 0;
    }
}

static void read_circuits(struct sim *sim, const struct sim_reservation *row, uint32_t circuits,
                          struct reading *reading)
{
    struct sdm_snapshot *snapshot = &reading->snapshot;

    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        struct sim_circuit *from = &sim->database.circuits[i];
        struct sdm_snapshot_circuit *to = &reading->circuits[snapshot->n_circuits];

        if (from->serial == 0 ||
            ((circuits >> i & 1) == 0 &&
             (row->accelerator_no == 0 || from->path.brick_no != row->accelerator_no ||
              from->path.compute_no != row->compute_no))) {
            continue;
        }
        *to = (struct sdm_snapshot_circuit){
            .compute_no = from->path.compute_no,
            .brick_no = from->path.brick_no,
            .want_up = from->want_up,
            .have_up = from->have_up,
        };
        count_others(sim, row, i, to);
        reading->circuit_at[i] = (uint8_t)snapshot->n_circuits;
        reading->circuit_rows[snapshot->n_circuits++] = from;
    }
}

static void read_windows(struct sim *sim, const struct sim_reservation *row,
                         struct reading *reading)
{
    struct sdm_snapshot *snapshot = &reading->snapshot;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        struct sim_window *from = &sim->database.windows[i];
        unsigned attachment = sim_slot(from->attachment);

        if (from->serial == 0 || sim->database.attachments[attachment].reservation != row->serial) {
            continue;
        }
        reading->window_rows[snapshot->n_windows] = from;
        reading->windows[snapshot->n_windows++] = (struct sdm_snapshot_window){
            .attachment = reading->attachment_at[attachment],
            .segment = reading->segment_at[sim_slot(from->segment)],
            .circuit = reading->circuit_at[sim_slot(from->circuit)],
            .entry = from->entry,
            .size_bytes = (int64_t)from->size_bytes,
            .want = from->want,
            .have = from->have,
            .offered = from->offered,
            .settled = from->settled,
        };
    }
}

static void read_routes(struct reading *reading)
{
    struct sdm_snapshot *snapshot = &reading->snapshot;

    for (size_t i = 0; i < snapshot->n_segments; i++) {
        for (uint32_t left = reading->segment_rows[i]->circuits; left != 0; left &= left - 1) {
            reading->routes[snapshot->n_routes++] = (struct sdm_snapshot_route){
                .segment = i,
                .circuit = reading->circuit_at[__builtin_ctz(left)],
            };
        }
    }
}

static void read_all(struct sim *sim, const struct sim_reservation *row, struct reading *reading)
{
    uint32_t circuits = 0;

    reading->snapshot = (struct sdm_snapshot){
        .state = row->state,
        .mode = row->mode,
        .compute_no = row->compute_no,
        .latency_class = row->latency_class,
        .policy = row->policy,
        .bandwidth_mbps = row->bandwidth_mbps,
        .size_bytes = row->size_bytes,
        .requested_bytes = row->requested_bytes,
        .group = row->group ? "group" : NULL,
        .accelerator = row->accelerator_no != 0 ? "accelerator" : NULL,
        .accelerator_no = row->accelerator_no,
        .segments = reading->segments,
        .attachments = reading->attachments,
        .windows = reading->windows,
        .circuits = reading->circuits,
        .routes = reading->routes,
    };
    read_segments(sim, row, reading, &circuits);
    read_attachments(sim, row, reading);
    read_circuits(sim, row, circuits, reading);
    read_windows(sim, row, reading);
    read_routes(reading);
}

static bool undo_attachment(struct sim_tx *tx, struct reading *reading,
                            const struct sdm_progress *progress, size_t attachment)
{
    struct sim_database *database = &tx->sim->database;
    int32_t compute_no = reading->attachments[attachment].compute_no;
    int64_t generation = 0;

    for (size_t i = 0; i < reading->snapshot.n_windows; i++) {
        if (reading->windows[i].attachment == attachment && progress->windows[i].undo) {
            if (generation == 0) {
                generation = ++database->want_generation[compute_no];
                sim_tx_post(tx, SDM_WORK_AGENT, (uint32_t)compute_no);
            }
            reading->window_rows[i]->want = SDM_WINDOW_LEVEL_ABSENT;
            reading->window_rows[i]->generation = generation;
        }
    }
    return generation != 0;
}

static bool apply_windows(struct sim_tx *tx, struct reading *reading,
                          const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = 0; i < reading->snapshot.n_attachments; i++) {
        changed |= undo_attachment(tx, reading, progress, i);
    }
    for (size_t i = 0; i < reading->snapshot.n_windows; i++) {
        struct sim_window *row = reading->window_rows[i];

        if (progress->windows[i].settle) {
            row->settled = true;
            changed = true;
        }
        if (progress->windows[i].drop) {
            sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_FREE_WINDOW,
                                                  .compute_no = row->compute_no,
                                                  .entry = row->entry});
            row->serial = 0;
            changed = true;
        }
    }
    return changed;
}

static bool apply_attachments(struct reading *reading, const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = 0; i < reading->snapshot.n_attachments; i++) {
        const struct sdm_progress_attachment *to = &progress->attachments[i];
        struct sim_attachment *row = reading->attachment_rows[i];

        if (to->drop) {
            row->serial = 0;
            changed = true;
        } else if (to->want != row->want || to->have != row->have) {
            row->want = to->want;
            row->have = to->have;
            row->failed &= !(to->want != SDM_WINDOW_LEVEL_ABSENT && to->have == to->want);
            changed = true;
        }
    }
    return changed;
}

static bool apply_segments(struct sim_tx *tx, struct reading *reading,
                           const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = 0; i < reading->snapshot.n_segments; i++) {
        struct sim_segment *row = reading->segment_rows[i];

        if (progress->segments[i].want_free && !row->want_free) {
            row->want_free = true;
            changed = true;
        }
        if (progress->segments[i].scrub) {
            if (!sdm_segment_may_move(row->state, SDM_SEGMENT_STATE_SCRUBBING)) {
                sim_violate(tx->sim, "I6", "a segment cannot be scrubbed from state %d",
                            (int)row->state);
            }
            row->state = SDM_SEGMENT_STATE_SCRUBBING;
            row->circuits = 0;
            sim_tx_post(tx, SDM_WORK_SCRUB, row->serial);
            changed = true;
        }
    }
    return changed;
}

static void leave_circuit(struct sim_tx *tx, struct reading *reading,
                          const struct sdm_progress *progress, size_t circuit)
{
    struct sim_circuit *row = reading->circuit_rows[circuit];
    int32_t n_leaving = 0;
    int32_t n_staying = 0;
    int32_t bandwidth_mbps;

    for (size_t i = 0; i < reading->snapshot.n_routes; i++) {
        if (reading->routes[i].circuit == circuit) {
            *(progress->routes[i].drop ? &n_leaving : &n_staying) += 1;
        }
    }
    if (n_leaving == 0) {
        return;
    }
    bandwidth_mbps = n_staying == 0 ? reading->snapshot.bandwidth_mbps : 0;
    row->path.bandwidth_mbps -= bandwidth_mbps;
    sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_LEAVE_CIRCUIT,
                                          .compute_no = row->path.compute_no,
                                          .brick_no = row->path.brick_no,
                                          .n_users = n_leaving,
                                          .bandwidth_mbps = bandwidth_mbps});
}

static bool apply_circuits(struct sim_tx *tx, struct reading *reading,
                           const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = 0; i < reading->snapshot.n_circuits; i++) {
        struct sim_circuit *row = reading->circuit_rows[i];
        bool moves = progress->circuits[i].want_up != row->want_up;

        leave_circuit(tx, reading, progress, i);
        row->want_up = progress->circuits[i].want_up;
        changed |= moves;
        if (moves || progress->circuits[i].idle) {
            sim_tx_post(tx, SDM_WORK_CIRCUIT, row->serial);
        }
    }
    for (size_t i = 0; i < reading->snapshot.n_routes; i++) {
        const struct sdm_snapshot_route *route = &reading->routes[i];

        if (progress->routes[i].drop && !progress->segments[route->segment].scrub) {
            reading->segment_rows[route->segment]->circuits &=
                ~(1U << sim_slot(reading->circuit_rows[route->circuit]->serial));
            changed = true;
        }
    }
    return changed;
}

static bool apply_state(struct sim_tx *tx, struct sim_reservation *row, struct reading *reading,
                        const struct sdm_progress *progress)
{
    const struct sdm_snapshot *snapshot = &reading->snapshot;
    int64_t bytes = 0;
    bool changed;

    for (size_t i = 0; i < snapshot->n_segments; i++) {
        bytes += progress->segments[i].want_free ? 0 : snapshot->segments[i].size_bytes;
    }
    changed = bytes != row->size_bytes || progress->state != row->state;
    if (bytes != row->size_bytes && progress->refused) {
        row->requested_bytes = bytes;
        sim_client_refused(tx->sim, row->serial, bytes);
    }
    row->size_bytes = bytes;
    if (!sdm_reservation_may_move(row->state, progress->state)) {
        sim_violate(tx->sim, "I4", "a reservation cannot move from state %d to %d", (int)row->state,
                    (int)progress->state);
    }
    sim_cover(tx->sim, row->state, tx->event, progress->state);
    if (progress->state != row->state && progress->state == SDM_RESERVATION_STATE_RELEASED &&
        row->accelerator_no != 0) {
        sim_tx_on_end(tx, (struct sim_effect){.kind = SIM_LEAVE_CIRCUIT,
                                              .compute_no = row->compute_no,
                                              .brick_no = row->accelerator_no,
                                              .n_users = 1,
                                              .bandwidth_mbps = row->bandwidth_mbps});
        sim_tx_on_end(
            tx, (struct sim_effect){.kind = SIM_FREE_HOLDER, .brick_no = row->accelerator_no});
    }
    row->state = progress->state;
    return changed;
}

void sim_settle(struct sim_tx *tx, uint32_t reservation)
{
    static struct reading reading;
    struct sim *sim = tx->sim;
    struct sim_reservation *row = SIM_ROW(sim->database.reservations, reservation);

    for (int i = 0; row != NULL && i < MAX_STEPS; i++) {
        struct sdm_progress progress;
        bool changed;

        sdm_arena_reset(sim->arena);
        read_all(sim, row, &reading);
        sdm_progress_next(&reading.snapshot, sim->arena, &progress);
        changed = apply_windows(tx, &reading, &progress);
        changed |= apply_attachments(&reading, &progress);
        changed |= apply_segments(tx, &reading, &progress);
        changed |= apply_circuits(tx, &reading, &progress);
        changed |= apply_state(tx, row, &reading, &progress);
        if (!changed) {
            /* History is kept in the product; here a slot is needed again. */
            if (row->state == SDM_RESERVATION_STATE_RELEASED) {
                row->serial = 0;
            }
            return;
        }
    }
    if (row != NULL) {
        sim_violate(sim, "I4", "a reservation has not settled after %d steps", MAX_STEPS);
    }
}

int64_t sim_held_bytes(const struct sim *sim, uint32_t reservation)
{
    int64_t bytes = 0;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *row = &sim->database.segments[i];

        if (row->serial != 0 && row->reservation == reservation && !row->want_free) {
            bytes += (int64_t)row->size_bytes;
        }
    }
    return bytes;
}

void sim_unwant(struct sim_tx *tx, uint32_t reservation, uint32_t attachment, uint64_t first)
{
    struct sim_database *database = &tx->sim->database;
    int64_t generations[SIM_MAX_COMPUTE + 1] = {0};

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        struct sim_window *row = &database->windows[i];
        const struct sim_attachment *of = &database->attachments[sim_slot(row->attachment)];
        int64_t *generation = &generations[row->compute_no];

        if (row->serial == 0 || of->reservation != reservation ||
            (attachment != 0 && of->serial != attachment) || row->want == SDM_WINDOW_LEVEL_ABSENT ||
            database->segments[sim_slot(row->segment)].sequence < first) {
            continue;
        }
        if (*generation == 0) {
            *generation = ++database->want_generation[row->compute_no];
            sim_tx_post(tx, SDM_WORK_AGENT, (uint32_t)row->compute_no);
        }
        row->want = SDM_WINDOW_LEVEL_ABSENT;
        row->generation = *generation;
    }
}

void sim_give_up(struct sim_tx *tx, uint32_t reservation)
{
    struct sim_database *database = &tx->sim->database;
    struct sim_reservation *row = SIM_ROW(database->reservations, reservation);

    if (row == NULL || row->state >= SDM_RESERVATION_STATE_RELEASING) {
        return;
    }
    sim_unwant(tx, reservation, 0, 0);
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        struct sim_segment *segment = &database->segments[i];

        segment->want_free |= segment->serial != 0 && segment->reservation == reservation;
    }
    row->size_bytes = 0;
    row->requested_bytes = 0;
    sim_client_gives_back(tx->sim, reservation, 0);
    row->state = SDM_RESERVATION_STATE_RELEASING;
}
