#include "sim/check.h"

#include <glib.h>

#include "sdm-controller/graph/ledger.h"
#include "sim/agent.h"
#include "sim/client.h"

/* No byte has two segments. */
static void check_segments(struct sim *sim)
{
    uint64_t taken[SIM_MAX_DEVICES] = {0};

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *row = &sim->database.segments[i];
        uint64_t units;

        if (row->serial == 0) {
            continue;
        }
        units = ((UINT64_C(1) << row->size_bytes / SIM_UNIT_BYTES) - 1)
                << row->offset_bytes / SIM_UNIT_BYTES;
        if ((taken[row->brick_no] & units) != 0) {
            sim_violate(sim, "I1", "two segments have bytes of brick %d", row->brick_no);
        }
        taken[row->brick_no] |= units;
    }
}

static const struct sim_window *find_window(const struct sim *sim, int32_t compute_no,
                                            unsigned entry)
{
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &sim->database.windows[i];

        if (row->serial != 0 && row->compute_no == compute_no && row->entry == (int32_t)entry) {
            return row;
        }
    }
    return NULL;
}

/* The switches carry the circuit of memory that is in use. */
static void check_wired(struct sim *sim, const struct sim_window *window)
{
    const struct sim_circuit *circuit = SIM_ROW(sim->database.circuits, window->circuit);

    for (int32_t i = 0; circuit != NULL && i < circuit->path.n_hops; i++) {
        const struct sdm_hop *hop = &circuit->path.hops[i];

        if (!sim_switch_connects(&sim->hardware.switches[hop->switch_no], hop->in_port,
                                 hop->out_port)) {
            sim_violate(sim, "I5", "memory of brick %d is in use and cut at switch %d",
                        window->compute_no, hop->switch_no);
            return;
        }
    }
    if (circuit == NULL) {
        sim_violate(sim, "I5", "memory of brick %d is in use without a circuit",
                    window->compute_no);
    }
}

/* Who uses a byte now finds his own there, or zeroes. */
static void check_stamps(struct sim *sim, const struct sim_segment *segment)
{
    struct sim_memory *memory = &sim->hardware.memories[segment->brick_no];

    for (uint64_t unit = segment->offset_bytes / SIM_UNIT_BYTES;
         unit < (segment->offset_bytes + segment->size_bytes) / SIM_UNIT_BYTES; unit++) {
        if (memory->stamp[unit] != 0 && memory->stamp[unit] != segment->serial) {
            sim_violate(sim, "I6", "segment %u finds bytes of segment %u", segment->serial,
                        memory->stamp[unit]);
        }
        memory->stamp[unit] = segment->serial;
    }
}

static void check_entry(struct sim *sim, int32_t compute_no, unsigned entry, bool in_use,
                        uint32_t *seen)
{
    const struct sdm_netport_entry *netport = &sim->hardware.computes[compute_no].entries[entry];
    const struct sim_window *window = find_window(sim, compute_no, entry);
    const struct sim_segment *segment =
        window != NULL ? SIM_ROW(sim->database.segments, window->segment) : NULL;
    struct sim_bytes bytes = sim_entry_bytes(netport);
    const struct sim_attachment *by;

    if (segment == NULL || segment->state != SDM_SEGMENT_STATE_LIVE ||
        segment->brick_no != bytes.brick_no || segment->offset_bytes != bytes.offset_bytes ||
        segment->size_bytes != bytes.size_bytes) {
        sim_violate(sim, "I1", "entry %u of brick %d maps bytes that nobody owns", entry,
                    compute_no);
        return;
    }
    by = &sim->database.attachments[sim_slot(window->attachment)];
    if ((*seen >> sim_slot(segment->serial) & 1) != 0 &&
        !sim->database.reservations[sim_slot(by->reservation)].group) {
        sim_violate(sim, "I1", "segment %u is mapped twice", segment->serial);
    }
    *seen |= 1U << sim_slot(segment->serial);
    if (in_use ||
        (window->want == SDM_WINDOW_LEVEL_MAPPED && window->have == SDM_WINDOW_LEVEL_MAPPED)) {
        check_wired(sim, window);
        check_stamps(sim, segment);
    }
}

