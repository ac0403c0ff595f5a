/* A deterministic simulation of the pure core in virtual time.
 *
 * One seed makes an episode: a small random rack, a few thousand steps under faults, a time without
 * faults in which everything must converge, and the release of everything, after which nothing may
 * be left.  A step is one decision of the scheduler: a message, an answer or a timer is delivered
 * to one process, which decides by the product's own pure code (planner and ledger, model/progress,
 * compile, reconcile).  What the product does between these through SQL and sockets stands here
 * again, as thin as it can be; the comments name the files it follows.
 *
 * Thread rule: one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "sim/database.h"
#include "sim/hardware.h"
#include "sim/random.h"
#include "wire/s7.h"

struct sdm_ledger;
struct sdm_planner;
struct sdm_plan;
struct sdm_crossings;
struct sdm_topology;
struct sim_agent;

enum {
    SIM_MAX_CONTROLLERS = 2,
    SIM_MAX_PIECES = 64,
    SIM_MAX_JOBS = 4,
    SIM_MAX_EFFECTS = 64,
    SIM_MAX_REQUESTS = 12,
    SIM_MAX_REPORTS = 12,
    SIM_MAX_FOUND = SIM_MAX_WINDOWS + SIM_MAX_ENTRIES,
    SIM_TRACE_LINES = 32,
};

/* --- What can be broken on purpose (sabotage.c). */
enum sim_sabotage {
    SIM_SABOTAGE_NONE,
    SIM_SABOTAGE_NO_EPOCH_DATABASE,
    SIM_SABOTAGE_NO_EPOCH_AGENT,
    SIM_SABOTAGE_NO_EPOCH_DEVICE,
    SIM_SABOTAGE_NO_SCRUB,
    SIM_SABOTAGE_FREED_EARLY,
    SIM_SABOTAGE_OLD_REPORT,
    SIM_SABOTAGE_LATE_REPORT,
    SIM_SABOTAGE_UNKNOWN_GONE,
    SIM_SABOTAGE_BLOCKS_UNSEEN,
    SIM_SABOTAGE_NO_OFFER,
    SIM_SABOTAGE_KEY_IGNORED,
    SIM_SABOTAGE_CUT_AT_ONCE,
    SIM_SABOTAGE_REMAINS,
    SIM_SABOTAGE_BANDWIDTH,
    SIM_SABOTAGE_CLAIM_LOST,
    SIM_SABOTAGE_UNMAP_AT_ONCE,
    SIM_SABOTAGE_NO_RECHECK,
    SIM_N_SABOTAGE,
};
/* "no-scrub"; and back (NONE for a name that is none). */
const char *sim_sabotage_name(enum sim_sabotage sabotage);
enum sim_sabotage sim_sabotage_find(const char *name);

/* --- Requests of clients. */
enum sim_request_kind {
    SIM_RESERVE,
    SIM_ATTACH,
    SIM_DETACH,
    SIM_RESIZE,
    SIM_RELEASE,
    SIM_JOIN,
    SIM_LEAVE,
    SIM_ACCELERATE,
    SIM_EXPIRE, /* the keeper's, not a client's */
    SIM_N_REQUESTS,
};

struct sim_request {
    enum sim_request_kind kind;
    uint32_t key; /* 0 for an empty place in the queue */
    uint32_t reservation;
    int32_t compute_no;
    uint32_t vm;
    unsigned units;
    enum sdm_mode mode;
    enum sdm_policy policy;
    enum sdm_latency_class latency_class;
    bool contiguous;
    int32_t bandwidth_mbps;
};

/* --- Controllers. */
enum sim_piece_state { SIM_PIECE_FREE, SIM_PIECE_WAITING, SIM_PIECE_RUNNING, SIM_PIECE_LATER };

/* Work, as model/work.h has it, and its way through the synthesizer. */
struct sim_piece {
    enum sim_piece_state state;
    int kind;    /* enum sdm_work_kind */
    uint32_t id; /* serial or device number */
    bool again;
};

/* Where a piece of work stands between two of its steps. */
enum sim_job_state {
    SIM_JOB_FREE,
    SIM_JOB_BEGIN,
    SIM_JOB_CONNECT,
    SIM_JOB_UNDO,
    SIM_JOB_MARK_UP,
    SIM_JOB_TELL_REFUSED,
    SIM_JOB_CUT,
    SIM_JOB_MARK_CUT,
    SIM_JOB_LOAD_ROWS,
    SIM_JOB_SEND,
    SIM_JOB_SCRUB,
    SIM_JOB_MARK_FREE,
    SIM_JOB_WRITE, /* a reservation that is planned and claimed */
};

struct sim_want {
    int32_t compute_no;
    int64_t epoch;
    int64_t generation;
    unsigned n_windows;
    struct sdm_wire_wanted_window windows[SIM_MAX_WINDOWS];
};

