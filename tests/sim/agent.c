#include "sim/agent.h"

#include <glib.h>
#include <string.h>

#include "sdm-agent/reconcile/accept.h"
#include "sdm-agent/reconcile/reconcile.h"
#include "sdm-controller/model/work.h"
#include "sim/brick.h"
#include "sim/controller.h"

enum { MAX_JOBS = 24, MAX_RECORDS = 48, REST_STEPS = 40, N_LANES = 2 + SIM_MAX_VMS };

/* What the session remembers of a window; after session/record.c. */
struct record {
    uint32_t window;
    unsigned entry;
    bool used;
    bool under_way;
    bool is_wanted;
    bool pending;
    unsigned n_failures;
    uint64_t rest_until;
};

enum job_kind { JOB_NONE, JOB_LOOK_RMC, JOB_LOOK_HOST, JOB_LOOK_GUESTS, JOB_STEP };

struct job {
    enum job_kind kind;
    unsigned lane; /* 0 the RMC, 1 the host, then the guests */
    uint64_t number;
    struct sdm_step step;
};

struct sim_agent {
    /* Durable. */
    uint64_t epoch;
    uint64_t kept_generation;
    unsigned n_kept;
    struct sdm_want_window kept[SIM_MAX_WINDOWS];
    /* In memory. */
    uint64_t generation;
    bool may_act;
    struct sdm_want want;
    struct sdm_want_window windows[SIM_MAX_WINDOWS];
    bool entries_seen, blocks_seen, guests_seen;
    struct sdm_found found;
    struct sdm_found_entry entries[SIM_MAX_ENTRIES];
    struct sdm_found_block blocks[SIM_MAX_BLOCKS];
    struct sdm_found_vm vms[SIM_MAX_VMS];
    struct sdm_found_dimm dimms[SIM_MAX_VMS][SIM_MAX_DIMMS];
    struct record records[MAX_RECORDS];
    struct job jobs[MAX_JOBS];
    unsigned n_jobs;
    uint64_t next_job;
    bool compare_is_due;
    bool report_is_due;
    struct sdm_step_plan *plan;
    struct sdm_busy busy;
    GHashTable *busy_windows;
};

struct sim_agent *sim_agent_new(void)
{
    struct sim_agent *agent = g_new0(struct sim_agent, 1);

    agent->busy_windows = g_hash_table_new(g_str_hash, g_str_equal);
    agent->busy.windows = agent->busy_windows;
    return agent;
}

void sim_agent_free(struct sim_agent *agent)
{
    if (agent == NULL) {
        return;
    }
    sdm_step_plan_free(agent->plan);
    g_hash_table_unref(agent->busy_windows);
    g_free(agent);
}

static void push(struct sim_agent *agent, enum job_kind kind, unsigned lane,
                 const struct sdm_step *step)
{
    struct job *job;

    /* A look that waits will see it all. */
    for (unsigned i = 0; i < agent->n_jobs && kind != JOB_STEP; i++) {
        if (agent->jobs[i].kind == kind) {
            return;
        }
    }
    if (agent->n_jobs == MAX_JOBS) {
        return;
    }
    job = &agent->jobs[agent->n_jobs++];
    job->kind = kind;
    job->lane = lane;
    job->number = agent->next_job++;
    if (step != NULL) {
        job->step = *step;
    }
}

void sim_agent_look(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];

    push(agent, JOB_LOOK_RMC, 0, NULL);
    push(agent, JOB_LOOK_GUESTS, 2, NULL);
    agent->report_is_due |= agent->plan != NULL;
}

void sim_agent_hear(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];

    push(agent, JOB_LOOK_GUESTS, 2, NULL);
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        if (agent->records[i].used && agent->records[i].pending) {
            agent->records[i].pending = false;
            agent->records[i].rest_until = 0;
        }
    }
}

static struct record *get_record(struct sim_agent *agent, uint32_t window, unsigned entry)
{
    struct record *free_record = NULL;

    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        struct record *record = &agent->records[i];

