/* Owners of remote memory, as cheap as can be: writes and verifies stamps in the bytes behind every
 * NetPort entry of a rack, all the time.
 *
 *   sdm-stamper STATE-DIR BYTES-DIR BRICK...        BRICK: "cb0" computes, "mb3=4" is memory module
 * 4
 *
 * It follows the register files that emurackd publishes.  For each extent that is newly mapped it
 * prints "new EXTENT BRICK OFFSET SIZE COMPUTE ENTRY" and is told on stdin whose it is, by
 * "own EXTENT OWNER" (a UUID: the segment), or "own EXTENT -" to leave it alone.  From then on
 * every sampled page holds (owner, page, counter), until the last entry that maps the extent has
 * gone.  "cut COMPUTE" says that nothing which that brick writes arrives any more, "back COMPUTE"
 * that it does again.  What cannot be under one owner is printed as "bad KIND text":
 *
 *   foreign   a page of a newly given extent holds what is not its owner's, and is not zero (I6)
 *   changed   a page under a live entry is not what was written there (I1, I5)
 *   lost      an owner that comes back does not find what it had (I5)
 *   twice     two entries of one compute brick lead to the same bytes (I1)
 *   overlap   entries lead to byte ranges that overlap without being equal (I1)
 *
 * "count WINDOWS STAMPS CHECKS" comes every second.  Ends with stdin. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "lib/netport/netport.h"

enum {
    ROUND_MS = 20,
    N_SAMPLES = 24,
    /* Written this long before the entry was still seen, a stamp was in the brick's memory for
       good. */
    SETTLED_US = 500000,
    OWNER_SIZE = 37,
    MAGIC = 0x53444d31,
};

struct stamp {
    uint32_t magic;
    char owner[OWNER_SIZE];
    uint64_t page;
    uint64_t counter;
};

struct brick {
    char *id;
    uint8_t *registers;
    bool is_cut;
    uint8_t seen[SDM_NETPORT_FILE_BYTES];
    struct sdm_netport_entry table[SDM_NETPORT_N_ENTRIES];
};

/* Bytes of a memory brick that entries map. */
struct extent {
    unsigned id;
    char *memory;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    ino_t inode;
    uint8_t *bytes;
    char owner[OWNER_SIZE]; /* empty until it is told */
    bool is_left_alone;
    bool is_mapped; /* in this round */
    unsigned n_users;
    uint64_t counters[N_SAMPLES]; /* what the pages hold; 0 until written */
    uint64_t settled[N_SAMPLES];  /* what they held for long */
    int64_t written_us;
};

/* What an owner had in its bytes when they were last seen. */
struct memory_of {
    uint64_t counters[N_SAMPLES];
};

static const char *state_dir;
static const char *bytes_dir;
static GPtrArray *bricks;
static GHashTable *modules; /* module to memory brick's id */
static GPtrArray *extents;
static GHashTable *owners; /* owner to struct memory_of */
static unsigned last_id;
static uint64_t last_counter;
static uint64_t n_stamps;
static uint64_t n_checks;

static bool is_equal(const struct extent *extent, const char *memory, uint64_t offset_bytes,
                     uint64_t size_bytes)
{
    return strcmp(extent->memory, memory) == 0 && extent->offset_bytes == offset_bytes &&
           extent->size_bytes == size_bytes;
}

static struct extent *find_extent(const char *memory, uint64_t offset_bytes, uint64_t size_bytes)
{
    for (guint i = 0; i < extents->len; i++) {
        if (is_equal(extents->pdata[i], memory, offset_bytes, size_bytes)) {
            return extents->pdata[i];
        }
    }
    return NULL;
}

static uint8_t *page_of(const struct extent *extent, unsigned sample)
{
    uint64_t n_pages = extent->size_bytes / SDM_NETPORT_PAGE_BYTES;

    /* Both ends and places between, each within another stretch of the segment. */
    return extent->bytes + (n_pages - 1) * sample / (N_SAMPLES - 1) * SDM_NETPORT_PAGE_BYTES;
}

static uint64_t page_number(const struct extent *extent, unsigned sample)
{
    return (extent->offset_bytes + (uint64_t)(page_of(extent, sample) - extent->bytes)) /
           SDM_NETPORT_PAGE_BYTES;
}

static bool is_zero(const uint8_t *page)
{
    static const uint8_t zero[SDM_NETPORT_PAGE_BYTES];

    return memcmp(page, zero, sizeof zero) == 0;
}

