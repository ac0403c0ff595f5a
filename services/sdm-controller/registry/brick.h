/* A brick as replies and events show it.  Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/device.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/usage.h"

/* The kind in messages; 'device' is a brick. */
enum sdm_brick_kind sdm_brick_wire_kind(const struct sdm_device *device);

/* The brick, borrowed from '*topology', which the caller gets a reference to.  NULL with NOT_FOUND,
 * or WRONG_KIND for a switch. */
const struct sdm_device *sdm_brick_find(struct sdm_registry *registry, const char *id,
                                        struct sdm_topology **topology, GError **error);

/* Puts topology and usage together. */
void sdm_brick_fill(const struct sdm_registry *registry, const struct sdm_topology *topology,
                    const struct sdm_device *device, const struct sdm_device_usage *usage,
                    struct sdm_wire_brick_status *status);

/* Reads one brick and makes the reply "s11.brick.reply/1" of it, 'done' when the power it has is
 * the power that is wanted, and no fence is on its way. */
bool sdm_brick_reply(const struct sdm_registry *registry, struct sdm_pg *pg,
                     const struct sdm_topology *topology, const struct sdm_device *device,
                     struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Answers the requests of 'type' ("s11.power/1") that wait for the brick: with
 * "s11.brick.reply/1", or with 'refusal' unless that is NULL. */
bool sdm_brick_answer(const struct sdm_registry *registry, struct sdm_tx *tx,
                      const struct sdm_topology *topology, const struct sdm_device *device,
                      const char *type, const GError *refusal, struct sdm_arena *arena,
                      GError **error);

/* Writes "event.brick/1" to the transaction's outbox, which is woken by the commit. */
void sdm_brick_event(const struct sdm_registry *registry, struct sdm_tx *tx,
                     const struct sdm_device *device, enum sdm_brick_state state,
                     enum sdm_power_state power, const char *text);
