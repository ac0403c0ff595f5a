/* The highest leadership epoch that this agent has seen, kept over restarts.
 *
 * Thread rule: one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Reads STATE_DIR/epoch, 0 when there is none yet.  False when there is one that cannot be read: an
 * agent that does not know must not obey. */
bool sdm_epoch_load(const char *state_dir, uint64_t *epoch, GError **error);

/* On disk when it returns true. */
bool sdm_epoch_save(const char *state_dir, uint64_t epoch, GError **error);
