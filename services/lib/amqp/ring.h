/* Values under consecutive numbers: what is outstanding on a channel, by delivery tag.
 *
 * Thread rule: one thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sdm_ring {
    void **slots;
    size_t capacity; /* a power of two, or 0 */
    uint64_t first;  /* number of the oldest */
    uint64_t end;    /* number of the next */
};

void sdm_ring_init(struct sdm_ring *ring, uint64_t first);
void sdm_ring_done(struct sdm_ring *ring);

/* Returns the number of 'value', which grows by one each time. */
uint64_t sdm_ring_push(struct sdm_ring *ring, void *value);

/* The slot of a number, until the next push; NULL when it is not there. */
void **sdm_ring_at(struct sdm_ring *ring, uint64_t number);

/* Takes the oldest value; the ring is not empty. */
void *sdm_ring_pop(struct sdm_ring *ring);

static inline size_t sdm_ring_length(const struct sdm_ring *ring)
{
    return (size_t)(ring->end - ring->first);
}