static void bad(const struct extent *extent, const char *kind, unsigned sample)
{
    struct stamp found;

    memcpy(&found, page_of(extent, sample), sizeof found);
    found.owner[OWNER_SIZE - 1] = '\0';
    printf("bad %s extent %u (%s %" PRIu64 "+%" PRIu64 ") of %s, page %" PRIu64 ": want counter "
           "%" PRIu64 ", found %s counter %" PRIu64 " page %" PRIu64 "\n",
           kind, extent->id, extent->memory, extent->offset_bytes, extent->size_bytes,
           extent->owner, page_number(extent, sample), extent->counters[sample],
           found.magic == MAGIC ? found.owner : "no stamp", found.counter, found.page);
}

/* Opens the file of an extent; NULL when it is gone again. */
static struct extent *new_extent(const char *memory, uint64_t offset_bytes, uint64_t size_bytes)
{
    g_autofree char *path = g_strdup_printf("%s/segments/%s-%" PRIu64 "-%" PRIu64, bytes_dir,
                                            memory, offset_bytes, size_bytes);
    struct extent *extent;
    struct stat status;
    void *bytes;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &status) != 0 || (uint64_t)status.st_size < size_bytes) {
        if (fd >= 0) {
            close(fd);
        }
        return NULL;
    }
    bytes = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED) {
        return NULL;
    }
    extent = g_new0(struct extent, 1);
    extent->id = ++last_id;
    extent->memory = g_strdup(memory);
    extent->offset_bytes = offset_bytes;
    extent->size_bytes = size_bytes;
    extent->inode = status.st_ino;
    extent->bytes = bytes;
    return extent;
}

/* It has gone: what its owner may find again is noted. */
static void free_extent(struct extent *extent)
{
    if (extent->owner[0] != '\0') {
        struct memory_of *had = g_new0(struct memory_of, 1);

        memcpy(had->counters, extent->settled, sizeof had->counters);
        g_hash_table_insert(owners, g_strdup(extent->owner), had);
    }
    munmap(extent->bytes, extent->size_bytes);
    g_free(extent->memory);
    g_free(extent);
}

static bool is_current(const struct extent *extent)
{
    g_autofree char *path =
        g_strdup_printf("%s/segments/%s-%" PRIu64 "-%" PRIu64, bytes_dir, extent->memory,
                        extent->offset_bytes, extent->size_bytes);
    struct stat status;

    return stat(path, &status) == 0 && status.st_ino == extent->inode;
}

static void tell_overlaps(const struct extent *made)
{
    for (guint i = 0; i < extents->len; i++) {
        const struct extent *other = extents->pdata[i];

        if (other != made && other->is_mapped && is_current(other) &&
            strcmp(other->memory, made->memory) == 0 &&
            other->offset_bytes < made->offset_bytes + made->size_bytes &&
            made->offset_bytes < other->offset_bytes + other->size_bytes) {
            printf("bad overlap %s %" PRIu64 "+%" PRIu64 " and %" PRIu64 "+%" PRIu64 "\n",
                   made->memory, made->offset_bytes, made->size_bytes, other->offset_bytes,
                   other->size_bytes);
        }
    }
}

static void see_window(const struct brick *brick, unsigned entry,
                       const struct sdm_netport_window *window)
{
    const char *memory = g_hash_table_lookup(modules, GUINT_TO_POINTER(window->module));
    uint64_t size_bytes = window->end_bytes - window->start_bytes;
    struct extent *extent;

    if (memory == NULL) {
        printf("bad foreign %s entry %u names module %u\n", brick->id, entry, window->module);
        return;
    }
    extent = find_extent(memory, window->brick_bytes, size_bytes);
    if (extent == NULL) {
        extent = new_extent(memory, window->brick_bytes, size_bytes);
        if (extent == NULL) {
            return;
        }
        extent->is_mapped = true;
        g_ptr_array_add(extents, extent);
        tell_overlaps(extent);
        printf("new %u %s %" PRIu64 " %" PRIu64 " %s %u\n", extent->id, memory, window->brick_bytes,
               size_bytes, brick->id, entry);
    }
    extent->is_mapped = true;
    extent->n_users++;
}

