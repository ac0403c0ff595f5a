/* The rack, the scheduler and the course of an episode. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"
#include "sim/agent.h"
#include "sim/check.h"
#include "sim/client.h"
#include "sim/controller.h"

/* Without faults everything is at rest after this many steps. */
enum { LONGEST_DRAIN = 40000, CHECK_REST_EVERY = 32 };

struct sim *sim_new(struct sim_counts *counts)
{
    static const struct sdm_planner_params params = {
        .max_segment_bytes = 4 * SIM_UNIT_BYTES, .max_segments = 4, .max_spread = 3};
    struct sim *sim = g_new0(struct sim, 1);

    sim->counts = counts;
    sim->arena = sdm_arena_new();
    sim->planner = sdm_planner_new(&params);
    for (int i = 1; i <= SIM_MAX_COMPUTE; i++) {
        sim->agents[i] = sim_agent_new();
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    for (int i = 1; i <= SIM_MAX_COMPUTE; i++) {
        sim_agent_free(sim->agents[i]);
    }
    for (unsigned i = 0; i < SIM_MAX_CONTROLLERS; i++) {
        sim_controller_die(sim, &sim->controllers[i]);
    }
    sdm_topology_unref(sim->topology);
    sdm_planner_free(sim->planner);
    sdm_arena_free(sim->arena);
    g_free(sim);
}

/* --- The rack. */

struct rack {
    struct sdm_rack rack;
    struct sdm_tray trays[2];
    struct sdm_device devices[SIM_MAX_DEVICES];
    struct sdm_link links[64];
    int32_t next_port[SIM_MAX_DEVICES + 1];
    size_t n_devices;
    size_t n_links;
    int32_t n_trays;
};

static struct sdm_device *add_device(struct rack *rack, enum sdm_device_kind kind, int32_t tray_no)
{
    struct sdm_device *device = &rack->devices[rack->n_devices++];

