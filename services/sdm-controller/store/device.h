/* One brick or switch: its settings, power, state, generations, and what its agent said.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/device.h"
#include "sdm-controller/store/tx.h"

/* Writes the settings that s11.change may change: capacity, power draw, wake time, management.
 * Refuses IN_USE when a segment lies beyond the capacity. */
bool sdm_device_update(struct sdm_tx *tx, const struct sdm_device *device, GError **error);

/* Refuse IN_USE when a brick with segments, other than quarantined ones, would be retired, fenced
 * or switched off. */
bool sdm_device_set_state(struct sdm_tx *tx, int32_t device_no, enum sdm_brick_state state,
                          GError **error);
bool sdm_device_set_want_power(struct sdm_tx *tx, int32_t device_no, enum sdm_power_state power,
                               GError **error);
bool sdm_device_set_have_power(struct sdm_tx *tx, int32_t device_no, enum sdm_power_state power,
                               GError **error);

/* Counts the wanted generation of a device up: what it shall look like has changed. */
bool sdm_device_count_want(struct sdm_tx *tx, int32_t device_no, int64_t *generation,
                           GError **error);

/* The device has reached 'generation'; an older one than it has changes nothing, and none beyond
 * the wanted one is believed. */
bool sdm_device_set_have(struct sdm_tx *tx, int32_t device_no, int64_t generation, GError **error);

struct sdm_device_generations {
    int64_t want;
    int64_t have;
};
/* Refuses NOT_FOUND. */
bool sdm_device_read_generations(struct sdm_pg *pg, int32_t device_no,
                                 struct sdm_device_generations *generations, GError **error);

/* What an agent said of its compute brick, and when (now). */
bool sdm_device_set_report(struct sdm_tx *tx, int32_t device_no, const char *boot_id,
                           const char *agent_version, GError **error);