static void tell_twice(const struct brick *brick, unsigned a, unsigned b)
{
    struct sdm_netport_window first;
    struct sdm_netport_window second;

    sdm_netport_entry_read(&brick->table[a], &first);
    sdm_netport_entry_read(&brick->table[b], &second);
    if (first.module == second.module && first.brick_bytes == second.brick_bytes) {
        printf("bad twice %s entries %u and %u lead to byte %" PRIu64 " of module %u\n", brick->id,
               a, b, first.brick_bytes, first.module);
    }
}

static bool read_brick(struct brick *brick)
{
    if (brick->is_cut) {
        return false;
    }
    memcpy(brick->seen, brick->registers, sizeof brick->seen);
    return sdm_netport_file_decode(brick->seen, sizeof brick->seen, brick->table, NULL);
}

static bool is_live(const struct sdm_netport_entry *entry)
{
    return entry->start < entry->end;
}

static void scan_brick(struct brick *brick)
{
    int before = -1;

    if (!read_brick(brick)) {
        return;
    }
    for (unsigned i = 0; i < SDM_NETPORT_N_ENTRIES; i++) {
        struct sdm_netport_window window;

        if (!is_live(&brick->table[i])) {
            continue;
        }
        for (unsigned j = (unsigned)(before + 1); before >= 0 && j-- > 0;) {
            if (is_live(&brick->table[j])) {
                tell_twice(brick, j, i);
            }
        }
        before = (int)i;
        sdm_netport_entry_read(&brick->table[i], &window);
        see_window(brick, i, &window);
    }
}

/* True when an entry still maps the extent: asked before a difference is believed. */
static bool still_mapped(const struct extent *extent)
{
    for (guint i = 0; i < bricks->len; i++) {
        struct brick *brick = bricks->pdata[i];

        if (!read_brick(brick)) {
            continue;
        }
        for (unsigned j = 0; j < SDM_NETPORT_N_ENTRIES; j++) {
            struct sdm_netport_window window;

            if (!is_live(&brick->table[j])) {
                continue;
            }
            sdm_netport_entry_read(&brick->table[j], &window);
            if (is_equal(extent, g_hash_table_lookup(modules, GUINT_TO_POINTER(window.module)),
                         window.brick_bytes, window.end_bytes - window.start_bytes)) {
                return is_current(extent);
            }
        }
    }
    return false;
}

static void write_stamp(struct extent *extent, unsigned sample)
{
    struct stamp stamp = {
        .magic = MAGIC, .page = page_number(extent, sample), .counter = ++last_counter};

    memcpy(stamp.owner, extent->owner, sizeof stamp.owner);
    extent->counters[sample] = stamp.counter;
    memcpy(page_of(extent, sample), &stamp, sizeof stamp);
    n_stamps++;
}

static bool is_ours(const struct extent *extent, unsigned sample)
{
    struct stamp stamp;

    memcpy(&stamp, page_of(extent, sample), sizeof stamp);
    return stamp.magic == MAGIC && strcmp(stamp.owner, extent->owner) == 0 &&
           stamp.page == page_number(extent, sample);
}

static void verify(struct extent *extent)
{
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct stamp stamp;

        memcpy(&stamp, page_of(extent, i), sizeof stamp);
        n_checks++;
        if ((!is_ours(extent, i) || stamp.counter != extent->counters[i]) && still_mapped(extent)) {
            bad(extent, "changed", i);
            extent->is_left_alone = true;
            return;
        }
    }
}

/* The first look under a known owner. */
static void greet(struct extent *extent)
{
    const struct memory_of *had = g_hash_table_lookup(owners, extent->owner);

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        struct stamp stamp;

        memcpy(&stamp, page_of(extent, i), sizeof stamp);
        n_checks++;
        if (!is_ours(extent, i) && !is_zero(page_of(extent, i)) && still_mapped(extent)) {
            bad(extent, "foreign", i);
        } else if (had != NULL && had->counters[i] != 0 &&
                   (!is_ours(extent, i) || stamp.counter < had->counters[i]) &&
                   still_mapped(extent)) {
            extent->counters[i] = had->counters[i];
            bad(extent, "lost", i);
        }
    }
}

static void stamp_all(struct extent *extent)
{
    int64_t now_us = g_get_monotonic_time();

    if (extent->written_us != 0 && now_us - extent->written_us < SETTLED_US) {
        return;
    }
    if (extent->written_us != 0) {
        memcpy(extent->settled, extent->counters, sizeof extent->settled);
    }
    for (unsigned i = 0; i < N_SAMPLES; i++) {
        write_stamp(extent, i);
    }
    extent->written_us = now_us;
}

