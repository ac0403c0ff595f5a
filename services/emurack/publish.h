/* The JSON file that dReDBox D4.1 names for QEMU and orchestration tools: state_dir/rack.json
 * (schemas/emurack.json).
 *
 * Thread rule: the main-loop thread; reads only what is constant. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"

/* Writes the file whole, under another name first.  'devices' is where sessions are opened; 'sysfs'
 * false leaves the sysfs roots empty. */
bool sdm_emu_publish(const struct sdm_emu *emu, const char *devices, bool sysfs, GError **error);
