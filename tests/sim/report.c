/* What a controller makes of a report; after synthesizer/report.c. */
#include "sdm-controller/compile/report.h"

#include "sim/controller.h"
#include "sim/coverage.h"
#include "sim/transaction.h"

struct taking {
    struct sim_tx tx;
    const struct sim_report *report;
    unsigned n_known;
    struct sdm_known_window known[SIM_MAX_WINDOWS];
    struct sim_window *rows[SIM_MAX_WINDOWS];
    uint32_t touched; /* slots of reservations */
};

static void load_known(struct taking *taking)
{
    struct sim_database *database = &taking->tx.sim->database;

    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        struct sim_window *from = &database->windows[i];
        struct sdm_known_window *to = &taking->known[taking->n_known];

        if (from->serial == 0 || from->compute_no != taking->report->compute_no) {
            continue;
        }
        *to = (struct sdm_known_window){
            .entry = from->entry,
            .start_bytes = (int64_t)from->start_bytes,
            .generation = from->generation,
            .want = from->want,
            .have = from->have,
            .offered = from->offered,
        };
        sim_uuid(from->serial, to->window);
        taking->rows[taking->n_known++] = from;
    }
}

static void take_finding(struct taking *taking, const struct sdm_report_finding *finding)
{
    struct sim_database *database = &taking->tx.sim->database;
    struct sim_window *row = taking->rows[finding->known];
    struct sim_attachment *by = &database->attachments[sim_slot(row->attachment)];

    if (finding->changed) {
        row->have = finding->have;
        row->offered &= !finding->gone;
    }
    if (finding->changed || finding->failed) {
        by->failed = finding->failed;
        taking->touched |= 1U << sim_slot(by->reservation);
    }
}

static void take_windows(struct taking *taking)
{
    struct sim *sim = taking->tx.sim;
    const struct sdm_s7_report *head = &taking->report->head;
    struct sdm_s7_report report = *head;
    struct sdm_report_findings findings;

    if (sim_sabotaged(sim, SIM_SABOTAGE_OLD_REPORT)) {
        report.generation = INT64_MAX;
    }
    load_known(taking);
    sdm_arena_reset(sim->arena);
    sdm_compile_report(&report, taking->known, taking->n_known, sim->arena, &findings);
    for (int failed = 0; failed <= 1; failed++) {
        for (unsigned i = 0; i < taking->n_known; i++) {
            if (findings.findings[i].failed == (failed == 1)) {
                take_finding(taking, &findings.findings[i]);
            }
        }
    }
    if (head->converged) {
        int64_t *have = &sim->database.have_generation[taking->report->compute_no];
        int64_t want = sim->database.want_generation[taking->report->compute_no];

        *have = MIN(MAX(*have, (int64_t)head->generation), want);
    }
    if (findings.n_strangers > 0 &&
        head->generation < (uint64_t)sim->database.want_generation[taking->report->compute_no]) {
        sim_tx_post(&taking->tx, SDM_WORK_AGENT, (uint32_t)taking->report->compute_no);
    }
}

static void give_up_guest(struct taking *taking, uint32_t vm)
{
    struct sim_database *database = &taking->tx.sim->database;

    for (unsigned i = 0; i < SIM_MAX_ATTACHMENTS; i++) {
        const struct sim_attachment *row = &database->attachments[i];

        if (row->serial != 0 && row->vm == vm) {
            taking->touched |= 1U << sim_slot(row->reservation);
            sim_give_up(&taking->tx, row->reservation);
        }
    }
}

static bool is_running(const struct sim *sim, int32_t compute_no, uint32_t vm)
{
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        const struct sim_guest *guest = &sim->hardware.computes[compute_no].guests[i];

        if (guest->running && guest->vm == vm) {
            return true;
        }
    }
    return false;
}

static void take_guests(struct taking *taking)
{
    struct sim *sim = taking->tx.sim;
    const struct sim_report *report = taking->report;
    struct sim_guest_row *rows = sim->database.guests[report->compute_no];

    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        bool listed = false;

        for (unsigned j = 0; j < SIM_MAX_VMS; j++) {
            listed |= rows[i].vm != 0 && report->vms[j] == rows[i].vm;
        }
        if (rows[i].present && !listed) {
            rows[i].present = false;
            sim_trace(sim, "guest-gone", report->compute_no, rows[i].vm, 0);
            if (is_running(sim, report->compute_no, rows[i].vm)) {
                sim_violate(sim, "I5", "guest %u of brick %d runs and is given up", rows[i].vm,
                            report->compute_no);
            }
            give_up_guest(taking, rows[i].vm);
        }
    }
    for (unsigned j = 0; j < SIM_MAX_VMS; j++) {
        struct sim_guest_row *row = NULL;

        for (unsigned i = 0; i < SIM_MAX_VMS && report->vms[j] != 0; i++) {
            row = rows[i].vm == report->vms[j] ? &rows[i] : row;
        }
        for (unsigned i = 0; i < SIM_MAX_VMS && report->vms[j] != 0 && row == NULL; i++) {
            row = !rows[i].present ? &rows[i] : row;
        }
        if (row != NULL) {
            *row = (struct sim_guest_row){report->vms[j], true, SIM_MAX_DIMMS / 2,
                                          report->n_slots_used[j]};
        }
    }
}

void sim_controller_take_report(struct sim *sim, struct sim_controller *controller,
                                const struct sim_report *report)
{
    static struct taking taking;

    sim->counts->reports++;
    if ((int64_t)report->head.epoch > controller->epoch) {
        return;
    }
    if (!sim_tx_begin(sim, controller, "report", &taking.tx)) {
        return;
    }
    if (sdm_report_is_late(&report->head, "", sim->database.reported_us[report->compute_no]) &&
        !sim_sabotaged(sim, SIM_SABOTAGE_LATE_REPORT)) {
        sim_trace(sim, "report-late", report->compute_no, (int64_t)report->head.made_us, 0);
        sim_tx_end(&taking.tx);
        return;
    }
    sim->database.reported_us[report->compute_no] = (int64_t)report->head.made_us;
    taking.report = report;
    taking.n_known = 0;
    taking.touched = 0;
    take_windows(&taking);
    take_guests(&taking);
    for (uint32_t left = taking.touched; left != 0; left &= left - 1) {
        sim_settle(&taking.tx, sim->database.reservations[__builtin_ctz(left)].serial);
    }
    sim_tx_end(&taking.tx);
}
