/* What a plan is wanted for. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/words.h"

#define SDM_MAX_COMPUTE_CHOICES 64

struct sdm_plan_request {
    /* Compute bricks to choose from, best first. */
    int32_t compute_nos[SDM_MAX_COMPUTE_CHOICES];
    uint32_t n_compute;
    uint64_t size_bytes;
    /* Worst class allowed. */
    enum sdm_latency_class latency_class;
    enum sdm_mode mode;
    enum sdm_policy policy;
    /* One segment only. */
    bool contiguous;
    /* Wanted of each path; 0 asks for none. */
    int32_t bandwidth_mbps;
};
