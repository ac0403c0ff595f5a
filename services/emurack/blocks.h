/* Memory blocks of a compute brick's kernel, with the rules of Linux (memory hotplug, "memory block
 * states"): a probed block is offline until it is onlined, and nothing goes away online.
 *
 * Results are 0 or a negative errno, as a write to sysfs returns them.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emurack/emu.h"
#include "lib/netport/netport.h"

/*     probe             online_movable
 *  -> OFFLINE --------> ONLINE_MOVABLE
 *       |   <--------------'  offline
 *       |   online, online_kernel
 *       '-------------> ONLINE_KERNEL    stays: the kernel's own pages land there */
enum sdm_emu_block_state {
    SDM_EMU_BLOCK_OFFLINE,
    SDM_EMU_BLOCK_ONLINE_KERNEL,
    SDM_EMU_BLOCK_ONLINE_MOVABLE,
};

/* NUMA nodes by latency class. */
enum sdm_emu_node {
    SDM_EMU_NODE_LOCAL,
    SDM_EMU_NODE_TRAY,
    SDM_EMU_NODE_RACK,
    SDM_EMU_NODE_INTER_RACK,
    SDM_EMU_N_NODES,
};

struct sdm_emu_block {
    uint64_t index; /* physical address / segment unit */
    enum sdm_emu_block_state state;
    enum sdm_emu_node node;
};

/* The brick's kernel starts: its own memory is online, and nothing else is there; off: nothing. */
void sdm_emu_blocks_boot(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute);

/* NULL when there is no such block. */
struct sdm_emu_block *sdm_emu_blocks_find(const struct sdm_emu_device *compute, uint64_t index);

/* Adds a block, offline.  -EINVAL: not a multiple of the unit; -EEXIST: there already; -ENXIO: the
 * NetPort table does not map all of it. */
int sdm_emu_blocks_probe(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                         uint64_t address_bytes);

/* Takes an offline block away.  -EINVAL: not a block, or own memory; -EBUSY: online. */
int sdm_emu_blocks_remove(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                          uint64_t address_bytes);

/* Writes to 'state'.  -EINVAL: none of the four words, or the block is online or offline already;
 * -EBUSY: own memory, or memory that the kernel uses itself, cannot go offline. */
int sdm_emu_blocks_set_state(struct sdm_emu_block *block, const char *word);

/* A NetPort entry was cleared: its offline blocks go; returns how many were online and stay. */
unsigned sdm_emu_blocks_unmap(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                              const struct sdm_netport_entry *entry);

/* At start: a block as the saved state says. */
void sdm_emu_blocks_restore(struct sdm_emu_device *compute, const struct sdm_emu_block *block);

/* "online" or "offline"; "Normal", "Movable", or "Normal Movable" for one that is offline. */
const char *sdm_emu_block_state_name(const struct sdm_emu_block *block);
const char *sdm_emu_block_zones(const struct sdm_emu_block *block);

/* True for a node that has blocks, and for the local one. */
bool sdm_emu_blocks_have_node(const struct sdm_emu_device *compute, unsigned node);

/* ACPI SLIT distance: 10 to itself; tray 20, rack 40, between racks 80. */
unsigned sdm_emu_node_distance(unsigned a, unsigned b);

static inline bool sdm_emu_block_is_online(const struct sdm_emu_block *block)
{
    return block->state != SDM_EMU_BLOCK_OFFLINE;
}
