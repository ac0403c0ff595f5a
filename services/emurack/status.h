/* What the emulated rack tells operators and tests: JSON for the control socket, series for
 * Prometheus.
 *
 * Thread rule: any thread; takes the mutex of 'struct sdm_emu' itself. */
#pragma once

#include "emurack/emu.h"
#include "lib/json/json.h"
#include "lib/svc/metrics.h"

/* Adds "segment_unit_bytes", "counters" and "devices" to an object. */
void sdm_emu_status_fill(struct sdm_emu *emu, struct sdm_json *status);

/* A new list of the armed faults. */
struct sdm_json *sdm_emu_status_faults(struct sdm_emu *emu);

/* Registers sdm_emurack_...; 'emu' outlives 'metrics' or sdm_metrics_remove_user() is called. */
void sdm_emu_status_register(struct sdm_emu *emu, struct sdm_metrics *metrics);
