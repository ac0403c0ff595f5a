/* The free extents of one memory brick, by offset.
 *
 * Thread rule: none of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sdm_free_extent {
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

/* So many stand in struct sdm_extents itself. */
#define SDM_EXTENTS_HERE 4

/* No two touch or overlap. */
struct sdm_extents {
    /* Points to 'here' until they are more, so it must not be moved. */
    struct sdm_free_extent *items;
    uint32_t n;
    uint32_t room;
    uint64_t free_bytes;
    uint64_t largest_bytes;
    struct sdm_free_extent here[SDM_EXTENTS_HERE];
};

/* One extent of 'capacity_bytes'. */
void sdm_extents_init(struct sdm_extents *extents, uint64_t capacity_bytes);
void sdm_extents_done(struct sdm_extents *extents);

/* False, with nothing changed, unless every byte is free.  Cost: O(extents). */
bool sdm_extents_take(struct sdm_extents *extents, uint64_t offset_bytes, uint64_t size_bytes);
/* False, with nothing changed, when any byte is free already. */
bool sdm_extents_give(struct sdm_extents *extents, uint64_t offset_bytes, uint64_t size_bytes);
/* True when every byte is free.  Cost: O(log extents). */
bool sdm_extents_is_free(const struct sdm_extents *extents, uint64_t offset_bytes,
                         uint64_t size_bytes);

/* The smallest extent of at least 'size_bytes', of equals the lowest; NULL when there is none. */
const struct sdm_free_extent *sdm_extents_best(const struct sdm_extents *extents,
                                               uint64_t size_bytes);
/* The lowest extent of at least 'size_bytes'; NULL when there is none. */
const struct sdm_free_extent *sdm_extents_first(const struct sdm_extents *extents,
                                                uint64_t size_bytes);