/* What kernels use has an entry below it; no byte is in two kernels. */
static void check_kernels(struct sim *sim, int32_t compute_no)
{
    const struct sim_compute *compute = &sim->hardware.computes[compute_no];
    uint64_t pages = SIM_UNIT_BYTES / SDM_NETPORT_PAGE_BYTES;
    bool mapped[SIM_MAX_BLOCKS] = {false};
    uint32_t units[SIM_MAX_DEVICES] = {0};

    for (uint64_t left = compute->used; left != 0; left &= left - 1) {
        const struct sdm_netport_entry *netport = &compute->entries[__builtin_ctzll(left)];
        struct sim_bytes bytes = sim_entry_bytes(netport);

        for (uint64_t block = netport->start / pages; block < netport->end / pages; block++) {
            mapped[block] = true;
            if (compute->online[block]) {
                units[bytes.brick_no] |= 1U << bytes.offset_bytes / SIM_UNIT_BYTES;
            }
        }
    }
    for (unsigned i = 0; i < SIM_MAX_BLOCKS; i++) {
        if (compute->online[i] && !mapped[i]) {
            sim_violate(sim, "I5", "block %u of brick %d is online and unmapped", i, compute_no);
        }
    }
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        for (unsigned j = 0; j < SIM_MAX_DIMMS && compute->guests[i].running; j++) {
            const struct sim_dimm *dimm = &compute->guests[i].dimms[j];
            uint32_t unit = 1U << dimm->offset_bytes / SIM_UNIT_BYTES;
            bool is_mapped = false;

            if (dimm->window == 0) {
                continue;
            }
            for (uint64_t left = compute->used; left != 0; left &= left - 1) {
                struct sim_bytes bytes = sim_entry_bytes(&compute->entries[__builtin_ctzll(left)]);

                is_mapped |=
                    bytes.brick_no == dimm->brick_no && bytes.offset_bytes == dimm->offset_bytes;
            }
            if (!is_mapped) {
                sim_violate(sim, "I5", "a DIMM of guest %u is unmapped", compute->guests[i].vm);
            }
            if ((units[dimm->brick_no] & unit) != 0) {
                sim_violate(sim, "I1", "bytes of guest %u are in a second kernel",
                            compute->guests[i].vm);
            }
            units[dimm->brick_no] |= unit;
        }
    }
}

void sim_check(struct sim *sim)
{
    uint32_t seen = 0;

    check_segments(sim);
    for (int32_t i = 1; i <= sim->n_compute; i++) {
        const struct sim_compute *compute = &sim->hardware.computes[i];
        uint64_t in_use = sim_entries_in_use(compute);

        for (uint64_t left = compute->used; left != 0; left &= left - 1) {
            unsigned entry = (unsigned)__builtin_ctzll(left);

            check_entry(sim, i, entry, (in_use >> entry & 1) != 0, &seen);
        }
        check_kernels(sim, i);
    }
    sim_client_check(sim);
}

static struct sim_controller *find_leader(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_MAX_CONTROLLERS; i++) {
        if (sim->controllers[i].alive && sim->controllers[i].epoch == sim->database.epoch) {
            return &sim->controllers[i];
        }
    }
    return NULL;
}