        if (record->used && record->window == window && (window != 0 || record->entry == entry)) {
            return record;
        }
        if (!record->used && free_record == NULL) {
            free_record = record;
        }
    }
    if (free_record == NULL) {
        return NULL;
    }
    *free_record = (struct record){.used = true, .window = window, .entry = entry};
    return free_record;
}

static void want_records(struct sim_agent *agent, bool is_repeated)
{
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        agent->records[i].is_wanted = false;
        if (!is_repeated) {
            agent->records[i].rest_until = 0;
        }
    }
    for (unsigned i = 0; i < agent->want.n_windows; i++) {
        struct record *record = get_record(agent, sim_serial(agent->want.windows[i].window),
                                           agent->want.windows[i].entry);

        if (record != NULL) {
            record->is_wanted = true;
        }
    }
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        struct record *record = &agent->records[i];

        record->used &= record->is_wanted || record->under_way || record->n_failures > 0;
    }
}

static void adopt(struct sim_agent *agent, uint64_t generation,
                  const struct sdm_want_window *windows, unsigned n)
{
    bool is_repeated = agent->may_act && generation == agent->generation;

    memmove(agent->windows, windows, n * sizeof *windows);
    agent->want.windows = agent->windows;
    agent->want.n_windows = n;
    agent->generation = generation;
    sdm_step_plan_free(agent->plan);
    agent->plan = NULL;
    want_records(agent, is_repeated);
    agent->compare_is_due = true;
    agent->report_is_due = false;
}

void sim_agent_start(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];

    agent->may_act = false;
    agent->entries_seen = agent->blocks_seen = agent->guests_seen = false;
    agent->n_jobs = 0;
    agent->found = (struct sdm_found){.entries = agent->entries,
                                      .blocks = agent->blocks,
                                      .vms = agent->vms,
                                      .block_size_bytes = SIM_UNIT_BYTES};
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        agent->vms[i].dimms = agent->dimms[i];
    }
    memset(agent->records, 0, sizeof agent->records);
    adopt(agent, agent->kept_generation, agent->kept, agent->n_kept);
    sim_agent_look(sim, compute_no);
}

void sim_agent_reset(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];

    agent->epoch = 0;
    agent->kept_generation = 0;
    agent->n_kept = 0;
    agent->generation = 0;
    agent->want.n_windows = 0;
    sim_agent_start(sim, compute_no);
}

/* --- What it sees of the brick. */

static bool is_new(const struct sdm_found_entry *before, unsigned n_before, unsigned entry)
{
    for (unsigned i = 0; i < n_before; i++) {
        if (before[i].entry == entry) {
            return false;
        }
    }
    return true;
}

/* An entry that was not there before may have blocks that nobody has looked at; after
 * session/picture.c. */
static void look_at_entries(struct sim *sim, struct sim_agent *agent,
                            const struct sim_compute *compute)
{
    static struct sdm_found_entry before[SIM_MAX_ENTRIES];
    unsigned n_before = agent->found.n_entries;

    for (unsigned i = 0; i < n_before; i++) {
        before[i].entry = agent->entries[i].entry;
    }
    sim_brick_entries(compute, &agent->found);
    for (unsigned i = 0; i < agent->found.n_entries; i++) {
        agent->found.blocks_known &= !is_new(before, n_before, agent->entries[i].entry) ||
                                     sim_sabotaged(sim, SIM_SABOTAGE_BLOCKS_UNSEEN);
    }
    agent->found.entries_known = true;
    agent->entries_seen = true;
}

static void look_at_blocks(struct sim_agent *agent, const struct sim_compute *compute)
{
    sim_brick_blocks(compute, &agent->found);
    agent->found.blocks_known = true;
    agent->blocks_seen = true;
}

static void look_at_guests(struct sim_agent *agent, const struct sim_compute *compute)
{
    sim_brick_guests(compute, &agent->found);
    agent->found.vms_known = true;
    agent->guests_seen = true;
}

