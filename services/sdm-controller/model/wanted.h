/* What is wanted of devices, as the database says it and compile reads it.  Plain values; texts and
 * lists live in the reader's arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "wire/words.h"

/* A window of a compute brick, with the segment behind it. */
struct sdm_wanted_row {
    char window[SDM_UUID_SIZE];
    char segment[SDM_UUID_SIZE];
    int32_t entry;
    int32_t port;
    int32_t module;
    int64_t start_bytes;
    int64_t size_bytes;
    int64_t brick_offset_bytes;
    enum sdm_mode mode;
    bool shared;
    enum sdm_window_level want;
    const char *vm;
    enum sdm_latency_class latency_class;
};

/* A compute brick. */
struct sdm_wanted_brick {
    int32_t compute_no;
    const char *compute_brick;
    int64_t generation;
    int64_t segment_unit_bytes;
    struct sdm_wanted_row *rows;
    size_t n_rows;
    /* It maps bytes that were found so, and about which no administrator has decided. */
    bool keep_unknown;
};

/* A cross-connection of a circuit, with where its switch answers. */
struct sdm_wanted_hop {
    int32_t switch_no;
    const char *switch_id;
    const char *endpoint;
    bool optical;
    int32_t in_port;
    int32_t out_port;
};

struct sdm_wanted_circuit {
    char circuit[SDM_UUID_SIZE];
    int32_t compute_no;
    int32_t brick_no;
    bool want_up;
    bool have_up;
    /* Its switches have been told to cut it, or are about to be. */
    bool cutting;
    /* Both bricks are on, and the compute brick is not fenced. */
    bool powered;
    /* One of its switches has not reached its generation. */
    bool behind;
    struct sdm_wanted_hop *hops;
    size_t n_hops;
};

/* A compute brick, as a report is taken for it. */
struct sdm_known_brick {
    /* 0 when there is none of that name. */
    int32_t compute_no;
    int64_t want_generation;
    int64_t have_generation;
    bool fenced;
    /* Fenced, and waits for a report that nothing is mapped. */
    bool returning;
    /* Of the last report that was taken; "" and 0 for none. */
    const char *boot_id;
    int64_t report_made_us;
};

/* A window of a compute brick, as a report is compared with it. */
struct sdm_known_window {
    char window[SDM_UUID_SIZE];
    char reservation[SDM_UUID_SIZE];
    char attachment[SDM_UUID_SIZE];
    const char *vm;
    int32_t entry;
    int64_t start_bytes;
    int64_t generation;
    enum sdm_window_level want;
    enum sdm_window_level have;
    bool offered;
};
