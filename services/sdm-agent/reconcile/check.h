/* Looks for contradictions within wanted state.
 *
 * Pure; any thread. */
#pragma once

#include "sdm-agent/reconcile/reconcile.h"

/* Marks in 'states', one a window, what cannot be carried out whatever the brick has; of windows
 * that contradict each other all are marked, because nothing says which one is meant.
 * 'block_size_bytes' is 0 when host memory is of no interest.  Cost: O(n log n). */
void sdm_check_want(const struct sdm_want *want, uint64_t block_size_bytes,
                    struct sdm_window_state *states);

/* Marks one window as refused, unless it is already; 'format' as in printf(). */
void sdm_window_refuse(struct sdm_window_state *state, enum sdm_error_code code, const char *format,
                       ...) G_GNUC_PRINTF(3, 4);
