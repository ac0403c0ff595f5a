/* Reads and writes small files of /proc and /sys. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads at most 'size' - 1 bytes and ends them with a zero; a trailing newline is dropped.
 * false when the file cannot be opened or read; then 'text' is empty. */
bool procfs_read(const char *path, char *text, size_t size);

/* Writes 'text' in one call; false with errno set when the kernel refuses. */
bool procfs_write(const char *path, const char *text);

/* KiB of one line of /proc/meminfo, e.g. "MemTotal:"; -1 when there is no such line. */
long procfs_meminfo_kib(const char *key);

/* Seconds since boot, suspended time included. */
double procfs_boottime(void);

struct zone_pages {
    long n_free;    /* in the buddy lists */
    long n_percpu;  /* on per-CPU lists: free too, but not seen by the watermark checks */
    long n_batch;   /* how many the per-CPU list takes at once */
    long n_managed; /* 0: the zone is empty */
};

/* Pages of zone 'name' ("Movable", "DMA32"), summed over nodes; false when /proc/zoneinfo cannot be
 * read. */
bool procfs_zone(const char *name, struct zone_pages *pages);
