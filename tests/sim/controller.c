#include "sim/controller.h"

#include <string.h>

#include "sdm-controller/compile/crossings.h"
#include "sdm-controller/graph/ledger.h"
#include "sim/transaction.h"

static void forget_job(struct sim_job *job)
{
    sdm_plan_free(job->plan);
    job->plan = NULL;
    job->state = SIM_JOB_FREE;
}

void sim_controller_die(struct sim *sim, struct sim_controller *controller)
{
    if (!controller->alive) {
        return;
    }
    sim->counts->crashes++;
    controller->alive = false;
    for (unsigned i = 0; i < SIM_MAX_JOBS; i++) {
        forget_job(&controller->jobs[i]);
    }
    memset(controller->pieces, 0, sizeof controller->pieces);
    sdm_ledger_free(controller->ledger);
    sdm_crossings_free(controller->crossings);
    controller->ledger = NULL;
    controller->crossings = NULL;
}

static int32_t count_users(const struct sim_database *database, unsigned slot)
{
    const struct sdm_path *path = &database->circuits[slot].path;
    int32_t n_users = 0;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        n_users +=
            database->segments[i].serial != 0 && (database->segments[i].circuits >> slot & 1) != 0;
    }
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &database->reservations[i];

        n_users += row->serial != 0 && row->accelerator_no == path->brick_no &&
                   row->compute_no == path->compute_no &&
                   row->state < SDM_RESERVATION_STATE_RELEASING;
    }
    return n_users;
}

static bool load_held(const struct sim_database *database, struct sdm_ledger *ledger)
{
    bool ok = true;

    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        const struct sim_segment *row = &database->segments[i];

        ok &= row->serial == 0 ||
              sdm_ledger_add_segment(
                  ledger, &(struct sdm_extent){row->brick_no, row->offset_bytes, row->size_bytes},
                  NULL);
    }
    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        struct sdm_path path = database->circuits[i].path;

        path.n_users = count_users(database, i);
        ok &= database->circuits[i].serial == 0 || sdm_ledger_add_circuit(ledger, &path, NULL);
    }
    for (unsigned i = 0; i < SIM_MAX_WINDOWS; i++) {
        const struct sim_window *row = &database->windows[i];

        ok &= row->serial == 0 ||
              sdm_ledger_add_window(ledger,
                                    &(struct sdm_window){row->compute_no, row->entry,
                                                         row->start_bytes, row->size_bytes},
                                    NULL);
    }
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &database->reservations[i];

        ok &= row->serial == 0 || row->accelerator_no == 0 ||
              sdm_ledger_add_holder(ledger, row->accelerator_no, row->compute_no, NULL);
    }
    return ok;
}

static void note_crossings(const struct sim_circuit *row, struct sdm_crossings *crossings)
{
    char uuid[SDM_UUID_SIZE];

    if (row->serial == 0 || !row->have_up) {
        return;
    }
    sim_uuid(row->serial, uuid);
    for (int32_t i = 0; i < row->path.n_hops; i++) {
        const struct sdm_hop *hop = &row->path.hops[i];

        sdm_crossings_add(crossings,
                          (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port}, uuid);
    }
}

void sim_controller_lead(struct sim *sim, struct sim_controller *controller)
{
    bool loaded;

    controller->alive = true;
    controller->paused_until = 0;
    controller->epoch = ++sim->database.epoch;
    controller->ledger = sdm_ledger_new(sim->topology);
    controller->crossings = sdm_crossings_new();
    sdm_ledger_lock(controller->ledger);
    loaded = load_held(&sim->database, controller->ledger);
    sdm_ledger_unlock(controller->ledger);
    sim_trace(sim, "lead", controller->epoch, loaded, 0);
    if (!loaded) {
        sim_violate(sim, "I1", "the ledger refuses what the database holds");
    }
    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        note_crossings(&sim->database.circuits[i], controller->crossings);
    }
    for (int32_t i = 1; i <= sim->n_devices; i++) {
        if (sdm_device_kind_is_switch(sdm_topology_device(sim->topology, i)->kind)) {
            sim_post(sim, controller, SDM_WORK_AUDIT, (uint32_t)i);
        }
    }
    sim_controller_recheck(sim, controller);
}

