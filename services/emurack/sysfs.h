/* The sysfs of every compute brick's kernel, served by FUSE: state_dir/sys/BRICK/devices/system/
 * with memory/ and node/ as Linux has them.
 *
 * memory/  block_size_bytes auto_online_blocks probe remove memoryN/{state online valid_zones
 *          phys_index phys_device removable nodeK}
 * node/    online possible has_memory nodeK/{meminfo distance cpulist memoryN}
 *
 * 'remove' takes an address as 'probe' does and takes an offline block away, as the dReDBox kernel
 * has it; stock Linux does not.  The folder of a brick that is off is empty.
 *
 * Thread rule: made and freed by the main thread; serves in threads of its own, which take the
 * mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include "emurack/emu.h"

struct sdm_emu_sysfs;

/* Mounts at state_dir/sys, in place of a mount that an earlier process left there.  'emu' outlives
 * it. */
struct sdm_emu_sysfs *sdm_emu_sysfs_mount(struct sdm_emu *emu, GError **error);

/* False once a thread that serves has ended by itself. */
bool sdm_emu_sysfs_is_serving(const struct sdm_emu_sysfs *sysfs);

/* Unmounts and waits for the threads; called without the mutex. */
void sdm_emu_sysfs_unmount(struct sdm_emu_sysfs *sysfs);
