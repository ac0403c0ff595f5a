#include "fill.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../stamp.h"
#include "blocks.h"
#include "procfs.h"

#define KEEP_FREE_PAGES 4096 /* of boot memory, for the kernel */
/* Free, but set aside by the kernel for emergencies: up to 1 % of the zone and a page block. */
#define SPARE_MARGIN_PAGES 1152
#define MAX_RANGES_SHOWN   200
#define MAX_HOLDS          64
#define MAX_ROUNDS         400
#define PFN_MASK           ((UINT64_C(1) << 55) - 1)
#define PAGE_PRESENT       (UINT64_C(1) << 63)

static uint8_t *area;      /* reserved addresses; pages exist where 'frames' is not 0 */
static uint64_t n_area;    /* pages of address space */
static uint64_t n_touched; /* pages [0, n_touched) have been touched */
static uint64_t *frames;   /* frame of each page; 0: none */

static struct hold {
    int pipe_read;
    int pipe_write;
} holds[MAX_HOLDS];
static unsigned n_holds;

static volatile uint64_t *page_at(uint64_t i)
{
    return (volatile uint64_t *)(area + i * SDM_PAGE_BYTES);
}

static void *map_bytes(uint64_t size_bytes)
{
    void *start = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return start == MAP_FAILED ? NULL : start;
}

static bool area_open(uint64_t n_pages)
{
    area = map_bytes(n_pages * SDM_PAGE_BYTES);
    frames = map_bytes(n_pages * sizeof *frames);
    if (area == NULL || frames == NULL) {
        return false;
    }
    n_area = n_pages;
    n_touched = 0;
    /* Whole pages one by one: a huge page would not go into the last gaps. */
    madvise(area, n_pages * SDM_PAGE_BYTES, MADV_NOHUGEPAGE);
    return true;
}

uint64_t fill_free(void)
{
    uint64_t n_pages = 0;

    fill_release();
    for (uint64_t i = 0; i < n_touched; i++) {
        n_pages += frames[i] != 0;
    }
    if (area != NULL) {
        munmap(area, n_area * SDM_PAGE_BYTES);
    }
    if (frames != NULL) {
        munmap(frames, n_area * sizeof *frames);
    }
    area = NULL;
    frames = NULL;
    n_area = n_touched = 0;
    return n_pages;
}

/* Touches up to 'n' more pages. */
static void touch(uint64_t n, uint64_t seed)
{
    uint64_t end = n_touched + n < n_area ? n_touched + n : n_area;

    for (; n_touched < end; n_touched++) {
        page_at(n_touched)[0] = seed;
    }
}

/* Reads the frames of all touched pages from the kernel. */
static bool read_frames(uint64_t *to)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t first = (uintptr_t)area / SDM_PAGE_BYTES;
    size_t size_bytes = n_touched * sizeof *to;
    ssize_t got = 0;

    if (fd < 0) {
        return false;
    }
    for (size_t done = 0; done < size_bytes; done += (size_t)got) {
        got = pread(fd, (char *)to + done, size_bytes - done, (off_t)(first * sizeof *to + done));
        if (got <= 0) {
            close(fd);
            return false;
        }
    }
    close(fd);
    for (uint64_t i = 0; i < n_touched; i++) {
        to[i] = to[i] & PAGE_PRESENT ? to[i] & PFN_MASK : 0;
    }
    return true;
}

static void stamp_all(uint64_t seed, struct fill_report *report)
{
    for (uint64_t i = 0; i < n_touched; i++) {
        if (frames[i] == 0) {
            continue;
        }
        sdm_stamp_write(page_at(i), seed, frames[i]);
        report->n_pages++;
        report->n_hot += blocks_is_hotplugged(frames[i]);
    }
}

static bool give_up(const char **why, const char *reason)
{
    fill_free();
    *why = reason;
    return false;
}

bool fill_mib(unsigned long mib, uint64_t seed, struct fill_report *report, const char **why)
{
    struct fill_report done = {0, 0, 0};
    long free_kib;

    fill_free();
    free_kib = procfs_meminfo_kib("MemFree:");
    if (mib == 0 || mib > (unsigned long)free_kib / 1024 ||
        free_kib - (long)mib * 1024 < KEEP_FREE_PAGES * 4L) {
        return give_up(why, "not that much free memory");
    }
    if (!area_open(((uint64_t)mib << 20) / SDM_PAGE_BYTES)) {
        return give_up(why, "no address space");
    }
    touch(n_area, seed);
    if (!read_frames(frames)) {
        return give_up(why, "cannot read /proc/self/pagemap");
    }
    stamp_all(seed, &done);
    *report = done;
    return true;
}