static void look(struct sim *sim, struct sim_agent *agent, struct sim_compute *compute,
                 const struct job *job)
{
    bool answers = !sim_faulty(sim, agent->entries_seen ? 3 : 40);
    unsigned part = job->kind == JOB_LOOK_RMC                        ? 0
                    : job->kind == JOB_LOOK_HOST                     ? 1
                    : job->kind == JOB_LOOK_GUESTS || job->lane >= 2 ? 2
                                                                     : job->lane;

    if (part == 0) {
        agent->found.entries_known = answers;
        if (answers) {
            look_at_entries(sim, agent, compute);
        }
        /* A range that was never looked at may hold blocks. */
        if (answers && job->kind == JOB_STEP) {
            look_at_blocks(agent, compute);
        } else {
            push(agent, JOB_LOOK_HOST, 1, NULL);
        }
    } else if (part == 1) {
        agent->found.blocks_known = answers;
        if (answers) {
            look_at_blocks(agent, compute);
        }
    } else {
        agent->found.vms_known = answers;
        if (answers) {
            look_at_guests(agent, compute);
        }
    }
    if (!answers) {
        sim->counts->faults++;
        sim_agent_look(sim, (int32_t)(compute - sim->hardware.computes));
    }
}

static void end_step(struct sim *sim, struct sim_agent *agent, const struct sdm_step *step,
                     enum sim_step_end end)
{
    struct record *record =
        get_record(agent, step->window[0] != '\0' ? sim_serial(step->window) : 0, step->entry);

    if (record == NULL) {
        return;
    }
    record->under_way = false;
    record->pending = end == SIM_STEP_PENDING;
    record->n_failures = end == SIM_STEP_FAILED ? record->n_failures + 1 : 0;
    record->rest_until = end == SIM_STEP_ENDED ? 0 : sim->step + (sim->quiet ? 4 : REST_STEPS);
}

static void run_job(struct sim *sim, int32_t compute_no, unsigned at)
{
    struct sim_agent *agent = sim->agents[compute_no];
    struct sim_compute *compute = &sim->hardware.computes[compute_no];
    struct job job = agent->jobs[at];

    memmove(&agent->jobs[at], &agent->jobs[at + 1], (--agent->n_jobs - at) * sizeof *agent->jobs);
    if (job.kind == JOB_STEP) {
        enum sim_step_end end = SIM_STEP_FAILED;

        sim_trace(sim, sdm_step_kind_name(job.step.kind), compute_no, job.step.entry,
                  job.step.window[0] != '\0' ? sim_serial(job.step.window) : 0);
        /* It fails before it is done, or after. */
        if (!sim_faulty(sim, 4)) {
            end = sim_brick_step(sim, compute, &job.step);
        }
        end = sim_faulty(sim, 4) ? SIM_STEP_FAILED : end;
        end_step(sim, agent, &job.step, end);
        sim->counts->agent_steps++;
    }
    look(sim, agent, compute, &job);
    agent->compare_is_due = true;
}

/* The first job of some lane. */
static bool run_some_job(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];
    unsigned start;

    if (agent->n_jobs == 0) {
        return false;
    }
    start = sim_below(&sim->random, agent->n_jobs);
    for (unsigned i = 0; i < agent->n_jobs; i++) {
        if (agent->jobs[i].lane == agent->jobs[start].lane) {
            run_job(sim, compute_no, i);
            return true;
        }
    }
    return false;
}

/* --- Comparing and reporting. */
static void collect_busy(struct sim *sim, struct sim_agent *agent, char (*uuids)[SDM_UUID_SIZE])
{
    g_hash_table_remove_all(agent->busy_windows);
    memset(agent->busy.entries, 0, sizeof agent->busy.entries);
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        const struct record *record = &agent->records[i];

        if (!record->used || (!record->under_way && record->rest_until <= sim->step)) {
            continue;
        }
        if (record->window != 0) {
            sim_uuid(record->window, uuids[i]);
            g_hash_table_add(agent->busy_windows, uuids[i]);
        }
        if (record->entry != SDM_NO_ENTRY && (record->under_way || record->window == 0)) {
            agent->busy.entries[record->entry] = true;
        }
    }
}

