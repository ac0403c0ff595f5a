/* One reservation with all that belongs to it, as one transaction read it: what shows it, answers
 * with it and moves it on.  Plain values; lists and strings live in the reader's arena.
 *
 * Lists refer to each other by index. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "wire/words.h"

struct sdm_snapshot_segment {
    char segment[SDM_UUID_SIZE];
    int32_t brick_no;
    const char *brick;
    int64_t offset_bytes;
    int64_t size_bytes;
    enum sdm_latency_class latency_class;
    enum sdm_segment_state state;
    bool want_free;
};

struct sdm_snapshot_attachment {
    char attachment[SDM_UUID_SIZE];
    int32_t compute_no;
    const char *compute_brick;
    /* NULL unless a guest has it. */
    const char *vm;
    enum sdm_window_level want;
    enum sdm_window_level have;
    int64_t guest_memory_bytes;
    /* NULL while nothing was refused. */
    const char *error_code;
    const char *error_text;
};

struct sdm_snapshot_hop {
    const char *switch_id;
    int32_t in_port;
    int32_t out_port;
};

struct sdm_snapshot_circuit {
    char circuit[SDM_UUID_SIZE];
    int32_t compute_no;
    int32_t compute_port;
    int32_t brick_no;
    const char *brick;
    int32_t brick_port;
    /* Of its narrowest link. */
    int32_t narrowest_mbps;
    bool want_up;
    bool have_up;
    /* Its compute brick is cut off, or to be cut off here: whatever stands there, nothing leads to
     * it. */
    bool fenced;
    /* Windows and segments of other reservations that use it too. */
    int64_t n_other_windows;
    int64_t n_other_segments;
    struct sdm_snapshot_hop *hops;
    size_t n_hops;
};

struct sdm_snapshot_window {
    char window[SDM_UUID_SIZE];
    size_t attachment;
    size_t segment;
    size_t circuit;
    int32_t entry;
    int64_t start_bytes;
    int64_t size_bytes;
    enum sdm_window_level want;
    enum sdm_window_level have;
    /* Its agent has been told of it, and has not said since that it is gone. */
    bool offered;
    bool settled;
};

/* Segment 'segment' is reached by circuit 'circuit'. */
struct sdm_snapshot_route {
    size_t segment;
    size_t circuit;
};

struct sdm_snapshot {
    char reservation[SDM_UUID_SIZE];
    const char *project;
    enum sdm_reservation_state state;
    /* A memory brick or switch of it does not answer. */
    bool degraded;
    enum sdm_mode mode;
    int32_t compute_no;
    const char *compute_brick;
    enum sdm_latency_class latency_class;
    enum sdm_policy policy;
    int32_t bandwidth_mbps;
    int64_t size_bytes;
    int64_t requested_bytes;
    /* RFC 3339; 'lease_expired' by the database's clock. */
    const char *lease_end;
    bool lease_expired;
    const char *created;
    /* When it was read, by the database's clock. */
    const char *now;
    /* NULL where there is none. */
    const char *group;
    const char *accelerator;
    int32_t accelerator_no;

    struct sdm_snapshot_segment *segments; /* oldest first */
    size_t n_segments;
    struct sdm_snapshot_attachment *attachments;
    size_t n_attachments;
    struct sdm_snapshot_window *windows; /* oldest segment first */
    size_t n_windows;
    struct sdm_snapshot_circuit *circuits;
    size_t n_circuits;
    struct sdm_snapshot_route *routes;
    size_t n_routes;
};
