/* What the schema refuses, as what it means to whoever asked: new rows are inserted together
 * (rows.h), so that a violation shows later than the call that brought it about.
 *
 * Thread rule: any thread. */
#pragma once

#include <glib.h>

/* Takes an error of a transaction and returns what it means: SDM_ERROR
 *   QUOTA_EXCEEDED  the project's quota would not be kept;
 *   ALREADY_EXISTS  the group has just been made by another;
 *   PLAN_STALE      the accelerator or an extent is another's, a brick is off, retired or smaller;
 * SDM_TX_RACED for what another transaction has just written, or not yet; any other as it is. */
GError *sdm_refusal_of(GError *violation_take);