static const char *unconverged_rows(const struct sim *sim)
{
    const struct sim_database *database = &sim->database;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &database->windows[i];

        if (row->serial != 0 && row->want != row->have) {
            return "a window";
        }
    }
    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        const struct sim_circuit *row = &database->circuits[i];

        if (row->serial != 0 && (row->want_up != row->have_up || row->cutting)) {
            return "a circuit";
        }
        if (row->serial != 0 && !row->want_up && !sim_circuit_has_routes(database, i)) {
            return "a circuit that is to be dropped";
        }
    }
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        if (database->segments[i].serial != 0 &&
            (database->segments[i].want_free ||
             database->segments[i].state != SDM_SEGMENT_STATE_LIVE)) {
            return "a segment";
        }
    }
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &database->reservations[i];

        if (row->serial != 0 && row->state != SDM_RESERVATION_STATE_HELD &&
            row->state != SDM_RESERVATION_STATE_ATTACHED) {
            return "a reservation";
        }
    }
    return NULL;
}

const char *sim_unconverged(struct sim *sim)
{
    const struct sim_controller *leader = find_leader(sim);
    const char *rows = unconverged_rows(sim);

    if (rows != NULL) {
        return rows;
    }
    if (leader == NULL || sim->broker.n_reports > 0) {
        return "a report";
    }
    for (unsigned i = 0; i < SIM_MAX_REQUESTS; i++) {
        if (sim->broker.requests[i].key != 0) {
            return "a request";
        }
    }
    for (unsigned i = 0; i < SIM_MAX_JOBS; i++) {
        if (leader->jobs[i].state != SIM_JOB_FREE) {
            return "a job";
        }
    }
    for (unsigned i = 0; i < SIM_MAX_PIECES; i++) {
        if (leader->pieces[i].state != SIM_PIECE_FREE) {
            return "a piece of work";
        }
    }
    for (int32_t i = 1; i <= sim->n_compute; i++) {
        if (!sim_agent_is_idle(sim, i)) {
            return "an agent";
        }
        if (sim->database.want_generation[i] != sim->database.have_generation[i]) {
            return "a generation";
        }
    }
    return NULL;
}

static void check_ledger(struct sim *sim)
{
    const struct sim_controller *leader = find_leader(sim);
    struct sdm_ledger_totals totals;
    g_autofree char *wrong = NULL;

    if (leader == NULL) {
        return;
    }
    sdm_ledger_lock(leader->ledger);
    sdm_ledger_totals(leader->ledger, &totals);
    wrong = sdm_ledger_audit(leader->ledger);
    sdm_ledger_unlock(leader->ledger);
    if (wrong != NULL) {
        sim_violate(sim, "I8", "ledger: %s", wrong);
    } else if (totals.free_bytes != totals.capacity_bytes || totals.n_circuits > 0 ||
               totals.n_windows > 0 || totals.n_holders > 0) {
        sim_violate(sim, "I8",
                    "the ledger still has %" G_GUINT64_FORMAT
                    " bytes, %zu circuits, %zu windows and %zu accelerators",
                    totals.capacity_bytes - totals.free_bytes, totals.n_circuits, totals.n_windows,
                    totals.n_holders);
    }
}

void sim_check_empty(struct sim *sim)
{
    const struct sim_database *database = &sim->database;

    if (SIM_ROOM(database->segments) < SIM_MAX_SEGMENTS ||
        SIM_ROOM(database->windows) < SIM_MAX_WINDOWS ||
        SIM_ROOM(database->circuits) < SIM_MAX_CIRCUITS ||
        SIM_ROOM(database->attachments) < SIM_MAX_ATTACHMENTS ||
        SIM_ROOM(database->reservations) < SIM_MAX_RESERVATIONS) {
        sim_violate(sim, "I8", "rows are left when everything is released");
    }
    for (int32_t i = 1; i <= sim->n_compute; i++) {
        if (sim->hardware.computes[i].used != 0) {
            sim_violate(sim, "I8", "entries are left on brick %d", i);
        }
    }
    for (int32_t i = 1; i <= sim->n_devices; i++) {
        for (unsigned j = 0; j < SIM_MAX_PORTS; j++) {
            if (sim->hardware.switches[i].peers[j] != 0) {
                sim_violate(sim, "I8", "cross-connections are left on switch %d", i);
            }
        }
    }
    check_ledger(sim);
}
