/* Why nothing could be planned: what each stage left, and the nearest request that would succeed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "wire/words.h"

struct sdm_refusal_stage {
    enum sdm_stage_stage stage;
    /* Memory bricks (accelerators, for an accelerator) left after it. */
    uint32_t n_left;
    uint64_t free_bytes;
};

/* Members without 'has_' set are as asked. */
struct sdm_nearest {
    bool has_size;
    uint64_t size_bytes;
    bool has_latency_class;
    enum sdm_latency_class latency_class;
    /* It fits when it may be split. */
    bool may_split;
    /* Another of the compute bricks offered, for which size or class above hold; or 0. */
    int32_t compute_no;
};

/* All zero when the request failed before planning (NOT_FOUND, NOT_ALIGNED, ...). */
struct sdm_refusal {
    uint32_t n_stages;
    struct sdm_refusal_stage stages[SDM_N_STAGE_STAGE];
    struct sdm_nearest nearest;
};
