/* S7: what a compute brick's agent is told.  Pure. */
#pragma once

#include <stdint.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/wanted.h"
#include "wire/s7.h"

/* NUMA distances by latency class, 10 being local memory (ACPI SLIT). */
enum { SDM_DISTANCE_TRAY = 20, SDM_DISTANCE_RACK = 40, SDM_DISTANCE_INTER_RACK = 80 };

/* Writes the message for a compute brick under the leader's epoch; its list is in 'arena'. */
void sdm_compile_agent(const struct sdm_wanted_brick *brick, int64_t epoch, struct sdm_arena *arena,
                       struct sdm_s7_want *want);
