/* Electrical and optical switches: cross-connections between ports.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"

/* Connects two ports; the very same connection again is done already.  Refuses:
 *   OUT_OF_RANGE   a port that the switch does not have;
 *   INVALID_VALUE  a port with itself;
 *   IN_USE         a port that is connected: always on an optical switch; on an electrical one
 *                  unless its cable leads to another switch, for such uplinks carry several. */
bool sdm_emu_switch_connect(struct sdm_emu_device *device, unsigned a, unsigned b, GError **error);

/* Cuts two ports; what is not connected is cut already.  A NetPort entry that is live and had its
 * path through here is counted in cut_under_live, and noted.  Refuses OUT_OF_RANGE as above. */
bool sdm_emu_switch_disconnect(struct sdm_emu *emu, struct sdm_emu_device *device, unsigned a,
                               unsigned b, GError **error);

/* Appends " N A-B A-B ...". */
void sdm_emu_switch_list(const struct sdm_emu_device *device, GString *text);

/* True when a switch connects the port that this port's cable leads to. */
bool sdm_emu_switch_reaches(const struct sdm_emu_device *brick, unsigned port);
