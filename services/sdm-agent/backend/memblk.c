#include "sdm-agent/backend/memblk.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

struct memblk_sysfs {
    struct sdm_memblk base;
    char *memory; /* ROOT/devices/system/memory */
    char *nodes;  /* ROOT/devices/system/node */
};

/* Reads an attribute of at most 'size' - 1 bytes without its line feed; false with errno set. */
static bool read_attribute(const char *folder, const char *name, char *text, size_t size)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    SDM_AUTOCLOSE
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);

    if (got < 0) {
        return false;
    }
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

/* One write, as sysfs wants it; returns 0 or an errno. */
static int write_attribute(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    SDM_AUTOCLOSE
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0) {
        return errno;
    }
    return write(fd, text, strlen(text)) < 0 ? errno : 0;
}

static char *block_folder(const struct memblk_sysfs *memblk, uint64_t index)
{
    return g_strdup_printf("%s/memory%" PRIu64, memblk->memory, index);
}

static bool sysfs_block_size(struct sdm_memblk *base, uint64_t *size_bytes, GError **error)
{
    const struct memblk_sysfs *memblk = (struct memblk_sysfs *)base;
    char text[32];
    char *end;
    uint64_t value;

    if (!read_attribute(memblk->memory, "block_size_bytes", text, sizeof text)) {
        return sdm_unavailable(error, "block size below '%s': %s", memblk->memory,
                               g_strerror(errno));
    }
    value = g_ascii_strtoull(text, &end, 16);
    if (*end != '\0' || value < SDM_NETPORT_PAGE_BYTES || (value & (value - 1)) != 0) {
        return sdm_fail(error, "kernel gave '%s' as size of a memory block", text);
    }
    *size_bytes = value;
    return true;
}

/* False with 'error' when the kernel says something unknown; '*exists' when there is a block. */
static bool read_state(const struct memblk_sysfs *memblk, uint64_t index, bool *exists,
                       enum sdm_block_state *state, GError **error)
{
    g_autofree char *folder = block_folder(memblk, index);
    char text[32];

    *exists = false;
    if (!read_attribute(folder, "state", text, sizeof text)) {
        int saved = errno;

        if (saved == ENOENT) {
            return true;
        }
        return sdm_unavailable(error, "state of memory block %" PRIu64 ": %s", index,
                               g_strerror(saved));
    }
    *exists = true;
    if (strcmp(text, "online") == 0) {
        *state = SDM_BLOCK_ONLINE;
    } else if (strcmp(text, "offline") == 0) {
        *state = SDM_BLOCK_OFFLINE;
    } else {
        /* "going-offline", and whatever comes after it: not free to be taken away. */
        *state = SDM_BLOCK_GOING;
    }
    return true;
}

/* The blocks of a range; refuses one that is not made of whole blocks. */
static bool find_range(struct sdm_memblk *base, uint64_t start_bytes, uint64_t size_bytes,
                       uint64_t *block_bytes, uint64_t *first, uint64_t *end, GError **error)
{
    uint64_t block = SDM_NETPORT_PAGE_BYTES;

    if (!sysfs_block_size(base, &block, error)) {
        return false;
    }
    if (size_bytes == 0 || (start_bytes | size_bytes) % block != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "%" PRIu64 " bytes at %#" PRIx64
                          " are not whole memory blocks of %" PRIu64,
                          size_bytes, start_bytes, block);
    }
    *block_bytes = block;
    *first = start_bytes / block;
    *end = *first + size_bytes / block;
    return true;
}

static bool sysfs_look(struct sdm_memblk *base, uint64_t start_bytes, uint64_t size_bytes,
                       GArray *blocks, GError **error)
{
    const struct memblk_sysfs *memblk = (struct memblk_sysfs *)base;
    guint kept = blocks->len;
    uint64_t block = SDM_NETPORT_PAGE_BYTES;

    if (!sysfs_block_size(base, &block, error)) {
        return false;
    }
    for (uint64_t index = start_bytes / block;
         size_bytes > 0 && index <= (start_bytes + size_bytes - 1) / block; index++) {
        struct sdm_found_block found = {.index = index};
        bool exists;

        if (!read_state(memblk, index, &exists, &found.state, error)) {
            g_array_set_size(blocks, kept);
            return false;
        }
        if (exists) {
            g_array_append_val(blocks, found);
        }
    }
    return true;
}

/* Zones a block is in or could go to; a kernel without the attribute says nothing. */
static bool is_movable(const struct memblk_sysfs *memblk, uint64_t index)
{
    g_autofree char *folder = block_folder(memblk, index);
    char zones[64];

    return !read_attribute(folder, "valid_zones", zones, sizeof zones) ||
           strstr(zones, "Movable") != NULL;
}

static bool probe_block(const struct memblk_sysfs *memblk, uint64_t index, uint64_t block_bytes,
                        GError **error)
{
    char address[32];
    int saved;

    snprintf(address, sizeof address, "%#" PRIx64, index * block_bytes);
    saved = write_attribute(memblk->memory, "probe", address);
    if (saved != 0 && saved != EEXIST) {
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                          "the kernel does not take a memory block at %s: %s", address,
                          g_strerror(saved));
    }
    return true;
}

