#include "lib/base/arena.h"

#include <stdalign.h>
#include <string.h>

enum { CHUNK_BYTES = 16 * 1024 };

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct sdm_arena {
    struct chunk *chunks;
};

struct sdm_arena *sdm_arena_new(void)
{
    return g_new0(struct sdm_arena, 1);
}

void sdm_arena_free(struct sdm_arena *arena)
{
    if (arena == NULL) {
        return;
    }
    for (struct chunk *chunk = arena->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;

        g_free(chunk);
        chunk = next;
    }
    g_free(arena);
}

void sdm_arena_reset(struct sdm_arena *arena)
{
    /* The newest chunk stays; the others made room for what it did not hold. */
    while (arena->chunks != NULL && arena->chunks->next != NULL) {
        struct chunk *next = arena->chunks->next;

        arena->chunks->next = next->next;
        g_free(next);
    }
    if (arena->chunks != NULL) {
        arena->chunks->used = 0;
    }
}

static struct chunk *add_chunk(struct sdm_arena *arena, size_t size)
{
    struct chunk *chunk = g_malloc(sizeof *chunk + size);

    chunk->used = 0;
    chunk->size = size;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *sdm_arena_alloc(struct sdm_arena *arena, size_t n, size_t size_bytes)
{
    size_t wanted;
    void *memory;
    struct chunk *chunk = arena->chunks;

    g_assert(!__builtin_mul_overflow(n, size_bytes, &wanted));
    g_assert(wanted <= G_MAXSSIZE);
    wanted = (wanted + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (chunk == NULL || chunk->size - chunk->used < wanted) {
        chunk = add_chunk(arena, MAX(wanted, (size_t)CHUNK_BYTES));
    }
    memory = chunk->bytes + chunk->used;
    chunk->used += wanted;
    return memset(memory, 0, wanted);
}

char *sdm_arena_strdup(struct sdm_arena *arena, const char *text)
{
    size_t size;

    if (text == NULL) {
        return NULL;
    }
    size = strlen(text) + 1;
    return memcpy(sdm_arena_alloc(arena, size, 1), text, size);
}
