/* Memory that is given back all at once: the lists of one decoded message.
 *
 * Thread rule: an arena belongs to one thread at a time. */
#pragma once

#include <stddef.h>

#include <glib.h>

struct sdm_arena;
typedef struct sdm_arena sdm_arena;

struct sdm_arena *sdm_arena_new(void);
void sdm_arena_free(struct sdm_arena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_arena, sdm_arena_free)

/* Gives everything back and keeps memory for what comes next. */
void sdm_arena_reset(struct sdm_arena *arena);

/* Returns 'n' zeroed elements of 'size_bytes' each, aligned for any type; never NULL, also for
 * n = 0.  The caller has bounded the product. */
void *sdm_arena_alloc(struct sdm_arena *arena, size_t n, size_t size_bytes);

/* Copies a string into the arena; NULL gives NULL. */
char *sdm_arena_strdup(struct sdm_arena *arena, const char *text);

#define SDM_ARENA_NEW(arena, type, n) ((type *)sdm_arena_alloc((arena), (n), sizeof(type)))
