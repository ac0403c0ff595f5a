/* An ordered set of 64-bit keys: chunks of a sorted array, so that a look-up touches few cache
 * lines and an insertion moves at most one chunk.
 *
 * Thread rule: none of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SDM_ORDER_CHUNK 128

struct sdm_order_chunk {
    /* The lowest key, so that a search need not follow 'keys'. */
    uint64_t first;
    uint64_t *keys;
    uint32_t n;
    uint32_t room;
};

/* All zero is the empty set. */
struct sdm_order {
    /* The first chunk stands here until there is a second: one memory access less for the many
     * small sets. */
    struct sdm_order_chunk single;
    /* With 'room' for that many; 0 while 'single' is used. */
    struct sdm_order_chunk *chunks;
    uint32_t n_chunks;
    uint32_t room;
    uint32_t n;
};

/* Where a walk stands; valid until the set changes. */
struct sdm_order_cursor {
    uint32_t chunk;
    uint32_t index;
};

/* Asks for the memory of the lowest keys. */
static inline void sdm_order_prefetch(const struct sdm_order *order)
{
    if (order->room == 0) {
        __builtin_prefetch(order->single.keys);
    }
}

void sdm_order_done(struct sdm_order *order);

/* The key must not be there.  Cost: O(log n + chunk). */
void sdm_order_insert(struct sdm_order *order, uint64_t key);
/* The key must be above all that are there.  Cost: O(1). */
void sdm_order_append(struct sdm_order *order, uint64_t key);
/* The key must be there. */
void sdm_order_remove(struct sdm_order *order, uint64_t key);
bool sdm_order_contains(const struct sdm_order *order, uint64_t key);

/* Stands at the lowest key that is at least 'key'. */
struct sdm_order_cursor sdm_order_seek(const struct sdm_order *order, uint64_t key);
/* Stands behind the highest key. */
struct sdm_order_cursor sdm_order_end(const struct sdm_order *order);
/* Gives the key it stands at and goes on; false at the end. */
bool sdm_order_next(const struct sdm_order *order, struct sdm_order_cursor *cursor, uint64_t *key);
/* Goes back and gives the key there; false at the beginning. */
bool sdm_order_previous(const struct sdm_order *order, struct sdm_order_cursor *cursor,
                        uint64_t *key);
