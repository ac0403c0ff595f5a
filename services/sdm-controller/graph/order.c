#include "sdm-controller/graph/order.h"

#include <string.h>

#include <glib.h>

/* A chunk that is appended to gets so many keys, so that not every key that comes later splits one.
 */
enum { FIRST_ROOM = 8, APPEND_FILL = SDM_ORDER_CHUNK * 3 / 4 };

static struct sdm_order_chunk *chunks_of(const struct sdm_order *order)
{
    return order->room == 0 ? (struct sdm_order_chunk *)&order->single : order->chunks;
}

void sdm_order_done(struct sdm_order *order)
{
    for (uint32_t i = 0; i < order->n_chunks; i++) {
        g_free(chunks_of(order)[i].keys);
    }
    g_free(order->chunks);
    *order = (struct sdm_order){0};
}

/* The last chunk whose first key is not above 'key'; 0 when all are above. */
static uint32_t find_chunk(const struct sdm_order *order, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = order->n_chunks;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (chunks_of(order)[middle].first <= key) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first index in the chunk whose key is at least 'key'. */
static uint32_t find_index(const struct sdm_order_chunk *chunk, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = chunk->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (chunk->keys[middle] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void grow(struct sdm_order *order)
{
    uint32_t room = order->room == 0 ? 4 : order->room * 2;

    order->chunks = g_renew(struct sdm_order_chunk, order->chunks, room);
    if (order->room == 0) {
        order->chunks[0] = order->single;
    }
    order->room = room;
}

static void insert_chunk(struct sdm_order *order, uint32_t at, struct sdm_order_chunk chunk)
{
    struct sdm_order_chunk *chunks;

    if (order->n_chunks == MAX(order->room, 1)) {
        grow(order);
    }
    chunks = chunks_of(order);
    memmove(&chunks[at + 1], &chunks[at], (order->n_chunks - at) * sizeof *chunks);
    chunks[at] = chunk;
    order->n_chunks++;
}

static void make_room(struct sdm_order_chunk *chunk)
{
    if (chunk->n == chunk->room) {
        chunk->room = chunk->room == 0 ? FIRST_ROOM : chunk->room * 2;
        chunk->keys = g_renew(uint64_t, chunk->keys, chunk->room);
    }
}

static void split(struct sdm_order *order, uint32_t at)
{
    struct sdm_order_chunk *chunk = &chunks_of(order)[at];
    uint32_t half = chunk->n / 2;
    struct sdm_order_chunk upper = {chunk->keys[half], g_new(uint64_t, SDM_ORDER_CHUNK),
                                    chunk->n - half, SDM_ORDER_CHUNK};

    memcpy(upper.keys, &chunk->keys[half], upper.n * sizeof *upper.keys);
    chunk->n = half;
    insert_chunk(order, at + 1, upper);
}

void sdm_order_insert(struct sdm_order *order, uint64_t key)
{
    struct sdm_order_chunk *chunk;
    uint32_t at = find_chunk(order, key);
    uint32_t index;

    if (order->n_chunks == 0) {
        insert_chunk(order, 0, (struct sdm_order_chunk){.first = key});
    } else if (chunks_of(order)[at].n == SDM_ORDER_CHUNK) {
        split(order, at);
        at = find_chunk(order, key);
    }
    chunk = &chunks_of(order)[at];
    make_room(chunk);
    index = find_index(chunk, key);
    g_assert(index == chunk->n || chunk->keys[index] != key);
    memmove(&chunk->keys[index + 1], &chunk->keys[index], (chunk->n - index) * sizeof key);
    chunk->keys[index] = key;
    chunk->n++;
    chunk->first = chunk->keys[0];
    order->n++;
}

void sdm_order_append(struct sdm_order *order, uint64_t key)
{
    struct sdm_order_chunk *chunk;

    if (order->n_chunks == 0 || chunks_of(order)[order->n_chunks - 1].n >= APPEND_FILL) {
        insert_chunk(order, order->n_chunks, (struct sdm_order_chunk){.first = key});
    }
    chunk = &chunks_of(order)[order->n_chunks - 1];
    g_assert(chunk->n == 0 || chunk->keys[chunk->n - 1] < key);
    make_room(chunk);
    chunk->keys[chunk->n++] = key;
    order->n++;
}

void sdm_order_remove(struct sdm_order *order, uint64_t key)
{
    uint32_t at = find_chunk(order, key);
    struct sdm_order_chunk *chunk;
    uint32_t index;

    g_assert(order->n > 0);
    chunk = &chunks_of(order)[at];
    index = find_index(chunk, key);
    g_assert(index < chunk->n && chunk->keys[index] == key);
    chunk->n--;
    order->n--;
    memmove(&chunk->keys[index], &chunk->keys[index + 1], (chunk->n - index) * sizeof key);
    if (chunk->n > 0) {
        chunk->first = chunk->keys[0];
    } else if (order->n_chunks > 1) {
        g_free(chunk->keys);
        order->n_chunks--;
        memmove(chunk, chunk + 1, (order->n_chunks - at) * sizeof *chunk);
    }
}

bool sdm_order_contains(const struct sdm_order *order, uint64_t key)
{
    struct sdm_order_cursor cursor = sdm_order_seek(order, key);
    uint64_t found;

    return sdm_order_next(order, &cursor, &found) && found == key;
}

struct sdm_order_cursor sdm_order_seek(const struct sdm_order *order, uint64_t key)
{
    struct sdm_order_cursor cursor = {0, 0};

    if (order->n_chunks > 0) {
        cursor.chunk = find_chunk(order, key);
        cursor.index = find_index(&chunks_of(order)[cursor.chunk], key);
    }
    return cursor;
}

struct sdm_order_cursor sdm_order_end(const struct sdm_order *order)
{
    return (struct sdm_order_cursor){order->n_chunks, 0};
}

bool sdm_order_next(const struct sdm_order *order, struct sdm_order_cursor *cursor, uint64_t *key)
{
    while (cursor->chunk < order->n_chunks) {
        const struct sdm_order_chunk *chunk = &chunks_of(order)[cursor->chunk];

        if (cursor->index < chunk->n) {
            *key = chunk->keys[cursor->index++];
            return true;
        }
        cursor->chunk++;
        cursor->index = 0;
    }
    return false;
}

bool sdm_order_previous(const struct sdm_order *order, struct sdm_order_cursor *cursor,
                        uint64_t *key)
{
    while (cursor->index == 0) {
        if (cursor->chunk == 0) {
            return false;
        }
        cursor->chunk--;
        cursor->index = chunks_of(order)[cursor->chunk].n;
    }
    *key = chunks_of(order)[cursor->chunk].keys[--cursor->index];
    return true;
}
