/* s10.attach and s10.detach: makes a reservation usable where it was planned for, and takes it out.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* Refuses
 *   NOT_FOUND      no such reservation, compute brick or guest, or another project's;
 *   WRONG_MODE     a guest for a mode other than vm, a compute brick for mode vm;
 *   WRONG_STATE    it is not held, or the guest is not running;
 *   WRONG_KIND     it holds an accelerator or belongs to a group;
 *   INVALID_VALUE  it was planned for another compute brick;
 *   LEASE_EXPIRED, NO_SLOT, NO_WINDOW. */
bool sdm_reservation_attach(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_attach *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* Refuses NOT_FOUND, LEASE_EXPIRED, and WRONG_STATE when it is not attached. */
bool sdm_reservation_detach(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                            const struct sdm_caller *caller, const struct sdm_s10_detach *request,
                            struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
