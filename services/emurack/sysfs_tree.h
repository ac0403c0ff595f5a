/* What stands at which path of the emulated sysfs, and what its files say.
 *
 * Results are 0 or a negative errno.  Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <sys/types.h>

#include "emurack/emu.h"

enum sdm_emu_place {
    SDM_EMU_PLACE_ROOT,
    SDM_EMU_PLACE_BRICK,
    SDM_EMU_PLACE_DEVICES,
    SDM_EMU_PLACE_SYSTEM,
    SDM_EMU_PLACE_MEMORY,
    SDM_EMU_PLACE_NODES,
    SDM_EMU_PLACE_BLOCK,
    SDM_EMU_PLACE_NODE,
    SDM_EMU_PLACE_ATTRIBUTE,
    SDM_EMU_PLACE_LINK,
};

struct sdm_emu_attribute;

struct sdm_emu_target {
    enum sdm_emu_place place;
    struct sdm_emu_device *device;             /* but for the root */
    uint64_t block;                            /* in or at a block */
    unsigned node;                             /* in or at a node */
    const struct sdm_emu_attribute *attribute; /* of a file */
    char link[64];                             /* of a symbolic link: where it leads */
};

/* Finds what an absolute path of the mount names; -ENOENT. */
int sdm_emu_tree_find(const struct sdm_emu *emu, const char *path, struct sdm_emu_target *target);

/* Type and permissions, as in stat(2). */
mode_t sdm_emu_tree_mode(const struct sdm_emu_target *target);

/* Calls 'add' with the name of everything in a folder; -ENOTDIR. */
int sdm_emu_tree_list(const struct sdm_emu *emu, const struct sdm_emu_target *target,
                      void (*add)(void *user, const char *name), void *user);

/* Appends what a file says, with its newline; -EACCES for one that is only written. */
int sdm_emu_tree_read(const struct sdm_emu *emu, const struct sdm_emu_target *target,
                      GString *text);

/* Writes a word, without its newline, to a file and saves the state; -EACCES for one that is only
 * read, -EIO when it cannot be saved, else as blocks.h says. */
int sdm_emu_tree_write(struct sdm_emu *emu, const struct sdm_emu_target *target, const char *word);

/* What a write is called when a fault is armed for it: "probe", "remove", "offline", "online",
 * "online_movable", "online_kernel"; NULL for others. */
const char *sdm_emu_tree_operation(const struct sdm_emu_target *target, const char *word);
