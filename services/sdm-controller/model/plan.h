/* A plan: which extents, over which paths, and what has to be switched on.
 *
 * A plan is one block of memory and refers to nothing outside.  Thread rule: a plan belongs to one
 * thread at a time. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/circuit.h"
#include "sdm-controller/model/extent.h"
#include "wire/words.h"

struct sdm_plan_segment {
    struct sdm_extent extent;
    enum sdm_latency_class latency_class;
    /* Which of the plan's paths reaches it. */
    uint32_t path;
};

struct sdm_plan_wake {
    int32_t device_no;
    int32_t wake_ms;
    int32_t power_mw;
};

struct sdm_plan {
    /* The compute brick chosen. */
    int32_t compute_no;
    enum sdm_mode mode;
    enum sdm_policy policy;
    /* Worst class used. */
    enum sdm_latency_class latency_class;
    uint64_t size_bytes;
    /* The accelerator brick, or 0. */
    int32_t accelerator_no;
    /* Longest wake, also of bricks that are waking already. */
    int32_t wake_ms;
    /* Power that waking adds. */
    int64_t power_mw;
    uint32_t n_segments;
    uint32_t n_paths;
    uint32_t n_wakes;
    /* Sorted by brick and offset; none for another member of a group and for an accelerator. */
    struct sdm_plan_segment *segments;
    /* Sorted by brick; one a brick. */
    struct sdm_path *paths;
    /* Bricks that are off. */
    struct sdm_plan_wake *wakes;
};
typedef struct sdm_plan sdm_plan;

/* Makes a plan with room for the lists, all zero. */
struct sdm_plan *sdm_plan_new(uint32_t n_segments, uint32_t n_paths, uint32_t n_wakes);
struct sdm_plan *sdm_plan_dup(const struct sdm_plan *plan);
void sdm_plan_free(struct sdm_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_plan, sdm_plan_free)
