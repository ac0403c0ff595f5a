/* Where the time of a request that waits goes, kept with its pending reply.
 *
 * Functions only queue their statement.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/store/tx.h"
#include "wire/common.h"

/* A circuit is up, or cut, or a segment scrubbed: what the hardware took for it; the longest
 * counts.
 */
void sdm_timing_fabric(struct sdm_tx *tx, const char *reservation, int64_t fabric_us);

/* A report said what agent, and hypervisor with guest, took for one window; the longest counts. */
void sdm_timing_agent(struct sdm_tx *tx, const char *reservation, int64_t agent_us,
                      int64_t guest_us);

/* Reads it; zeros where nothing is known. */
bool sdm_timing_read(struct sdm_pg *pg, const char *project, const char *key,
                     struct sdm_wire_timing *timing, GError **error);