/* Brings one block online; '*changed' when it was not before. */
static bool online_block(const struct memblk_sysfs *memblk, uint64_t index, uint64_t block_bytes,
                         bool *changed, GError **error)
{
    g_autofree char *folder = block_folder(memblk, index);
    enum sdm_block_state state = SDM_BLOCK_OFFLINE;
    bool exists;
    int saved;

    *changed = false;
    if (!read_state(memblk, index, &exists, &state, error) ||
        (!exists && !probe_block(memblk, index, block_bytes, error)) ||
        !read_state(memblk, index, &exists, &state, error)) {
        return false;
    }
    if (state != SDM_BLOCK_ONLINE) {
        saved = write_attribute(folder, "state", "online_movable");
        if (saved != 0) {
            return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                              "memory block %" PRIu64 " does not go online: %s", index,
                              g_strerror(saved));
        }
        *changed = true;
    }
    /* A kernel that onlines by itself may have chosen a zone that never gives memory back. */
    if (!is_movable(memblk, index)) {
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                          "memory block %" PRIu64 " is online, but not in zone Movable", index);
    }
    return true;
}

static bool offline_block(const struct memblk_sysfs *memblk, uint64_t index, GError **error)
{
    g_autofree char *folder = block_folder(memblk, index);
    enum sdm_block_state state;
    bool exists;
    int saved;

    if (!read_state(memblk, index, &exists, &state, error)) {
        return false;
    }
    if (!exists || state == SDM_BLOCK_OFFLINE) {
        return true;
    }
    saved = write_attribute(folder, "state", "offline");
    if (saved == EBUSY || saved == EAGAIN) {
        return sdm_refuse(error, SDM_ERROR_IN_USE, "memory block %" PRIu64 " is in use", index);
    }
    if (saved != 0) {
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                          "memory block %" PRIu64 " does not go offline: %s", index,
                          g_strerror(saved));
    }
    return true;
}

static void take_back(const struct memblk_sysfs *memblk, const GArray *changed)
{
    for (guint i = changed->len; i > 0; i--) {
        /* What does not go stays online, and the next look finds it so. */
        offline_block(memblk, g_array_index(changed, uint64_t, i - 1), NULL);
    }
}

/* The node that the block's folder links to, and its distance from node 0. */
static void find_place(const struct memblk_sysfs *memblk, uint64_t index,
                       struct sdm_memblk_place *place)
{
    g_autofree char *folder = block_folder(memblk, index);
    g_autofree char *node = NULL;
    char distances[4096];
    const struct dirent *item;
    DIR *list = opendir(folder);

    *place = (struct sdm_memblk_place){.node = -1};
    while (list != NULL && (item = readdir(list)) != NULL) {
        if (strncmp(item->d_name, "node", 4) == 0 && isdigit((unsigned char)item->d_name[4])) {
            place->node = atoi(item->d_name + 4);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    node = g_strdup_printf("%s/node%d", memblk->nodes, place->node);
    /* A row of the SLIT: the first number is the distance to node 0. */
    if (place->node >= 0 && read_attribute(node, "distance", distances, sizeof distances)) {
        place->distance = (unsigned)strtoul(distances, NULL, 10);
    }
}

static bool sysfs_online(struct sdm_memblk *base, uint64_t start_bytes, uint64_t size_bytes,
                         struct sdm_memblk_place *place, GError **error)
{
    const struct memblk_sysfs *memblk = (struct memblk_sysfs *)base;
    g_autoptr(GArray) changed = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    uint64_t block = 0;
    uint64_t first = 0;
    uint64_t end = 0;

    if (!find_range(base, start_bytes, size_bytes, &block, &first, &end, error)) {
        return false;
    }
    for (uint64_t index = first; index < end; index++) {
        bool has_changed;
        bool done = online_block(memblk, index, block, &has_changed, error);

        if (has_changed) {
            g_array_append_val(changed, index);
        }
        if (!done) {
            take_back(memblk, changed);
            return false;
        }
    }
    if (place != NULL) {
        find_place(memblk, first, place);
    }
    return true;
}

static bool sysfs_offline(struct sdm_memblk *base, uint64_t start_bytes, uint64_t size_bytes,
                          GError **error)
{
    const struct memblk_sysfs *memblk = (struct memblk_sysfs *)base;
    g_autoptr(GError) first_error = NULL;
    uint64_t block = 0;
    uint64_t first = 0;
    uint64_t end = 0;

    if (!find_range(base, start_bytes, size_bytes, &block, &first, &end, error)) {
        return false;
    }
    for (uint64_t index = end; index > first; index--) {
        offline_block(memblk, index - 1, first_error == NULL ? &first_error : NULL);
    }
    if (first_error != NULL) {
        g_propagate_error(error, g_steal_pointer(&first_error));
        return false;
    }
    return true;
}

static void sysfs_free(struct sdm_memblk *base)
{
    struct memblk_sysfs *memblk = (struct memblk_sysfs *)base;

    g_free(memblk->memory);
    g_free(memblk->nodes);
    g_free(memblk);
}

struct sdm_memblk *sdm_memblk_sysfs_new(const char *sysfs_root)
{
    static const struct sdm_memblk_ops ops = {sysfs_block_size, sysfs_look, sysfs_online,
                                              sysfs_offline, sysfs_free};
    struct memblk_sysfs *memblk = g_new0(struct memblk_sysfs, 1);

    memblk->base.ops = &ops;
    memblk->memory = g_build_filename(sysfs_root, "devices/system/memory", NULL);
    memblk->nodes = g_build_filename(sysfs_root, "devices/system/node", NULL);
    return &memblk->base;
}
