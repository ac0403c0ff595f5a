/* A brick's power has come where it is wanted, or was refused: s11.power is answered.
 *
 * Thread rule: as the transaction; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/registry/registry.h"

/* Writes the event, and answers whoever waits for the brick: with "s11.brick.reply/1", or with
 * 'refusal' unless that is NULL. */
bool sdm_registry_power_done(struct sdm_registry *registry, struct sdm_tx *tx, int32_t device_no,
                             const GError *refusal, struct sdm_arena *arena, GError **error);
