/* Does data get from a compute brick's port to a memory brick?  Walks cables and cross-connections
 * as light and packets do.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include "emurack/rack.h"

/* True when a circuit leads from 'port' of the compute brick to any port of the memory brick, both
 * are powered, and nothing on the way is dead.  Cost: O(cross-connections on the way). */
bool sdm_emu_path_exists(const struct sdm_emu_device *compute, unsigned port,
                         const struct sdm_emu_device *memory);
