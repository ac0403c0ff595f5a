/* A reservation as messages show it.  Thread rule: plain values. */
#pragma once

#include "lib/base/arena.h"
#include "sdm-controller/model/snapshot.h"
#include "wire/common.h"

/* Writes the wire form; lists are in 'arena'. */
void sdm_view_reservation(const struct sdm_snapshot *snapshot, struct sdm_arena *arena,
                          struct sdm_wire_reservation *view);
