#include "sim/client.h"

#include "sim/transaction.h"

static struct sim_request *free_place(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_MAX_REQUESTS; i++) {
        if (sim->broker.requests[i].key == 0) {
            return &sim->broker.requests[i];
        }
    }
    return NULL;
}

static bool same_slot(uint32_t a, uint32_t b)
{
    return a != 0 && a % SIM_MAX_KEYS == b % SIM_MAX_KEYS;
}

/* The last request of the slot is still in the queue, or with a worker. */
static bool key_is_busy(const struct sim *sim, uint32_t key)
{
    for (unsigned i = 0; i < SIM_MAX_REQUESTS; i++) {
        if (same_slot(sim->broker.requests[i].key, key)) {
            return true;
        }
    }
    for (unsigned i = 0; i < SIM_MAX_CONTROLLERS * SIM_MAX_JOBS; i++) {
        const struct sim_job *job = &sim->controllers[i / SIM_MAX_JOBS].jobs[i % SIM_MAX_JOBS];

        if (job->state == SIM_JOB_WRITE && same_slot(job->request.key, key)) {
            return true;
        }
    }
    return false;
}

/* Keys are counted; their slots are used again, as replies are forgotten after a day. */
static uint32_t next_key(struct sim *sim)
{
    uint32_t key = ++sim->client.next_key;

    while (key_is_busy(sim, key)) {
        key = ++sim->client.next_key;
    }
    sim->client.n_done[key % SIM_MAX_KEYS] = 0;
    return key;
}

/* A live reservation of a state that makes sense for the request, mostly. */
static uint32_t pick_reservation(struct sim *sim, enum sim_request_kind kind)
{
    unsigned start = sim_below(&sim->random, SIM_MAX_RESERVATIONS);
    uint32_t any = 0;

    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row =
            &sim->database.reservations[(start + i) % SIM_MAX_RESERVATIONS];

        if (row->serial == 0) {
            continue;
        }
        any = row->serial;
        if ((kind == SIM_ATTACH && row->state == SDM_RESERVATION_STATE_HELD) ||
            (kind == SIM_DETACH && row->state == SDM_RESERVATION_STATE_ATTACHED) ||
            (kind == SIM_LEAVE && row->group) || kind == SIM_RESIZE || kind == SIM_RELEASE ||
            kind == SIM_EXPIRE) {
            return row->serial;
        }
    }
    return any;
}

static void pick_target(struct sim *sim, struct sim_request *request)
{
    const struct sim_reservation *row = SIM_ROW(sim->database.reservations, request->reservation);

    if (row != NULL && request->kind == SIM_ATTACH && row->mode == SDM_MODE_VM) {
        request->compute_no = row->compute_no;
        request->vm =
            sim->database.guests[row->compute_no][sim_below(&sim->random, SIM_MAX_VMS)].vm;
    }
}

static enum sim_request_kind pick_kind(struct sim *sim)
{
    static const enum sim_request_kind kinds[] = {
        SIM_RESERVE, SIM_RESERVE, SIM_RESERVE, SIM_RESERVE, SIM_ATTACH, SIM_ATTACH,     SIM_ATTACH,
        SIM_ATTACH,  SIM_ATTACH,  SIM_DETACH,  SIM_DETACH,  SIM_RESIZE, SIM_RESIZE,     SIM_RELEASE,
        SIM_RELEASE, SIM_JOIN,    SIM_JOIN,    SIM_LEAVE,   SIM_EXPIRE, SIM_ACCELERATE,
    };

    return kinds[sim_below(&sim->random, sizeof kinds / sizeof *kinds)];
}

bool sim_client_ask(struct sim *sim)
{
    struct sim_request *request = free_place(sim);
    enum sim_request_kind kind = pick_kind(sim);

    if (request == NULL) {
        return false;
    }
    *request = (struct sim_request){
        .kind = kind,
        .key = next_key(sim),
        .compute_no = (int32_t)(1 + sim_below(&sim->random, (unsigned)sim->n_compute)),
        .units = 1 + sim_below(&sim->random, 4),
        .mode = (enum sdm_mode)sim_below(&sim->random, SDM_N_MODE),
        .policy = (enum sdm_policy)sim_below(&sim->random, SDM_N_POLICY),
        .latency_class = (enum sdm_latency_class)sim_below(&sim->random, SDM_N_LATENCY_CLASS),
        .contiguous = sim_once_in(&sim->random, 4),
        .bandwidth_mbps = sim_once_in(&sim->random, 4) ? 20000 : 0,
    };
    if (kind != SIM_RESERVE && kind != SIM_JOIN && kind != SIM_ACCELERATE) {
        request->reservation = pick_reservation(sim, kind);
        pick_target(sim, request);
    }
    sim_trace(sim, "ask", (int64_t)kind, request->reservation, request->units);
    return true;
}

bool sim_client_release_all(struct sim *sim)
{
    bool any = false;

    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        const struct sim_reservation *row = &sim->database.reservations[i];
        struct sim_request *request = free_place(sim);

        if (row->serial == 0) {
            continue;
        }
        any = true;
        if (row->state < SDM_RESERVATION_STATE_RELEASING && request != NULL) {
            *request = (struct sim_request){
                .kind = SIM_RELEASE, .key = next_key(sim), .reservation = row->serial};
        }
    }
    return any;
}

void sim_client_done(struct sim *sim, uint32_t key)
{
    if (++sim->client.n_done[key % SIM_MAX_KEYS] > 1) {
        sim_violate(sim, "I3", "request %u was carried out twice", key);
    }
}

void sim_client_holds(struct sim *sim, uint32_t reservation, int64_t bytes)
{
    unsigned slot = sim_slot(reservation);

    sim->client.reservation[slot] = reservation;
    sim->client.least_bytes[slot] = bytes;
}

void sim_client_gives_back(struct sim *sim, uint32_t reservation, int64_t bytes)
{
    unsigned slot = sim_slot(reservation);

    if (sim->client.reservation[slot] == reservation && bytes < sim->client.least_bytes[slot]) {
        sim->client.least_bytes[slot] = bytes;
    }
}

void sim_client_refused(struct sim *sim, uint32_t reservation, int64_t bytes)
{
    sim_client_gives_back(sim, reservation, bytes);
}

void sim_client_check(struct sim *sim)
{
    for (unsigned i = 0; i < SIM_MAX_RESERVATIONS; i++) {
        uint32_t serial = sim->client.reservation[i];

        if (serial == 0 || sim->client.least_bytes[i] == 0) {
            continue;
        }
        if (SIM_ROW(sim->database.reservations, serial) == NULL ||
            sim_held_bytes(sim, serial) < sim->client.least_bytes[i]) {
            sim_violate(sim, "I2", "reservation %u holds less than was confirmed", serial);
            return;
        }
    }
}
