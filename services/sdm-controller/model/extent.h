/* A range of bytes of one memory brick. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sdm_extent {
    int32_t brick_no;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

/* By brick, then by offset: the order in which extents are inserted.  For qsort(). */
int sdm_extent_compare(const void *a, const void *b);

/* True when the two share a byte. */
bool sdm_extent_overlaps(const struct sdm_extent *a, const struct sdm_extent *b);