    device->device_no = (int32_t)rack->n_devices;
    device->kind = kind;
    device->tray_no = tray_no;
    device->rack_no = 1;
    device->n_ports = SIM_MAX_PORTS;
    snprintf(device->id, sizeof device->id, "d%zu", rack->n_devices);
    return device;
}

static void add_link(struct rack *rack, int32_t a, int32_t b)
{
    struct sdm_link *link = &rack->links[rack->n_links++];

    link->link_no = (int32_t)rack->n_links;
    link->a = (struct sdm_port_ref){a, rack->next_port[a]++};
    link->b = (struct sdm_port_ref){b, rack->next_port[b]++};
    link->bandwidth_mbps = 100000;
}

static void add_bricks(struct sim *sim, struct rack *rack)
{
    for (int32_t i = 0; i < sim->n_compute; i++) {
        add_device(rack, SDM_DEVICE_KIND_COMPUTE,
                   1 + (int32_t)sim_below(&sim->random, (unsigned)rack->n_trays));
    }
    for (int32_t i = 0; i < sim->n_memory; i++) {
        struct sdm_device *device =
            add_device(rack, SDM_DEVICE_KIND_MEMORY,
                       1 + (int32_t)sim_below(&sim->random, (unsigned)rack->n_trays));

        device->module = (uint32_t)device->device_no;
        sim->hardware.memories[device->device_no].n_units = 2 + sim_below(&sim->random, 8);
        device->capacity_bytes = sim->hardware.memories[device->device_no].n_units * SIM_UNIT_BYTES;
    }
    sim->accelerator_no = 0;
    if (sim_once_in(&sim->random, 2)) {
        struct sdm_device *device = add_device(rack, SDM_DEVICE_KIND_ACCELERATOR, 1);

        snprintf(device->accelerator_kind, sizeof device->accelerator_kind, "gpu");
        sim->accelerator_no = device->device_no;
    }
}

/* Each tray has an electrical switch, two trays an optical one between them; some bricks have a
 * second port, some a cable of their own. */
static void add_fabric(struct sim *sim, struct rack *rack)
{
    size_t n_bricks = rack->n_devices;
    int32_t tray_switches[3];

    for (int32_t i = 1; i <= rack->n_trays; i++) {
        tray_switches[i] = add_device(rack, SDM_DEVICE_KIND_ELECTRICAL, i)->device_no;
    }
    for (size_t i = 0; i < n_bricks; i++) {
        unsigned n = 1 + sim_below(&sim->random, 2);

        while (n-- > 0) {
            add_link(rack, rack->devices[i].device_no, tray_switches[rack->devices[i].tray_no]);
        }
    }
    if (rack->n_trays == 2) {
        int32_t optical = add_device(rack, SDM_DEVICE_KIND_OPTICAL, 0)->device_no;

        for (int32_t i = 1; i <= 2; i++) {
            add_link(rack, tray_switches[i], optical);
            add_link(rack, tray_switches[i], optical);
        }
    }
    if (sim_once_in(&sim->random, 4)) {
        add_link(rack, 1, sim->n_compute + 1);
    }
    for (size_t i = 0; i < n_bricks; i++) {
        rack->devices[i].n_ports = rack->next_port[i + 1];
    }
}

static void make_rack(struct sim *sim)
{
    struct rack rack = {.rack = {.rack_no = 1, .id = "r"},
                        .trays = {{1, 1, "t1"}, {2, 1, "t2"}},
                        .n_trays = 1 + (int32_t)sim_below(&sim->random, 2)};
    g_autoptr(GError) error = NULL;
    struct sdm_topology_spec spec;

    sim->n_compute = sim->options.n_compute > 0
                         ? (int32_t)sim->options.n_compute
                         : 1 + (int32_t)sim_below(&sim->random, SIM_MAX_COMPUTE);
    sim->n_memory = sim->options.n_memory > 0 ? (int32_t)sim->options.n_memory
                                              : 1 + (int32_t)sim_below(&sim->random, 3);
    add_bricks(sim, &rack);
    add_fabric(sim, &rack);
    sim->n_devices = (int32_t)rack.n_devices;
    for (size_t i = 0; i < rack.n_devices; i++) {
        rack.devices[i].state = SDM_BRICK_STATE_ACTIVE;
        rack.devices[i].want_power = SDM_POWER_STATE_ON;
        rack.devices[i].have_power = SDM_POWER_STATE_ON;
    }
    spec = (struct sdm_topology_spec){.racks = &rack.rack,
                                      .n_racks = 1,
                                      .trays = rack.trays,
                                      .n_trays = (size_t)rack.n_trays,
                                      .devices = rack.devices,
                                      .n_devices = rack.n_devices,
                                      .links = rack.links,
                                      .n_links = rack.n_links,
                                      .segment_unit_bytes = SIM_UNIT_BYTES};
    sdm_topology_unref(sim->topology);
    sim->topology = sdm_topology_new(&spec, &error);
    if (sim->topology == NULL) {
        g_error("rack of seed %" G_GUINT64_FORMAT ": %s", sim->options.seed, error->message);
    }
}

/* --- Steps that are nobody's decision. */

static bool lead(struct sim *sim)
{
    struct sim_controller *controller = NULL;

    for (unsigned i = 0; i < SIM_MAX_CONTROLLERS; i++) {
        struct sim_controller *other = &sim->controllers[i];

        if (other->alive && other->epoch == sim->database.epoch) {
            return false;
        }
        controller = !other->alive ? other : controller;
    }
    if (controller == NULL) {
        controller = &sim->controllers[0];
        sim_controller_die(sim, controller);
    }
    sim_controller_lead(sim, controller);
    return true;
}

/* The standby takes over while the leader, which only seemed dead, goes on, at once or later. */
static bool fail_over(struct sim *sim)
{
    unsigned leader = sim->controllers[0].epoch == sim->database.epoch ? 0 : 1;
    struct sim_controller *standby = &sim->controllers[1 - leader];

    sim->controllers[leader].paused_until = sim->step + sim_below(&sim->random, 400);
    sim_controller_die(sim, standby);
    sim->counts->failovers++;
    sim_controller_lead(sim, standby);
    return true;
}

static bool move_guest(struct sim *sim, int32_t compute_no)
{
    struct sim_guest *guest =
        &sim->hardware.computes[compute_no].guests[sim_below(&sim->random, SIM_MAX_VMS)];

    if (guest->running && !sim->quiet && sim_once_in(&sim->random, 20)) {
        memset(guest, 0, sizeof *guest);
        sim_trace(sim, "guest-stops", compute_no, 0, 0);
    } else if (!guest->running && !sim->quiet) {
        *guest = (struct sim_guest){
            .vm = ++sim->next_vm << SIM_SLOT_BITS, .running = true, .n_slots = SIM_MAX_DIMMS / 2};
        sim_trace(sim, "guest-starts", compute_no, guest->vm, 0);
    } else {
        /* It gives up what it was asked for, and notices what it was given. */
        for (unsigned i = 0; i < SIM_MAX_DIMMS; i++) {
            struct sim_dimm *dimm = &guest->dimms[i];

            dimm->window = dimm->asked ? 0 : dimm->window;
            dimm->asked = false;
            dimm->confirmed |= dimm->window != 0;
        }
    }
    sim_agent_hear(sim, compute_no);
    return true;
}

static bool fault(struct sim *sim, int32_t compute_no)
{
    if (!sim_faulty(sim, 40)) {
        return false;
    }
    sim->counts->faults++;
    switch (sim_below(&sim->random, 5)) {
    case 0:
        sim_controller_die(sim, &sim->controllers[sim_below(&sim->random, SIM_MAX_CONTROLLERS)]);
        sim_trace(sim, "controller-dies", 0, 0, 0);
        return true;
    case 1:
        return fail_over(sim);
    case 2:
        sim_trace(sim, "agent-dies", compute_no, 0, 0);
        sim->counts->crashes++;
        sim_agent_start(sim, compute_no);
        return true;
    case 3:
        sim->broker.has_want[compute_no] = false;
        sim_trace(sim, "want-lost", compute_no, 0, 0);
        return true;
    default:
        sim_agent_look(sim, compute_no);
        return true;
    }
}

static bool happen(struct sim *sim, int32_t compute_no)
{
    struct sim_controller *controller =
        &sim->controllers[sim_below(&sim->random, SIM_MAX_CONTROLLERS)];

    switch (sim_below(&sim->random, 6)) {
    case 0:
        return lead(sim);
    case 1:
        return move_guest(sim, compute_no);
    case 2:
        if (sim_controller_runs(sim, controller) && !sim_sabotaged(sim, SIM_SABOTAGE_NO_RECHECK)) {
            sim_controller_recheck(sim, controller);
            return true;
        }
        return false;
    case 3:
        if (sim_once_in(&sim->random, 4)) {
            sim_agent_look(sim, compute_no);
            return true;
        }
        return false;
    default:
        return fault(sim, compute_no);
    }
}

/* --- The broker's deliveries. */

/* Reports of one brick come in order, unless a connection that held some unacknowledged is lost:
 * then they come again, or late. */
static bool deliver_report(struct sim *sim)
{
    struct sim_broker *broker = &sim->broker;
    struct sim_controller *controller =
        &sim->controllers[sim_below(&sim->random, SIM_MAX_CONTROLLERS)];
    unsigned at = 0;
    unsigned place;

    if (broker->n_reports == 0 || !sim_controller_runs(sim, controller)) {
        return false;
    }
    if (sim_faulty(sim, 4)) {
        at = sim_below(&sim->random, broker->n_reports);
    }
    place = broker->order[at];
    if (!sim_faulty(sim, 4)) {
        memmove(&broker->order[at], &broker->order[at + 1],
                (SIM_MAX_REPORTS - 1 - at) * sizeof *broker->order);
        broker->order[SIM_MAX_REPORTS - 1] = place;
        broker->n_reports--;
    }
    sim_trace(sim, "report", broker->reports[place].compute_no,
              (int64_t)broker->reports[place].head.generation, controller->epoch);
    sim_controller_take_report(sim, controller, &broker->reports[place]);
    return true;
}

static bool decide(struct sim *sim)
{
    int32_t compute_no = 1 + (int32_t)sim_below(&sim->random, (unsigned)sim->n_compute);
    struct sim_controller *controller =
        &sim->controllers[sim_below(&sim->random, SIM_MAX_CONTROLLERS)];

    switch (sim_below(&sim->random, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        return sim_controller_runs(sim, controller) && sim_controller_step(sim, controller);
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        return sim_agent_step(sim, compute_no);
    case 10:
        return sim_agent_take_want(sim, compute_no);
    case 11:
    case 12:
        return deliver_report(sim);
    case 13:
        return sim_controller_runs(sim, controller) && sim_controller_take_request(sim, controller);
    case 14:
        return !sim->draining && sim_client_ask(sim);
    default:
        return happen(sim, compute_no);
    }
}

/* One decision that comes to something. */
static void step(struct sim *sim)
{
    while (!decide(sim)) {
    }
    sim->step++;
    sim->counts->steps++;
    sim_check(sim);
}

/* --- The course of an episode. */

static void begin(struct sim *sim, const struct sim_options *options)
{
    sim->options = *options;
    sim->random = options->seed;
    sim->step = 0;
    sim->quiet = false;
    sim->draining = false;
    sim->violation = NULL;
    sim->n_traced = 0;
    sim->next_vm = 0;
    for (unsigned i = 0; i < SIM_MAX_CONTROLLERS; i++) {
        sim_controller_die(sim, &sim->controllers[i]);
        sim->controllers[i].epoch = 0;
    }
    memset(&sim->database, 0, sizeof sim->database);
    memset(&sim->hardware, 0, sizeof sim->hardware);
    memset(&sim->client, 0, sizeof sim->client);
    memset(sim->broker.requests, 0, sizeof sim->broker.requests);
    memset(sim->broker.has_want, 0, sizeof sim->broker.has_want);
    sim->broker.n_reports = 0;
    for (unsigned i = 0; i < SIM_MAX_REPORTS; i++) {
        sim->broker.order[i] = i;
    }
    make_rack(sim);
    for (int32_t i = 1; i <= sim->n_compute; i++) {
        sim_agent_reset(sim, i);
    }
    lead(sim);
}

/* Steps until everything is at rest. */
static void drain(struct sim *sim, const char *what)
{
    uint64_t start = sim->step;
    const char *why = "";

    while (sim->violation == NULL && why != NULL) {
        if (sim->step - start > LONGEST_DRAIN) {
            sim_violate(sim, "I4", "%s: %s is not as it is wanted after %d steps", what, why,
                        LONGEST_DRAIN);
            break;
        }
        step(sim);
        if ((sim->step - start) % CHECK_REST_EVERY == 0) {
            why = sim_unconverged(sim);
        }
    }
    sim->counts->longest_drain = MAX(sim->counts->longest_drain, sim->step - start);
}

bool sim_run(struct sim *sim, const struct sim_options *options)
{
    begin(sim, options);
    sim->counts->episodes++;
    while (sim->violation == NULL && sim->step < options->steps) {
        step(sim);
    }
    sim->quiet = true;
    sim->draining = true;
    drain(sim, "healing");
    while (sim->violation == NULL && sim_client_release_all(sim)) {
        drain(sim, "releasing");
    }
    if (sim->violation == NULL) {
        sim_check_empty(sim);
    }
    return sim->violation == NULL;
}
