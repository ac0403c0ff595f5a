/* sdm-find-pattern: looks for a guest's stamped pages (stamp.h) in memory files on the host.
 *
 *   right SEED BASE FILE[@OFFSET+SIZE]   pages stamped for the frame that lies there, when the
 * range is mapped into the guest at physical address BASE any SEED FILE[@OFFSET+SIZE]... pages that
 * hold the seed in any word zero FILE[@OFFSET+SIZE]...           bytes that are not 0
 *
 * Prints one JSON object a file and exits with 0, or with 1 and a reason on stderr.  Holes of
 * sparse files are skipped, so the cost is that of the bytes that exist. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stamp.h"

struct range {
    char *path;
    int fd;
    uint64_t offset_bytes;
    uint64_t size_bytes;
};

struct count {
    uint64_t n_right; /* pages stamped for their own frame */
    uint64_t n_wrong; /* pages with the seed that are stamped for another frame, or damaged */
    uint64_t n_any;   /* pages with the seed in any word */
    uint64_t n_nonzero_bytes;
};

struct search {
    uint64_t seed;
    uint64_t base_pfn;
    void (*look)(const struct search *search, const volatile uint64_t *page, uint64_t index,
                 struct count *count);
};

static _Noreturn void fail(const char *what, const char *about)
{
    fprintf(stderr, "sdm-find-pattern: %s '%s'%s%s\n", what, about, errno ? ": " : "",
            errno ? strerror(errno) : "");
    exit(1);
}

static uint64_t parse_u64(const char *text, char **end)
{
    uint64_t value;

    errno = 0;
    value = strtoull(text, end, 0);
    if (errno != 0 || *end == text) {
        fail("not a number", text);
    }
    return value;
}

static uint64_t parse_whole(const char *text)
{
    char *end;
    uint64_t value = parse_u64(text, &end);

    if (*end != '\0') {
        fail("not a number", text);
    }
    return value;
}

/* FILE, or FILE@OFFSET+SIZE with the last '@' as the mark. */
static void range_open(struct range *range, char *text)
{
    char *mark = strrchr(text, '@');
    struct stat status;

    if (mark != NULL) {
        *mark = '\0';
    }
    range->path = text;
    range->fd = open(text, O_RDONLY | O_CLOEXEC);
    if (range->fd < 0 || fstat(range->fd, &status) < 0) {
        fail("cannot open", text);
    }
    range->offset_bytes = 0;
    range->size_bytes = (uint64_t)status.st_size;
    if (mark != NULL) {
        char *end;
        range->offset_bytes = parse_u64(mark + 1, &end);
        if (*end != '+') {
            fail("want OFFSET+SIZE, found", mark + 1);
        }
        range->size_bytes = parse_whole(end + 1);
    }
    errno = 0;
    if (range->offset_bytes % SDM_PAGE_BYTES || range->size_bytes % SDM_PAGE_BYTES) {
        fail("not made of whole pages", text);
    }
    if (range->offset_bytes + range->size_bytes > (uint64_t)status.st_size) {
        fail("range ends behind the end of", text);
    }
}

static void look_right(const struct search *search, const volatile uint64_t *page, uint64_t index,
                       struct count *count)
{
    if (page[0] == search->seed) {
        bool right = sdm_stamp_right(page, search->seed, search->base_pfn + index);
        count->n_right += right;
        count->n_wrong += !right;
    }
}

static void look_any(const struct search *search, const volatile uint64_t *page, uint64_t index,
                     struct count *count)
{
    (void)index;
    for (size_t i = 0; i < SDM_PAGE_WORDS; i++) {
        if (page[i] == search->seed) {
            count->n_any++;
            return;
        }
    }
}

static void look_zero(const struct search *search, const volatile uint64_t *page, uint64_t index,
                      struct count *count)
{
    const volatile uint8_t *bytes = (const volatile uint8_t *)page;
    uint64_t seen = 0;

    (void)search;
    (void)index;
    for (size_t i = 0; i < SDM_PAGE_WORDS; i++) {
        seen |= page[i];
    }
    if (seen != 0) {
        for (size_t i = 0; i < SDM_PAGE_BYTES; i++) {
            count->n_nonzero_bytes += bytes[i] != 0;
        }
    }
}