/* Settings under which the kernel gives out the very last page of the movable zone, and only there:
 * no watermarks, and each lower zone keeps back as much as the movable zone holds. */
static const struct setting {
    const char *path;
    const char *value;
} settings[] = {
    {"/proc/sys/vm/min_free_kbytes", "0"},
    {"/proc/sys/vm/watermark_scale_factor", "1"},
    {"/proc/sys/vm/watermark_boost_factor", "0"},
    {"/proc/sys/vm/lowmem_reserve_ratio", "1 1 1 0 0"},
    {"/proc/sys/vm/compaction_proactiveness", "0"},
    {"/proc/sys/vm/percpu_pagelist_high_fraction", "0"},
};

#define N_SETTINGS (sizeof settings / sizeof settings[0])

static void settings_apply(char old[N_SETTINGS][64])
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        procfs_read(settings[i].path, old[i], sizeof old[i]);
        procfs_write(settings[i].path, settings[i].value);
    }
}

static void settings_restore(char old[N_SETTINGS][64])
{
    for (size_t i = N_SETTINGS; i-- > 0;) {
        procfs_write(settings[i].path, old[i]);
    }
}

/* Takes free pages until 'movable' has one per-CPU batch left, or as many as cannot be avoided;
 * false when the kernel itself gets short of memory, for then it would look for somebody to kill.
 *
 * A lower zone keeps back as many pages as the movable zone has; what it has beyond them the kernel
 * would give out before the movable zone's last ones, so it is taken, too. */
static bool drain_to_last_batch(uint64_t seed, struct zone_pages *movable)
{
    struct zone_pages low;

    while (procfs_zone("Movable", movable) && procfs_zone("DMA32", &low)) {
        long n_more = movable->n_free + movable->n_percpu - movable->n_batch;
        long n_spare = low.n_free - movable->n_managed - SPARE_MARGIN_PAGES;
        n_more = n_more > 0 && movable->n_free > 0 ? n_more : 0;
        n_spare = n_spare > 0 ? n_spare : 0;
        if (low.n_free < KEEP_FREE_PAGES) {
            return false;
        }
        if (n_more + n_spare == 0 || n_touched == n_area) {
            return true;
        }
        touch((uint64_t)(n_more + n_spare), seed);
    }
    return false;
}

/* A sequence without a short period (Numerical Recipes' generator, upper half). */
static uint32_t any_number(void)
{
    static uint32_t state = 1;

    state = state * UINT32_C(1664525) + UINT32_C(1013904223);
    return state >> 16;
}

/* Takes the last pages.
 *
 * The kernel's watermark check looks at the buddy lists only.  When a refill of the per-CPU list
 * empties them, what it took beyond the one page that was wanted cannot be had any more; asking for
 * it would bring the OOM killer.  All can be had if exactly one page is in the buddy lists when one
 * batch is left.  So pages are given back and taken again until that is so, each time with another
 * limit of the per-CPU list, because the limit decides how many of the pages that come back go on
 * to the buddy lists. */
static void drain_last_batch(uint64_t seed, struct zone_pages *movable)
{
    for (long round = 0; round < MAX_ROUNDS; round++) {
        long high = 5 * movable->n_batch + (long)(any_number() % 128);
        uint64_t n_back = (uint64_t)high * 3 + any_number() % 256;
        char fraction[32];

        while (movable->n_free + movable->n_percpu <= movable->n_batch && movable->n_free == 1) {
            touch((uint64_t)(movable->n_free + movable->n_percpu), seed);
            procfs_zone("Movable", movable);
        }
        if (movable->n_free + movable->n_percpu == 0 || n_back >= n_touched) {
            return;
        }
        snprintf(fraction, sizeof fraction, "%ld", movable->n_managed / high);
        procfs_write("/proc/sys/vm/percpu_pagelist_high_fraction", fraction);
        n_touched -= n_back;
        madvise(area + n_touched * SDM_PAGE_BYTES, n_back * SDM_PAGE_BYTES, MADV_DONTNEED);
        if (!drain_to_last_batch(seed, movable)) {
            return;
        }
    }
}