static unsigned lane_of(const struct sim_compute *compute, const struct sdm_step *step)
{
    if (step->kind == SDM_STEP_MAP || step->kind == SDM_STEP_UNMAP) {
        return 0;
    }
    if (step->kind == SDM_STEP_ONLINE_HOST || step->kind == SDM_STEP_OFFLINE_HOST) {
        return 1;
    }
    return 2 + (compute->guests[0].vm == sim_serial(step->vm) ? 0 : 1);
}

static void start_step(struct sim *sim, int32_t compute_no, const struct sdm_step *step)
{
    struct sim_agent *agent = sim->agents[compute_no];
    struct record *record =
        get_record(agent, step->window[0] != '\0' ? sim_serial(step->window) : 0, step->entry);

    if (record == NULL || agent->n_jobs == MAX_JOBS) {
        return;
    }
    record->under_way = true;
    record->entry = step->entry;
    push(agent, JOB_STEP, lane_of(&sim->hardware.computes[compute_no], step), step);
}

static void compare(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];
    char uuids[MAX_RECORDS][SDM_UUID_SIZE];
    agent->compare_is_due = false;
    if (!agent->entries_seen || !agent->blocks_seen || !agent->guests_seen) {
        return;
    }
    sim->counts->product_steps++;
    collect_busy(sim, agent, uuids);
    sdm_step_plan_free(agent->plan);
    agent->plan = sdm_reconcile(&agent->want, &agent->found, &agent->busy);
    if (agent->may_act && sim_sabotaged(sim, SIM_SABOTAGE_UNMAP_AT_ONCE)) {
        sim_brick_unmap_at_once(&sim->hardware.computes[compute_no], &agent->want);
    }
    for (unsigned i = 0; agent->may_act && i < agent->plan->n_steps; i++) {
        start_step(sim, compute_no, &agent->plan->steps[i]);
    }
    agent->report_is_due = true;
}

static bool tells_error(const struct sdm_window_state *state, const struct record *record,
                        enum sdm_window_level level)
{
    if (state->have == level) {
        return false;
    }
    if (state->refused &&
        (state->code == SDM_ERROR_AGENT_REFUSED || state->code == SDM_ERROR_GUEST_REFUSED ||
         state->code == SDM_ERROR_NO_SLOT || state->code == SDM_ERROR_NOT_FOUND)) {
        return true;
    }
    return record != NULL && (record->pending || record->n_failures > 2);
}

static void report_wanted(struct sim_agent *agent, unsigned i, struct sdm_wire_found_window *to)
{
    const struct sdm_want_window *window = &agent->want.windows[i];
    const struct sdm_window_state *state = &agent->plan->states[i];
    const struct record *record = NULL;
    uint32_t serial = sim_serial(window->window);

    for (unsigned j = 0; j < MAX_RECORDS && record == NULL; j++) {
        record = agent->records[j].used && agent->records[j].window == serial ? &agent->records[j]
                                                                              : NULL;
    }
    memcpy(to->window, window->window, sizeof to->window);
    to->entry = window->entry;
    to->start_bytes = sdm_want_start_bytes(window);
    to->size_bytes = sdm_want_size_bytes(window);
    to->have = state->have;
    to->has_error_code = tells_error(state, record, window->level);
    to->error_code = SDM_ERROR_AGENT_REFUSED;
}

static const struct sdm_found_dimm *find_dimm_on(const struct sdm_found *found, const char *path)
{
    for (unsigned i = 0; i < found->n_vms; i++) {
        for (unsigned j = 0; j < found->vms[i].n_dimms; j++) {
            if (strcmp(found->vms[i].dimms[j].path, path) == 0) {
                return &found->vms[i].dimms[j];
            }
        }
    }
    return NULL;
}

static bool is_explained(const struct sim_agent *agent, const struct sdm_found_entry *entry)
{
    for (unsigned i = 0; i < agent->want.n_windows; i++) {
        if (agent->want.windows[i].entry == entry->entry &&
            sdm_netport_entry_equal(&agent->want.windows[i].netport, &entry->netport)) {
            return true;
        }
    }
    return false;
}

