#include "emurack/blocks.h"

#include <errno.h>
#include <string.h>

#include "emurack/rmc.h"

static struct sdm_emu_block *block_at(const struct sdm_emu_device *compute, unsigned position)
{
    return &g_array_index(compute->blocks, struct sdm_emu_block, position);
}

/* Where the block stands, or would stand, in the sorted list. */
static bool find(const struct sdm_emu_device *compute, uint64_t index, unsigned *position)
{
    unsigned low = 0;
    unsigned high = compute->blocks->len;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (block_at(compute, middle)->index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *position = low;
    return low < compute->blocks->len && block_at(compute, low)->index == index;
}

void sdm_emu_blocks_boot(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute)
{
    g_array_set_size(compute->blocks, 0);
    if (compute->kind != SDM_EMU_COMPUTE || !compute->powered) {
        return;
    }
    /* What a brick has beyond 1 GiB is not in this map: there the addresses are the RMC's. */
    for (uint64_t index = 0;
         index < MIN(compute->local_bytes, SDM_NETPORT_FLOOR_BYTES) / rack->unit_bytes; index++) {
        struct sdm_emu_block block = {index, SDM_EMU_BLOCK_ONLINE_KERNEL, SDM_EMU_NODE_LOCAL};

        g_array_append_val(compute->blocks, block);
    }
}

struct sdm_emu_block *sdm_emu_blocks_find(const struct sdm_emu_device *compute, uint64_t index)
{
    unsigned position;

    return find(compute, index, &position) ? block_at(compute, position) : NULL;
}

static enum sdm_emu_node node_of(const struct sdm_emu_device *compute,
                                 const struct sdm_emu_device *memory)
{
    if (g_str_equal(compute->tray, memory->tray)) {
        return SDM_EMU_NODE_TRAY;
    }
    return g_str_equal(compute->rack, memory->rack) ? SDM_EMU_NODE_RACK : SDM_EMU_NODE_INTER_RACK;
}

/* Finds the memory brick behind a block; NULL when a byte of it is not mapped.  Several windows may
 * make up one block when they are smaller than it. */
static const struct sdm_emu_device *memory_behind(const struct sdm_emu_rack *rack,
                                                  const struct sdm_emu_device *compute,
                                                  uint64_t address_bytes)
{
    const struct sdm_emu_device *memory = NULL;
    uint64_t end_bytes = address_bytes + rack->unit_bytes;

    while (address_bytes < end_bytes) {
        const struct sdm_emu_mapping *mapping = sdm_emu_rmc_find(compute, address_bytes);
        struct sdm_netport_window window;

        if (mapping == NULL) {
            return NULL;
        }
        sdm_netport_entry_read(&mapping->entry, &window);
        memory = mapping->memory;
        address_bytes = window.end_bytes;
    }
    return memory;
}

int sdm_emu_blocks_probe(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                         uint64_t address_bytes)
{
    struct sdm_emu_block block = {.index = address_bytes / rack->unit_bytes};
    const struct sdm_emu_device *memory;
    unsigned position;

    if (address_bytes % rack->unit_bytes != 0 || address_bytes > SDM_NETPORT_CEILING_BYTES) {
        return -EINVAL;
    }
    if (find(compute, block.index, &position)) {
        return -EEXIST;
    }
    memory = memory_behind(rack, compute, address_bytes);
    if (memory == NULL) {
        return -ENXIO;
    }
    block.node = node_of(compute, memory);
    g_array_insert_val(compute->blocks, position, block);
    return 0;
}

int sdm_emu_blocks_remove(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                          uint64_t address_bytes)
{
    unsigned position;

    if (address_bytes % rack->unit_bytes != 0 ||
        !find(compute, address_bytes / rack->unit_bytes, &position) ||
        block_at(compute, position)->node == SDM_EMU_NODE_LOCAL) {
        return -EINVAL;
    }
    if (sdm_emu_block_is_online(block_at(compute, position))) {
        return -EBUSY;
    }
    g_array_remove_index(compute->blocks, position);
    return 0;
}

static int set_online(struct sdm_emu_block *block, enum sdm_emu_block_state state)
{
    if (sdm_emu_block_is_online(block)) {
        return -EINVAL;
    }
    block->state = state;
    return 0;
}

int sdm_emu_blocks_set_state(struct sdm_emu_block *block, const char *word)
{
    if (strcmp(word, "online_movable") == 0) {
        return set_online(block, SDM_EMU_BLOCK_ONLINE_MOVABLE);
    }
    if (strcmp(word, "online") == 0 || strcmp(word, "online_kernel") == 0) {
        return set_online(block, SDM_EMU_BLOCK_ONLINE_KERNEL);
    }
    if (strcmp(word, "offline") != 0 || !sdm_emu_block_is_online(block)) {
        return -EINVAL;
    }
    if (block->state == SDM_EMU_BLOCK_ONLINE_KERNEL) {
        return -EBUSY;
    }
    block->state = SDM_EMU_BLOCK_OFFLINE;
    return 0;
}

unsigned sdm_emu_blocks_unmap(const struct sdm_emu_rack *rack, struct sdm_emu_device *compute,
                              const struct sdm_netport_entry *entry)
{
    struct sdm_netport_window window;
    unsigned n_online = 0;

    sdm_netport_entry_read(entry, &window);
    for (unsigned i = compute->blocks->len; i-- > 0;) {
        const struct sdm_emu_block *block = block_at(compute, i);
        uint64_t start_bytes = block->index * rack->unit_bytes;

        if (block->node == SDM_EMU_NODE_LOCAL || start_bytes >= window.end_bytes ||
            start_bytes + rack->unit_bytes <= window.start_bytes) {
            continue;
        }
        if (sdm_emu_block_is_online(block)) {
            n_online++;
        } else {
            g_array_remove_index(compute->blocks, i);
        }
    }
    return n_online;
}

void sdm_emu_blocks_restore(struct sdm_emu_device *compute, const struct sdm_emu_block *block)
{
    unsigned position;

    if (find(compute, block->index, &position)) {
        *block_at(compute, position) = *block;
    } else {
        g_array_insert_vals(compute->blocks, position, block, 1);
    }
}

const char *sdm_emu_block_state_name(const struct sdm_emu_block *block)
{
    return sdm_emu_block_is_online(block) ? "online" : "offline";
}

const char *sdm_emu_block_zones(const struct sdm_emu_block *block)
{
    static const char *const zones[] = {"Normal Movable", "Normal", "Movable"};

    return zones[block->state];
}

bool sdm_emu_blocks_have_node(const struct sdm_emu_device *compute, unsigned node)
{
    if (node == SDM_EMU_NODE_LOCAL) {
        return true;
    }
    for (unsigned i = 0; i < compute->blocks->len; i++) {
        if (block_at(compute, i)->node == node) {
            return true;
        }
    }
    return false;
}

unsigned sdm_emu_node_distance(unsigned a, unsigned b)
{
    static const unsigned distances[SDM_EMU_N_NODES] = {10, 20, 40, 80};

    /* Between two remote nodes everything passes the compute brick; the farther one decides. */
    return a == b ? distances[0] : distances[MAX(a, b)];
}