static void run_round(void)
{
    for (guint i = 0; i < extents->len; i++) {
        ((struct extent *)extents->pdata[i])->is_mapped = false;
        ((struct extent *)extents->pdata[i])->n_users = 0;
    }
    for (guint i = 0; i < bricks->len; i++) {
        scan_brick(bricks->pdata[i]);
    }
    for (guint i = extents->len; i > 0; i--) {
        struct extent *extent = extents->pdata[i - 1];

        if (!extent->is_mapped || !is_current(extent)) {
            printf("gone %u\n", extent->id);
            g_ptr_array_remove_index_fast(extents, i - 1);
            free_extent(extent);
        } else if (extent->owner[0] != '\0' && !extent->is_left_alone) {
            if (extent->written_us != 0) {
                verify(extent);
            }
            if (!extent->is_left_alone) {
                stamp_all(extent);
            }
        }
    }
}

static void cut(const char *compute, bool is_cut)
{
    for (guint i = 0; i < bricks->len; i++) {
        struct brick *brick = bricks->pdata[i];

        if (strcmp(brick->id, compute) == 0) {
            brick->is_cut = is_cut;
        }
    }
}

static void obey(const char *line)
{
    char owner[OWNER_SIZE];
    unsigned id;

    if (g_str_has_prefix(line, "cut ")) {
        cut(line + strlen("cut "), true);
    } else if (g_str_has_prefix(line, "back ")) {
        cut(line + strlen("back "), false);
    }
    if (sscanf(line, "own %u %36s", &id, owner) != 2) {
        return;
    }
    for (guint i = 0; i < extents->len; i++) {
        struct extent *extent = extents->pdata[i];

        if (extent->id == id && strcmp(owner, "-") == 0) {
            extent->is_left_alone = true;
        } else if (extent->id == id && extent->owner[0] == '\0' && still_mapped(extent)) {
            g_strlcpy(extent->owner, owner, sizeof extent->owner);
            greet(extent);
        }
    }
}

static bool add_compute(const char *id)
{
    g_autofree char *path = g_strdup_printf("%s/rmc/%s.regs", state_dir, id);
    struct brick *brick = g_new0(struct brick, 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *registers;

    registers =
        fd < 0 ? MAP_FAILED : mmap(NULL, SDM_NETPORT_FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (registers == MAP_FAILED) {
        fprintf(stderr, "sdm-stamper: %s: %s\n", path, strerror(errno));
        return false;
    }
    close(fd);
    brick->id = g_strdup(id);
    brick->registers = registers;
    g_ptr_array_add(bricks, brick);
    return true;
}

/* Reads what has come; false when stdin has ended. */
static bool read_orders(GString *pending, int timeout_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char text[4096];
    const char *end;
    ssize_t n;

    if (poll(&input, 1, timeout_ms) <= 0) {
        return true;
    }
    n = read(STDIN_FILENO, text, sizeof text);
    if (n <= 0) {
        return false;
    }
    g_string_append_len(pending, text, n);
    while ((end = strchr(pending->str, '\n')) != NULL) {
        g_autofree char *line = g_strndup(pending->str, (gsize)(end - pending->str));

        g_string_erase(pending, 0, end - pending->str + 1);
        obey(line);
    }
    return true;
}

static void run(void)
{
    g_autoptr(GString) pending = g_string_new(NULL);
    int64_t told_us = 0;

    while (read_orders(pending, ROUND_MS)) {
        run_round();
        if (g_get_monotonic_time() - told_us > G_USEC_PER_SEC) {
            told_us = g_get_monotonic_time();
            printf("count %u %" PRIu64 " %" PRIu64 "\n", extents->len, n_stamps, n_checks);
        }
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: sdm-stamper STATE-DIR BYTES-DIR BRICK|BRICK=MODULE...\n");
        return 2;
    }
    state_dir = argv[1];
    bytes_dir = argv[2];
    bricks = g_ptr_array_new();
    extents = g_ptr_array_new();
    modules = g_hash_table_new(NULL, NULL);
    owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 3; i < argc; i++) {
        g_auto(GStrv) sides = g_strsplit(argv[i], "=", 2);

        if (sides[1] != NULL) {
            g_hash_table_insert(modules, GUINT_TO_POINTER(atoi(sides[1])), g_strdup(sides[0]));
        } else if (!add_compute(sides[0])) {
            return 2;
        }
    }
    run();
    return 0;
}