static void report_found(struct sim_agent *agent, struct sim_report *report)
{
    struct sdm_s7_report *head = &report->head;

    for (unsigned i = 0; i < agent->want.n_windows; i++) {
        report_wanted(agent, i, &report->windows[head->n_windows++]);
    }
    for (unsigned i = 0; agent->found.entries_known && i < agent->found.n_entries; i++) {
        const struct sdm_found_entry *entry = &agent->found.entries[i];
        const struct sdm_found_dimm *dimm;
        struct sdm_wire_found_window *to;

        if (is_explained(agent, entry)) {
            continue;
        }
        dimm = find_dimm_on(&agent->found, entry->path);
        to = &report->windows[head->n_windows++];
        memcpy(to->window, dimm != NULL ? dimm->window : SDM_UUID_NIL, SDM_UUID_SIZE);
        to->entry = entry->entry;
        to->start_bytes = (uint64_t)entry->netport.start * SDM_NETPORT_PAGE_BYTES;
        to->have = dimm != NULL ? SDM_WINDOW_LEVEL_ATTACHED : SDM_WINDOW_LEVEL_MAPPED;
        to->has_error_code = false;
    }
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        const struct record *record = &agent->records[i];
        struct sdm_wire_found_window *to;

        if (record->used && record->under_way && !record->is_wanted && record->window != 0 &&
            head->n_windows < SIM_MAX_FOUND) {
            to = &report->windows[head->n_windows++];
            sim_uuid(record->window, to->window);
            to->entry = record->entry != SDM_NO_ENTRY ? record->entry : 0;
            to->start_bytes = 0;
            to->have = SDM_WINDOW_LEVEL_ABSENT;
            to->has_error_code = false;
        }
    }
}

static bool send_report(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];
    struct sim_broker *broker = &sim->broker;
    struct sim_report *report;

    if (broker->n_reports == SIM_MAX_REPORTS || agent->plan == NULL) {
        agent->report_is_due &= agent->plan != NULL;
        return false;
    }
    agent->report_is_due = false;
    if (sim_faulty(sim, 3)) {
        /* Lost; the next one says the same and more. */
        sim->counts->faults++;
        return true;
    }
    /* Places behind 'n_reports' in the order are the free ones. */
    report = &broker->reports[broker->order[broker->n_reports++]];
    report->compute_no = compute_no;
    report->head.has_made_us = true;
    report->head.made_us = sim->step;
    report->head.epoch = agent->epoch;
    report->head.generation =
        agent->found.entries_known || sim_sabotaged(sim, SIM_SABOTAGE_UNKNOWN_GONE)
            ? agent->generation
            : 0;
    report->head.converged = agent->plan->converged;
    report->head.windows = report->windows;
    report->head.n_windows = 0;
    report_found(agent, report);
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        bool there = i < agent->found.n_vms;

        report->vms[i] = there ? sim_serial(agent->found.vms[i].vm) : 0;
        report->n_slots_used[i] = there ? (int)agent->found.vms[i].n_slots_used : 0;
    }
    sim_trace(sim, "report-sent", compute_no, (int64_t)agent->generation,
              (int64_t)report->head.n_windows);
    return true;
}

static bool ask(struct sim *sim, int32_t compute_no)
{
    struct sim_controller *controller =
        &sim->controllers[sim_below(&sim->random, SIM_MAX_CONTROLLERS)];

    if (sim->agents[compute_no]->may_act || !controller->alive) {
        return false;
    }
    sim_post(sim, controller, SDM_WORK_AGENT, (uint32_t)compute_no);
    return true;
}

/* A window that rests is compared again when its rest is over. */
static bool rest_is_over(const struct sim *sim, const struct sim_agent *agent)
{
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        const struct record *record = &agent->records[i];

        if (record->used && !record->under_way && record->rest_until != 0 &&
            record->rest_until <= sim->step) {
            return true;
        }
    }
    return false;
}

