#include "procfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool procfs_read(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;

    text[0] = '\0';
    if (fd < 0) {
        return false;
    }
    for (;;) {
        ssize_t got = read(fd, text + length, size - 1 - length);
        if (got <= 0) {
            break;
        }
        length += (size_t)got;
    }
    close(fd);
    text[length] = '\0';
    if (length > 0 && text[length - 1] == '\n') {
        text[length - 1] = '\0';
    }
    return length > 0;
}

bool procfs_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

long procfs_meminfo_kib(const char *key)
{
    char text[4096];
    const char *line;

    if (!procfs_read("/proc/meminfo", text, sizeof text)) {
        return -1;
    }
    line = strstr(text, key);
    return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

double procfs_boottime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* One line of /proc/zoneinfo inside the zone that is asked for. */
static void zone_line(const char *line, struct zone_pages *pages)
{
    long n;

    if (sscanf(line, " pages free %ld", &n) == 1) {
        pages->n_free += n;
    } else if (sscanf(line, " managed %ld", &n) == 1) {
        pages->n_managed += n;
    } else if (sscanf(line, " count: %ld", &n) == 1) {
        pages->n_percpu += n;
    } else if (sscanf(line, " batch: %ld", &n) == 1) {
        pages->n_batch = n;
    }
}

bool procfs_zone(const char *name, struct zone_pages *pages)
{
    static char text[32768];
    struct zone_pages found = {0, 0, 0, 0};
    bool inside = false;
    char *rest = text;
    char *line;

    /* The counters lag behind by some pages until they are folded. */
    procfs_write("/proc/sys/vm/stat_refresh", "1");
    if (!procfs_read("/proc/zoneinfo", text, sizeof text)) {
        return false;
    }
    while ((line = strsep(&rest, "\n")) != NULL) {
        char zone[16];
        if (sscanf(line, "Node %*d, zone %15s", zone) == 1) {
            inside = strcmp(zone, name) == 0;
        } else if (inside) {
            zone_line(line, &found);
        }
    }
    *pages = found;
    return true;
}
