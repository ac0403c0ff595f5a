/* The model of the database: rows as plain structs, one process at a time in a transaction.
 *
 * A row's serial is never used again; its low bits are its slot, so that finding it costs nothing.
 * A slot with serial 0 is free. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "sdm-controller/model/circuit.h"
#include "wire/words.h"

enum {
    SIM_MAX_COMPUTE = 3,
    SIM_MAX_DEVICES = 16, /* device numbers are below */
    SIM_MAX_UNITS = 16,   /* of a memory brick */
    SIM_MAX_RESERVATIONS = 16,
    SIM_MAX_SEGMENTS = 32,
    SIM_MAX_ATTACHMENTS = 16,
    SIM_MAX_WINDOWS = 32,
    SIM_MAX_CIRCUITS = 16,
    SIM_MAX_VMS = 2, /* of a compute brick */
    SIM_MAX_KEYS = 64,
    SIM_SLOT_BITS = 5,
};

#define SIM_UNIT_BYTES (UINT64_C(1) << 27)

struct sim_reservation {
    uint32_t serial;
    enum sdm_reservation_state state;
    enum sdm_mode mode;
    enum sdm_policy policy;
    enum sdm_latency_class latency_class;
    int32_t compute_no;
    int64_t size_bytes;
    int64_t requested_bytes;
    int32_t bandwidth_mbps;
    int32_t accelerator_no;
    bool group;
};

struct sim_segment {
    uint32_t serial;
    uint32_t reservation;
    int32_t brick_no;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    enum sdm_latency_class latency_class;
    enum sdm_segment_state state;
    bool want_free;
    uint64_t sequence;
    uint32_t circuits; /* set of slots: the routes */
};

struct sim_attachment {
    uint32_t serial;
    uint32_t reservation;
    int32_t compute_no;
    uint32_t vm; /* 0 unless a guest has it */
    enum sdm_window_level want;
    enum sdm_window_level have;
    bool failed;
};

struct sim_window {
    uint32_t serial;
    uint32_t attachment;
    uint32_t segment;
    uint32_t circuit;
    int32_t compute_no;
    int32_t entry;
    uint64_t start_bytes;
    uint64_t size_bytes;
    enum sdm_window_level want;
    enum sdm_window_level have;
    bool offered;
    bool settled;
    int64_t generation;
};

struct sim_circuit {
    uint32_t serial;
    bool want_up;
    bool have_up;
    bool cutting;
    struct sdm_path path;
};

struct sim_guest_row {
    uint32_t vm; /* 0 for none */
    bool present;
    int n_slots;
    int n_slots_used;
};

struct sim_database {
    int64_t epoch;
    uint32_t counter;
    uint64_t sequence;
    struct sim_reservation reservations[SIM_MAX_RESERVATIONS];
    struct sim_segment segments[SIM_MAX_SEGMENTS];
    struct sim_attachment attachments[SIM_MAX_ATTACHMENTS];
    struct sim_window windows[SIM_MAX_WINDOWS];
    struct sim_circuit circuits[SIM_MAX_CIRCUITS];
    struct sim_guest_row guests[SIM_MAX_COMPUTE + 1][SIM_MAX_VMS];
    int64_t want_generation[SIM_MAX_COMPUTE + 1];
    int64_t have_generation[SIM_MAX_COMPUTE + 1];
    int64_t reported_us[SIM_MAX_COMPUTE + 1]; /* when the last report was made */
    /* Stored replies: the key of a request in its slot, and the reservation of the answer. */
    uint32_t keys[SIM_MAX_KEYS];
    uint32_t answers[SIM_MAX_KEYS];
};

static inline unsigned sim_slot(uint32_t serial)
{
    return serial & ((1U << SIM_SLOT_BITS) - 1);
}

/* The row of a serial, or NULL when it is gone. */
#define SIM_ROW(table, wanted)                                                                     \
    ((wanted) != 0 && (table)[sim_slot(wanted)].serial == (wanted) ? &(table)[sim_slot(wanted)]    \
                                                                   : NULL)

/* Takes a free slot of a table; its serial, or 0 when the table is full.  The row is zeroed. */
#define SIM_INSERT(database, table)                                                                \
    sim_insert((database), (table), sizeof *(table), sizeof(table) / sizeof *(table))
uint32_t sim_insert(struct sim_database *database, void *table, size_t row_size, size_t n);
/* How many slots are free. */
#define SIM_ROOM(table) sim_room((table), sizeof *(table), sizeof(table) / sizeof *(table))
unsigned sim_room(const void *table, size_t row_size, size_t n);

/* The circuit of a pair, or NULL. */
struct sim_circuit *sim_find_circuit(struct sim_database *database, int32_t compute_no,
                                     int32_t brick_no);
/* A slot of the circuit carries a segment. */
bool sim_circuit_has_routes(const struct sim_database *database, unsigned slot);

/* "00000000-0000-0000-0000-0000000012ab" and back (0 for a text that is none of ours). */
void sim_uuid(uint32_t serial, char uuid[SDM_UUID_SIZE]);
uint32_t sim_serial(const char *uuid);