void sim_controller_recheck(struct sim *sim, struct sim_controller *controller)
{
    const struct sim_database *database = &sim->database;

    for (unsigned i = 0; i < SIM_MAX_CIRCUITS; i++) {
        const struct sim_circuit *row = &database->circuits[i];

        if (row->serial != 0 && (row->want_up != row->have_up || row->cutting ||
                                 (!row->want_up && !sim_circuit_has_routes(database, i)))) {
            sim_post(sim, controller, SDM_WORK_CIRCUIT, row->serial);
        }
    }
    for (unsigned i = 0; i < SIM_MAX_SEGMENTS; i++) {
        if (database->segments[i].serial != 0 &&
            database->segments[i].state == SDM_SEGMENT_STATE_SCRUBBING) {
            sim_post(sim, controller, SDM_WORK_SCRUB, database->segments[i].serial);
        }
    }
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &database->reservations[i];

        if (row->serial != 0 && (row->state == SDM_RESERVATION_STATE_ATTACHING ||
                                 row->state == SDM_RESERVATION_STATE_DETACHING ||
                                 row->state == SDM_RESERVATION_STATE_RELEASING)) {
            sim_post(sim, controller, SDM_WORK_SETTLE, row->serial);
        }
    }
    for (int32_t i = 1; i <= sim->n_compute; i++) {
        if (database->want_generation[i] != database->have_generation[i]) {
            sim_post(sim, controller, SDM_WORK_AGENT, (uint32_t)i);
        }
    }
}

void sim_post(struct sim *sim, struct sim_controller *controller, int kind, uint32_t id)
{
    struct sim_piece *free_piece = NULL;

    for (unsigned i = 0; i < SIM_MAX_PIECES; i++) {
        struct sim_piece *piece = &controller->pieces[i];

        if (piece->state == SIM_PIECE_FREE) {
            free_piece = free_piece != NULL ? free_piece : piece;
        } else if (piece->kind == kind && piece->id == id) {
            /* One that waits will read what this post is about. */
            piece->again |= piece->state == SIM_PIECE_RUNNING;
            return;
        }
    }
    /* A full lane keeps the piece out; the recheck finds its object again. */
    if (free_piece != NULL) {
        *free_piece = (struct sim_piece){.state = SIM_PIECE_WAITING, .kind = kind, .id = id};
    }
    (void)sim;
}

void sim_end_piece(struct sim_controller *controller, struct sim_job *job, bool done)
{
    struct sim_piece *piece = &controller->pieces[job->piece];

    if (!done) {
        piece->again = false;
        piece->state = SIM_PIECE_LATER;
    } else if (piece->again) {
        piece->again = false;
        piece->state = SIM_PIECE_WAITING;
    } else {
        piece->state = SIM_PIECE_FREE;
    }
    job->state = SIM_JOB_FREE;
}

static struct sim_job *free_job(struct sim_controller *controller)
{
    for (unsigned i = 0; i < SIM_MAX_JOBS; i++) {
        if (controller->jobs[i].state == SIM_JOB_FREE) {
            return &controller->jobs[i];
        }
    }
    return NULL;
}

/* A worker takes the next piece; one that failed waits a while, which here is luck. */
static bool begin_piece(struct sim *sim, struct sim_controller *controller)
{
    struct sim_job *job = free_job(controller);
    unsigned start = sim_below(&sim->random, SIM_MAX_PIECES);

    if (job == NULL) {
        return false;
    }
    for (unsigned i = 0; i < SIM_MAX_PIECES; i++) {
        unsigned at = (start + i) % SIM_MAX_PIECES;
        struct sim_piece *piece = &controller->pieces[at];

        if (piece->state == SIM_PIECE_WAITING ||
            (piece->state == SIM_PIECE_LATER && sim_once_in(&sim->random, 4))) {
            piece->state = SIM_PIECE_RUNNING;
            job->state = SIM_JOB_BEGIN;
            job->piece = (int)at;
            sim_work_step(sim, controller, job);
            return true;
        }
    }
    return false;
}

bool sim_controller_step(struct sim *sim, struct sim_controller *controller)
{
    unsigned start = sim_below(&sim->random, SIM_MAX_JOBS + 1);

    for (unsigned i = 0; i < SIM_MAX_JOBS + 1; i++) {
        unsigned at = (start + i) % (SIM_MAX_JOBS + 1);
        struct sim_job *job;

        if (at == SIM_MAX_JOBS) {
            if (begin_piece(sim, controller)) {
                return true;
            }
            continue;
        }
        job = &controller->jobs[at];
        if (job->state == SIM_JOB_WRITE) {
            sim_request_write(sim, controller, job);
            return true;
        }
        if (job->state != SIM_JOB_FREE) {
            sim_work_step(sim, controller, job);
            return true;
        }
    }
    return false;
}

bool sim_controller_take_request(struct sim *sim, struct sim_controller *controller)
{
    unsigned start = sim_below(&sim->random, SIM_MAX_REQUESTS);

    for (unsigned i = 0; i < SIM_MAX_REQUESTS; i++) {
        struct sim_request *request = &sim->broker.requests[(start + i) % SIM_MAX_REQUESTS];

        if (request->key != 0) {
            struct sim_request copy = *request;

            /* Acknowledged after its commit; a fault before that has it delivered again. */
            if (!sim_faulty(sim, 4)) {
                request->key = 0;
            }
            sim_request_run(sim, controller, &copy);
            return true;
        }
    }
    return false;
}
