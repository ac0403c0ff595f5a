/* Management controllers of bricks: power, and for memory bricks scrubbing.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emurack/emu.h"

/* Switches the brick on; '*wait_ms' is how long it still takes to wake.  On already: 0, or what is
 * left of the waking. */
bool sdm_emu_brick_power_on(struct sdm_emu *emu, struct sdm_emu_device *brick, unsigned *wait_ms,
                            GError **error);

/* Switches the brick off; off already is done.  Refuses with IN_USE while live extents, NetPort
 * entries or connections of its ports exist. */
bool sdm_emu_brick_power_off(struct sdm_emu *emu, struct sdm_emu_device *brick, GError **error);

/* Takes the power away whatever a compute or accelerator brick does: its NetPort table is gone and
 * the bytes it mapped are back in their bricks.  That is how a dead brick is fenced.  Refuses a
 * memory brick with WRONG_KIND, for its bytes belong to others. */
bool sdm_emu_brick_power_force_off(struct sdm_emu *emu, struct sdm_emu_device *brick,
                                   GError **error);

/* Zeroes a range of a memory brick and writes it to its log; again is done again.  A live extent
 * whose every NetPort entry has lost its path is cut off for good: its users no longer reach the
 * brick, wherever they write.  Refuses:
 *   WRONG_KIND    not a memory brick;
 *   WRONG_STATE   the brick is off or waking;
 *   OUT_OF_RANGE  beyond the brick's capacity, or nothing;
 *   IN_USE        a live extent that is still reached. */
bool sdm_emu_brick_scrub(struct sdm_emu *emu, struct sdm_emu_device *brick, uint64_t offset_bytes,
                         uint64_t size_bytes, GError **error);

/* Appends " N OFFSET:SIZE:USERS ..." of the live extents, by offset.  Refuses WRONG_KIND and
 * WRONG_STATE as above. */
bool sdm_emu_brick_extents(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                           GString *text, GError **error);

/* Appends " power=.. ..." with what the kind has to tell. */
void sdm_emu_brick_status(const struct sdm_emu *emu, const struct sdm_emu_device *brick,
                          GString *text);

/* Live extents of a memory brick. */
unsigned sdm_emu_brick_count_extents(const struct sdm_emu *emu, const struct sdm_emu_device *brick);
