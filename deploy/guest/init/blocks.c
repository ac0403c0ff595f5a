#include "blocks.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../stamp.h"
#include "procfs.h"

#define BLOCKS_DIR "/sys/devices/system/memory"
#define MAX_BLOCKS 8192 /* 1 TiB of 128 MiB blocks */

static uint64_t block_bytes;
static bool at_boot[MAX_BLOCKS];

typedef void visit_fn(unsigned index, void *data);

static void each_block(visit_fn *visit, void *data)
{
    DIR *dir = opendir(BLOCKS_DIR);
    const struct dirent *entry;
    unsigned index;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (sscanf(entry->d_name, "memory%u", &index) == 1 && index < MAX_BLOCKS) {
            visit(index, data);
        }
    }
    closedir(dir);
}

static void mark_boot(unsigned index, void *data)
{
    (void)data;
    at_boot[index] = true;
}

void blocks_remember_boot(void)
{
    char text[32];

    if (procfs_read(BLOCKS_DIR "/block_size_bytes", text, sizeof text)) {
        block_bytes = strtoull(text, NULL, 16);
    }
    each_block(mark_boot, NULL);
}

bool blocks_is_hotplugged(uint64_t pfn)
{
    uint64_t index = block_bytes ? pfn * SDM_PAGE_BYTES / block_bytes : 0;

    return index < MAX_BLOCKS && !at_boot[index];
}

static void print_block(unsigned index, void *data)
{
    char path[80];
    char state[32];
    char zones[64];
    unsigned *n_blocks = data;

    snprintf(path, sizeof path, BLOCKS_DIR "/memory%u/state", index);
    procfs_read(path, state, sizeof state);
    snprintf(path, sizeof path, BLOCKS_DIR "/memory%u/valid_zones", index);
    procfs_read(path, zones, sizeof zones);
    printf("BLOCK %u %s [%s] %s\n", index, state, zones, at_boot[index] ? "boot" : "hotplug");
    (*n_blocks)++;
}

unsigned blocks_print(void)
{
    unsigned n_blocks = 0;

    each_block(print_block, &n_blocks);
    return n_blocks;
}

static void find_end(unsigned index, void *data)
{
    uint64_t *end = data;
    uint64_t here = ((uint64_t)index + 1) * block_bytes / SDM_PAGE_BYTES;

    *end = here > *end ? here : *end;
}

uint64_t blocks_end_pfn(void)
{
    uint64_t end = 0;

    each_block(find_end, &end);
    return end;
}

int blocks_watch(void)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&kernel, sizeof kernel) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void blocks_watch_drain(int fd)
{
    char event[2048];

    while (recv(fd, event, sizeof event, MSG_DONTWAIT) > 0) {
    }
}
