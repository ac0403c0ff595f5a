#include "lib/amqp/ring.h"

#include <glib.h>

#define FIRST_CAPACITY 64

void sdm_ring_init(struct sdm_ring *ring, uint64_t first)
{
    *ring = (struct sdm_ring){.first = first, .end = first};
}

void sdm_ring_done(struct sdm_ring *ring)
{
    g_clear_pointer(&ring->slots, g_free);
    ring->capacity = 0;
    ring->end = ring->first;
}

static void **slot(const struct sdm_ring *ring, uint64_t number)
{
    return &ring->slots[number & (ring->capacity - 1)];
}

static void grow(struct sdm_ring *ring)
{
    struct sdm_ring grown = *ring;

    grown.capacity = ring->capacity > 0 ? ring->capacity * 2 : FIRST_CAPACITY;
    grown.slots = g_new(void *, grown.capacity);
    for (uint64_t number = ring->first; number < ring->end; number++) {
        *slot(&grown, number) = *slot(ring, number);
    }
    g_free(ring->slots);
    *ring = grown;
}

uint64_t sdm_ring_push(struct sdm_ring *ring, void *value)
{
    if (sdm_ring_length(ring) == ring->capacity) {
        grow(ring);
    }
    *slot(ring, ring->end) = value;
    return ring->end++;
}

void **sdm_ring_at(struct sdm_ring *ring, uint64_t number)
{
    return number >= ring->first && number < ring->end ? slot(ring, number) : NULL;
}

void *sdm_ring_pop(struct sdm_ring *ring)
{
    g_assert(ring->first < ring->end);
    return *slot(ring, ring->first++);
}