static void end_rests(const struct sim *sim, struct sim_agent *agent)
{
    for (unsigned i = 0; i < MAX_RECORDS; i++) {
        if (agent->records[i].rest_until <= sim->step) {
            agent->records[i].rest_until = 0;
        }
    }
}

bool sim_agent_step(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];
    unsigned start = sim_below(&sim->random, 4);

    for (unsigned i = 0; i < 4; i++) {
        switch ((start + i) % 4) {
        case 0:
            if (run_some_job(sim, compute_no)) {
                return true;
            }
            break;
        case 1:
            if (agent->compare_is_due || rest_is_over(sim, agent)) {
                end_rests(sim, agent);
                compare(sim, compute_no);
                return true;
            }
            break;
        case 2:
            if (agent->report_is_due && send_report(sim, compute_no)) {
                return true;
            }
            break;
        default:
            if (ask(sim, compute_no)) {
                return true;
            }
        }
    }
    return false;
}

bool sim_agent_is_idle(const struct sim *sim, int32_t compute_no)
{
    const struct sim_agent *agent = sim->agents[compute_no];

    return agent->may_act && agent->n_jobs == 0 && !agent->compare_is_due &&
           !agent->report_is_due && agent->plan != NULL && agent->plan->converged &&
           !sim->broker.has_want[compute_no];
}

/* --- Wanted state; after session/want.c. */

static void read_window(const struct sdm_wire_wanted_window *from, struct sdm_want_window *to)
{
    struct sdm_netport_window netport = {.port = (unsigned)from->port,
                                         .module = (uint32_t)from->module,
                                         .start_bytes = from->start_bytes,
                                         .end_bytes = from->start_bytes + from->size_bytes,
                                         .brick_bytes = from->brick_offset_bytes};

    memset(to, 0, sizeof *to);
    memcpy(to->window, from->window, sizeof to->window);
    memcpy(to->vm, from->vm, sizeof to->vm);
    to->entry = (unsigned)from->entry;
    to->mode = from->mode;
    to->level = from->want;
    to->shared = from->shared;
    to->distance = (unsigned)from->distance;
    sdm_netport_entry_make(&netport, &to->netport, NULL);
}

bool sim_agent_take_want(struct sim *sim, int32_t compute_no)
{
    struct sim_agent *agent = sim->agents[compute_no];
    const struct sim_want *message = &sim->broker.wants[compute_no];
    const struct sdm_want_seen seen = {agent->epoch, agent->generation};
    enum sdm_want_verdict verdict;

    if (!sim->broker.has_want[compute_no]) {
        return false;
    }
    /* Delivered again when its acknowledgement is lost, unless a newer one has come. */
    sim->broker.has_want[compute_no] = sim_faulty(sim, 6);
    sim->counts->product_steps++;
    verdict = sdm_want_judge(&seen, (uint64_t)message->epoch, (uint64_t)message->generation);
    if (verdict == SDM_WANT_FENCED && sim_sabotaged(sim, SIM_SABOTAGE_NO_EPOCH_AGENT)) {
        verdict = SDM_WANT_OBEYED;
    }
    sim_trace(sim, verdict == SDM_WANT_OBEYED ? "want-obeyed" : "want-refused", compute_no,
              message->epoch, message->generation);
    if (verdict != SDM_WANT_OBEYED) {
        agent->epoch = MAX(agent->epoch, (uint64_t)message->epoch);
        agent->report_is_due = true;
        return true;
    }
    if ((uint64_t)message->epoch < agent->epoch) {
        sim_violate(sim, "I7", "the agent of brick %d had seen epoch %d and obeyed epoch %d",
                    compute_no, (int)agent->epoch, (int)message->epoch);
    }
    agent->epoch = MAX(agent->epoch, (uint64_t)message->epoch);
    agent->n_kept = message->n_windows;
    agent->kept_generation = (uint64_t)message->generation;
    for (unsigned i = 0; i < message->n_windows; i++) {
        read_window(&message->windows[i], &agent->kept[i]);
    }
    adopt(agent, agent->kept_generation, agent->kept, agent->n_kept);
    agent->may_act = true;
    compare(sim, compute_no);
    return true;
}