/* Looks at the pages of [start, end), which lie inside the range and exist in the file. */
static void search_piece(const struct search *search, const struct range *range, uint64_t start,
                         uint64_t end, struct count *count)
{
    void *bytes =
        mmap(NULL, end - start, PROT_READ, MAP_SHARED | MAP_POPULATE, range->fd, (off_t)start);

    if (bytes == MAP_FAILED) {
        fail("cannot map", range->path);
    }
    for (uint64_t at = start; at < end; at += SDM_PAGE_BYTES) {
        const uint64_t *page = (const uint64_t *)((const char *)bytes + (at - start));
        search->look(search, page, (at - range->offset_bytes) / SDM_PAGE_BYTES, count);
    }
    munmap(bytes, end - start);
}

static void search_range(const struct search *search, const struct range *range,
                         struct count *count)
{
    const uint64_t piece_bytes = UINT64_C(256) << 20;
    uint64_t end = range->offset_bytes + range->size_bytes;
    uint64_t at = range->offset_bytes;

    while (at < end) {
        off_t data = lseek(range->fd, (off_t)at, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= end) {
            break;
        }
        uint64_t start = (uint64_t)data / SDM_PAGE_BYTES * SDM_PAGE_BYTES;
        uint64_t hole = (uint64_t)lseek(range->fd, data, SEEK_HOLE);
        uint64_t stop =
            hole < end ? (hole + SDM_PAGE_BYTES - 1) / SDM_PAGE_BYTES * SDM_PAGE_BYTES : end;
        if (start < at) {
            start = at;
        }
        if (stop - start > piece_bytes) {
            stop = start + piece_bytes;
        }
        search_piece(search, range, start, stop, count);
        at = stop;
    }
}

static void print_path(const char *path)
{
    putchar('"');
    for (; *path != '\0'; path++) {
        if (*path == '"' || *path == '\\') {
            putchar('\\');
        }
        putchar(*path);
    }
    putchar('"');
}

static void search_and_print(const struct search *search, char *text)
{
    struct count count = {0, 0, 0, 0};
    struct range range;

    range_open(&range, text);
    search_range(search, &range, &count);
    close(range.fd);
    printf("{\"file\": ");
    print_path(range.path);
    printf(", \"offset_bytes\": %" PRIu64 ", \"size_bytes\": %" PRIu64, range.offset_bytes,
           range.size_bytes);
    if (search->look == look_right) {
        printf(", \"n_pages\": %" PRIu64 ", \"n_right\": %" PRIu64 ", \"n_wrong\": %" PRIu64 "}\n",
               range.size_bytes / SDM_PAGE_BYTES, count.n_right, count.n_wrong);
    } else if (search->look == look_any) {
        printf(", \"n_any\": %" PRIu64 "}\n", count.n_any);
    } else {
        printf(", \"n_nonzero_bytes\": %" PRIu64 "}\n", count.n_nonzero_bytes);
    }
}

static int usage(FILE *to)
{
    fputs("usage: sdm-find-pattern right SEED BASE FILE[@OFFSET+SIZE]\n"
          "       sdm-find-pattern any SEED FILE[@OFFSET+SIZE]...\n"
          "       sdm-find-pattern zero FILE[@OFFSET+SIZE]...\n",
          to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    struct search search = {0, 0, NULL};
    int first = 0;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout);
    }
    if (argc == 5 && strcmp(argv[1], "right") == 0) {
        search.look = look_right;
        search.seed = parse_whole(argv[2]);
        search.base_pfn = parse_whole(argv[3]) / SDM_PAGE_BYTES;
        first = 4;
    } else if (argc >= 4 && strcmp(argv[1], "any") == 0) {
        search.look = look_any;
        search.seed = parse_whole(argv[2]);
        first = 3;
    } else if (argc >= 3 && strcmp(argv[1], "zero") == 0) {
        search.look = look_zero;
        first = 2;
    } else {
        return usage(stderr);
    }
    for (int i = first; i < argc; i++) {
        search_and_print(&search, argv[i]);
    }
    return 0;
}
