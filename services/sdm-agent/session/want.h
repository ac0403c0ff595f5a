/* Wanted state from its message.
 *
 * Pure; any thread. */
#pragma once

#include "sdm-agent/reconcile/reconcile.h"
#include "wire/s7.h"

/* Makes plain windows of those in a message: new memory for g_free().  A window that no NetPort
 * entry can hold comes out as one that maps nothing, and is refused by sdm_reconcile(). */
struct sdm_want_window *sdm_want_read(const struct sdm_s7_want *message);
