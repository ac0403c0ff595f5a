/* Static tokens from a file, which only its owner may read:
 *
 *     [nova]
 *     token=3f0c...            at least 16 characters
 *     project=demo
 *     roles=member             admin, member or reader; several by ',': the highest counts
 *
 * Thread rule: authenticating from any thread, also while another reloads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "sdm-controller/dispatcher/auth.h"

struct sdm_tokens;
typedef struct sdm_tokens sdm_tokens;

/* Reads the file.  NULL with INVALID_VALUE, naming the group, for what cannot be read, another
 * readable than its owner, a missing or strange member, a token twice. */
struct sdm_tokens *sdm_tokens_new(const char *path, GError **error);
void sdm_tokens_free(struct sdm_tokens *tokens);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_tokens, sdm_tokens_free)

/* Reads it again; after a failure the old ones stay. */
bool sdm_tokens_reload(struct sdm_tokens *tokens, GError **error);

/* The same from text, for tests: entries by the hash of their token, or NULL. */
GHashTable *sdm_tokens_parse(const char *text, size_t size, GError **error);

struct sdm_auth sdm_tokens_auth(struct sdm_tokens *tokens);
