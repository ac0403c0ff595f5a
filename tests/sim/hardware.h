/* The model of the rack: switches, remote memory controllers, memory bricks, hosts and guests.
 *
 * It refuses what hardware refuses and counts nothing: whether something must not have happened is
 * for check.h to say, which reads all of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/netport/netport.h"
#include "sdm-controller/model/circuit.h"
#include "sim/database.h"

enum {
    SIM_MAX_PORTS = 24,
    SIM_MAX_ENTRIES = SIM_MAX_WINDOWS + 8, /* the ledger gives the lowest first */
    SIM_MAX_BLOCKS = 96,                   /* addresses up to here, in units */
    SIM_MAX_DIMMS = 8,
    SIM_PATH_SIZE = 32,
};

struct sim_switch {
    int64_t epoch;
    /* Set of peers of a port: an uplink carries several cross-connections. */
    uint32_t peers[SIM_MAX_PORTS];
};

struct sim_dimm {
    uint32_t window; /* 0 for a free slot */
    int32_t brick_no;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    bool confirmed;
    bool asked; /* to be given up */
};

struct sim_guest {
    uint32_t vm;
    bool running;
    int n_slots;
    struct sim_dimm dimms[SIM_MAX_DIMMS];
};

struct sim_compute {
    uint64_t used; /* set of entries */
    struct sdm_netport_entry entries[SIM_MAX_ENTRIES];
    bool online[SIM_MAX_BLOCKS];
    struct sim_guest guests[SIM_MAX_VMS];
};

struct sim_memory {
    int64_t epoch;
    unsigned n_units;
    /* Whose bytes are in a unit: the reservation that used it last, 0 when it is zero. */
    uint32_t stamp[SIM_MAX_UNITS];
};

struct sim_hardware {
    struct sim_switch switches[SIM_MAX_DEVICES];
    struct sim_compute computes[SIM_MAX_COMPUTE + 1];
    struct sim_memory memories[SIM_MAX_DEVICES];
};

/* What a device answers. */
enum sim_answer { SIM_DONE, SIM_REFUSED, SIM_FENCED };

enum sim_answer sim_switch_connect(struct sim_switch *device, int64_t epoch,
                                   const struct sdm_hop *hop);
enum sim_answer sim_switch_cut(struct sim_switch *device, int64_t epoch, int in_port, int out_port);
bool sim_switch_connects(const struct sim_switch *device, int in_port, int out_port);

/* Zeroes units; a session of a lower epoch is refused. */
enum sim_answer sim_memory_scrub(struct sim_memory *memory, int64_t epoch, uint64_t offset_bytes,
                                 uint64_t size_bytes);

/* The very same entry again is done already; another at its place or its addresses is refused. */
enum sim_answer sim_rmc_map(struct sim_compute *compute, unsigned entry,
                            const struct sdm_netport_entry *netport);
void sim_rmc_unmap(struct sim_compute *compute, unsigned entry);

/* Modules are device numbers.  Where an entry leads. */
struct sim_bytes {
    int32_t brick_no;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};
struct sim_bytes sim_entry_bytes(const struct sdm_netport_entry *netport);
bool sim_bytes_overlap(const struct sim_bytes *a, const struct sim_bytes *b);
/* "/brick/offset", as the name of a segment's file, and back. */
void sim_bytes_path(const struct sim_bytes *bytes, char path[SIM_PATH_SIZE]);
void sim_bytes_read_path(const char *path, struct sim_bytes *bytes);
/* Which entries the brick's kernel or a guest uses. */
uint64_t sim_entries_in_use(const struct sim_compute *compute);