struct sim_job {
    enum sim_job_state state;
    int piece; /* -1 for a request */
    int hop;
    bool refused;
    struct sim_circuit circuit;
    struct sim_segment segment;
    struct sim_request request;
    struct sdm_plan *plan;
    struct sim_want want;
};

struct sim_controller {
    bool alive;
    uint64_t paused_until; /* a step; as by SIGSTOP */
    int64_t epoch;
    struct sdm_ledger *ledger;
    struct sdm_crossings *crossings;
    struct sim_piece pieces[SIM_MAX_PIECES];
    struct sim_job jobs[SIM_MAX_JOBS];
};

/* --- The broker. */
struct sim_report {
    int32_t compute_no; /* 0 for an empty place */
    struct sdm_s7_report head;
    uint32_t vms[SIM_MAX_VMS];
    int n_slots_used[SIM_MAX_VMS];
    struct sdm_wire_found_window windows[SIM_MAX_FOUND];
};

struct sim_broker {
    struct sim_request requests[SIM_MAX_REQUESTS];
    /* One message a compute brick; a newer one takes its place. */
    bool has_want[SIM_MAX_COMPUTE + 1];
    struct sim_want wants[SIM_MAX_COMPUTE + 1];
    struct sim_report reports[SIM_MAX_REPORTS];
    /* Oldest first; places in 'reports'. */
    unsigned order[SIM_MAX_REPORTS];
    unsigned n_reports;
};

/* --- What clients were told, for I2 and I3. */
struct sim_client {
    /* By slot of a reservation: the serial, what it was told it holds, and whether anything has
     * been asked since that gives it back. */
    uint32_t reservation[SIM_MAX_RESERVATIONS];
    int64_t least_bytes[SIM_MAX_RESERVATIONS];
    uint32_t next_key;
    uint8_t n_done[SIM_MAX_KEYS];
};

struct sim_options {
    uint64_t seed;
    /* Average number of steps between two faults; 0 for none. */
    unsigned fault_distance;
    unsigned steps;
    enum sim_sabotage sabotage;
    bool trace;
    unsigned n_compute; /* 0 for a random one */
    unsigned n_memory;
};

struct sim_trace_line {
    uint64_t step;
    const char *what;
    int64_t a, b, c;
};

struct sim_counts {
    uint64_t steps;
    uint64_t product_steps;
    uint64_t episodes;
    uint64_t faults;
    uint64_t crashes;
    uint64_t failovers;
    uint64_t requests;
    uint64_t refusals;
    uint64_t reports;
    uint64_t agent_steps;
    uint64_t longest_drain;
    /* [state][event]: what moved a reservation, see coverage.h. */
    uint64_t moves[SDM_N_RESERVATION_STATE][16];
};

struct sim {
    struct sim_options options;
    uint64_t random;
    uint64_t step; /* of the episode */
    bool quiet;    /* no faults any more */
    bool draining; /* and no requests */
    struct sim_database database;
    struct sim_database backup;
    struct sim_hardware hardware;
    struct sim_broker broker;
    struct sim_client client;
    struct sim_controller controllers[SIM_MAX_CONTROLLERS];
    struct sim_agent *agents[SIM_MAX_COMPUTE + 1];
    struct sdm_topology *topology;
    struct sdm_planner *planner;
    struct sdm_arena *arena;
    int32_t n_compute;
    int32_t n_memory; /* numbers n_compute + 1 and on */
    int32_t accelerator_no;
    int32_t n_devices;
    uint32_t next_vm;

    const char *violation;
    char violation_text[256];
    uint64_t n_traced;
    struct sim_trace_line trace[SIM_TRACE_LINES];
    struct sim_counts *counts;
};

/* --- world.c */
struct sim *sim_new(struct sim_counts *counts);
void sim_free(struct sim *sim);
/* Runs an episode; false when an invariant was violated ('violation' says which). */
bool sim_run(struct sim *sim, const struct sim_options *options);

/* --- trace.c */
void sim_trace(struct sim *sim, const char *what, int64_t a, int64_t b, int64_t c);
void sim_trace_print(const struct sim *sim);
/* Ends the episode; the first one counts. */
void sim_violate(struct sim *sim, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A fault happens now, by the episode's density. */
static inline bool sim_faulty(struct sim *sim, unsigned weight)
{
    return !sim->quiet && sim->options.fault_distance > 0 &&
           sim_below(&sim->random, sim->options.fault_distance) < weight;
}

/* It exists and is not stopped. */
static inline bool sim_controller_runs(const struct sim *sim,
                                       const struct sim_controller *controller)
{
    return controller->alive && (controller->paused_until <= sim->step || sim->quiet);
}

static inline bool sim_sabotaged(const struct sim *sim, enum sim_sabotage sabotage)
{
    return sim->options.sabotage == sabotage;
}
