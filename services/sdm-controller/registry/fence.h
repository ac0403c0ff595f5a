/* A compute brick has been cut off, could not be, or serves again: s11.fence is answered.
 *
 * Thread rule: as the transaction; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/registry/registry.h"

/* Writes the event with 'text', or with that of 'refusal' unless it is NULL, and answers whoever
 * waits for the brick. */
bool sdm_registry_fence_done(struct sdm_registry *registry, struct sdm_tx *tx, int32_t device_no,
                             const char *text, const GError *refusal, struct sdm_arena *arena,
                             GError **error);
