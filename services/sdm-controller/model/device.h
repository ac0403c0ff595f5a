/* Racks, trays, bricks and switches as plain values.
 *
 * Pure: no I/O, no clock, no globals.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "wire/words.h"

/* The longest management endpoint and accelerator kind, with the terminating zero. */
#define SDM_ENDPOINT_SIZE         256
#define SDM_ACCELERATOR_KIND_SIZE 33

/* Devices are numbered by the database, densely from 1; 0 names none.  Higher numbers than this are
 * refused, because arrays are indexed by them. */
#define SDM_DEVICE_NO_MAX 16777215

/* Bricks first; equal to sdm.device_kind. */
enum sdm_device_kind {
    SDM_DEVICE_KIND_COMPUTE,
    SDM_DEVICE_KIND_MEMORY,
    SDM_DEVICE_KIND_ACCELERATOR,
    SDM_DEVICE_KIND_ELECTRICAL,
    SDM_DEVICE_KIND_OPTICAL,
};
#define SDM_N_DEVICE_KIND 5

/* "compute"; the word of the database and of messages. */
const char *sdm_device_kind_name(enum sdm_device_kind kind);
/* Looks a word up; false and '*kind' untouched when it is none. */
bool sdm_device_kind_from_name(const char *name, enum sdm_device_kind *kind);

static inline bool sdm_device_kind_is_switch(enum sdm_device_kind kind)
{
    return kind >= SDM_DEVICE_KIND_ELECTRICAL;
}

struct sdm_rack {
    int32_t rack_no;
    char id[SDM_ID_SIZE];
    char management[SDM_ENDPOINT_SIZE];
};

struct sdm_tray {
    int32_t tray_no;
    int32_t rack_no;
    char id[SDM_ID_SIZE];
};

/* A brick or a switch.  What its kind does not have is 0 or "". */
struct sdm_device {
    int32_t device_no;
    enum sdm_device_kind kind;
    /* Bricks: both.  Switches: the tray or rack served, none when between racks; 'rack_no' may be
     * left 0 where 'tray_no' is given. */
    int32_t tray_no;
    int32_t rack_no;
    int32_t n_ports;
    /* Memory bricks. */
    uint32_t module;
    uint64_t capacity_bytes;
    /* Compute bricks. */
    uint64_t local_bytes;
    int32_t idle_mw;
    int32_t active_mw;
    int32_t wake_ms;
    enum sdm_brick_state state;
    enum sdm_power_state want_power;
    enum sdm_power_state have_power;
    char id[SDM_ID_SIZE];
    char accelerator_kind[SDM_ACCELERATOR_KIND_SIZE];
    char management[SDM_ENDPOINT_SIZE];
};

/* Distance of two bricks; tray and rack of both must be set. */
enum sdm_latency_class sdm_device_distance(const struct sdm_device *a, const struct sdm_device *b);
