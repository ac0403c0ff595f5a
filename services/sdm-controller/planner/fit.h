/* Which of a brick's free extents a request takes, and how they are cut into segments.
 *
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/extents.h"

struct sdm_fit_rule {
    uint64_t want_bytes;
    /* Largest segment. */
    uint64_t max_segment_bytes;
    /* Most segments. */
    uint32_t max_segments;
    /* All in one segment, or nothing. */
    bool contiguous;
    /* The lowest extent that suffices, not the smallest. */
    bool lowest_extent;
};

struct sdm_fit {
    uint64_t bytes;
    uint32_t n_segments;
};

/* How much of what is wanted the extents can give, and writes the segments, in the order taken,
 * into 'segments' (of 'max_segments') unless NULL.  Few extents are preferred: one that suffices,
 * else the largest ones and for the rest the smallest that suffices. Cost: O(1) when one extent
 * suffices and 'segments' is NULL, else O(extents taken * extents). */
struct sdm_fit sdm_fit_extents(const struct sdm_extents *extents, const struct sdm_fit_rule *rule,
                               struct sdm_free_extent *segments);