/* Keeps what lies in hot-plugged memory and gives the rest back. */
static void drop_boot_pages(void)
{
    for (uint64_t i = 0; i < n_touched; i++) {
        if (frames[i] != 0 && !blocks_is_hotplugged(frames[i])) {
            madvise(area + i * SDM_PAGE_BYTES, SDM_PAGE_BYTES, MADV_DONTNEED);
            frames[i] = 0;
        }
    }
}

bool fill_hotplug(uint64_t seed, struct fill_report *report, const char **why)
{
    struct fill_report done = {0, 0, 0};
    struct zone_pages movable;
    char old[N_SETTINGS][64];

    fill_free();
    if (!procfs_zone("Movable", &movable) || movable.n_managed == 0) {
        return give_up(why, "no memory is plugged in");
    }
    if (!area_open(blocks_end_pfn())) {
        return give_up(why, "no address space");
    }
    settings_apply(old);
    if (drain_to_last_batch(seed, &movable)) {
        drain_last_batch(seed, &movable);
    }
    settings_restore(old);
    if (!read_frames(frames)) {
        return give_up(why, "cannot read /proc/self/pagemap");
    }
    drop_boot_pages();
    stamp_all(seed, &done);
    done.n_missing = (uint64_t)(movable.n_free + movable.n_percpu);
    *report = done;
    return true;
}

static void print_range(uint64_t first, uint64_t end, unsigned nth)
{
    if (nth < MAX_RANGES_SHOWN) {
        printf("RANGE %#llx %llu %s\n", (unsigned long long)first,
               (unsigned long long)(end - first), blocks_is_hotplugged(first) ? "hotplug" : "boot");
    }
}

unsigned fill_print_ranges(void)
{
    uint64_t n_frames = blocks_end_pfn();
    uint8_t *taken = map_bytes(n_frames);
    uint64_t first = 0;
    unsigned n_ranges = 0;

    if (taken == NULL) {
        return 0;
    }
    for (uint64_t i = 0; i < n_touched; i++) {
        if (frames[i] != 0 && frames[i] < n_frames) {
            taken[frames[i]] = 1;
        }
    }
    for (uint64_t pfn = 1; pfn <= n_frames; pfn++) {
        bool here = pfn < n_frames && taken[pfn];
        if (here && !taken[pfn - 1]) {
            first = pfn;
        } else if (!here && taken[pfn - 1]) {
            print_range(first, pfn, n_ranges++);
        }
    }
    munmap(taken, n_frames);
    return n_ranges;
}

void fill_verify(uint64_t seed, struct verify_report *report)
{
    struct verify_report found = {0, 0, 0};
    uint64_t *now = n_touched ? map_bytes(n_touched * sizeof *now) : NULL;
    bool have_now = now != NULL && read_frames(now);

    for (uint64_t i = 0; i < n_touched; i++) {
        if (frames[i] == 0) {
            continue;
        }
        found.n_pages++;
        found.n_bad += !sdm_stamp_right(page_at(i), seed, frames[i]);
        found.n_moved += have_now && now[i] != frames[i];
    }
    if (now != NULL) {
        munmap(now, n_touched * sizeof *now);
    }
    *report = found;
}

/* A page inside a pipe has a reference that the kernel cannot take away, so its frame cannot move.
 */
static bool hold_page(void *page)
{
    struct iovec piece = {.iov_base = page, .iov_len = SDM_PAGE_BYTES};
    int ends[2];

    if (n_holds == MAX_HOLDS || pipe2(ends, O_CLOEXEC) < 0) {
        return false;
    }
    if (vmsplice(ends[1], &piece, 1, 0) != (ssize_t)SDM_PAGE_BYTES) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    holds[n_holds++] = (struct hold){ends[0], ends[1]};
    return true;
}

unsigned fill_hold(void)
{
    struct fill_report report;
    const char *why;
    uint64_t last_block = UINT64_MAX;

    /* Blocks are at least 128 MiB; 2^15 frames are that much. */
    if (n_touched == 0 && !fill_mib(1, 0, &report, &why)) {
        return 0;
    }
    for (uint64_t i = 0; i < n_touched; i++) {
        uint64_t block = frames[i] >> 15;
        if (frames[i] != 0 && block != last_block && blocks_is_hotplugged(frames[i]) &&
            hold_page((void *)(uintptr_t)page_at(i))) {
            last_block = block;
        }
    }
    return n_holds;
}

unsigned fill_release(void)
{
    unsigned n_released = n_holds;

    while (n_holds > 0) {
        n_holds--;
        close(holds[n_holds].pipe_read);
        close(holds[n_holds].pipe_write);
    }
    return n_released;
}
