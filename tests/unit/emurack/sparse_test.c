#include <criterion/criterion.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emurack/sparse.h"

static const uint64_t SIZE = UINT64_C(16) << 20;

static int make_file(const char *folder)
{
    g_autofree char *path = g_strdup_printf("%s/sparse-XXXXXX", folder);
    int fd = g_mkstemp(path);

    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(ftruncate(fd, (off_t)SIZE), 0);
    return fd;
}

static void put(int fd, uint64_t offset_bytes, const char *text)
{
    cr_assert_eq(pwrite(fd, text, strlen(text), (off_t)offset_bytes), (ssize_t)strlen(text));
}

static bool holds(int fd, uint64_t offset_bytes, const char *text)
{
    char found[32] = {0};

    cr_assert_eq(pread(fd, found, strlen(text), (off_t)offset_bytes), (ssize_t)strlen(text));
    return memcmp(found, text, strlen(text)) == 0;
}

static uint64_t allocated_bytes(int fd)
{
    struct stat found;

    cr_assert_eq(fstat(fd, &found), 0);
    return (uint64_t)found.st_blocks * 512;
}

/* Within one file system the kernel copies; between two it refuses, and we copy. */
Test(sparse, copies_data_and_holes)
{
    static const char *const targets[] = {"/tmp", "/dev/shm"};

    for (size_t i = 0; i < G_N_ELEMENTS(targets); i++) {
        int source = make_file("/dev/shm");
        int target = make_file(targets[i]);

        put(source, 0, "before the range");
        put(source, SIZE / 2, "first byte");
        put(source, SIZE / 2 + 3000000, "in the middle");
        put(source, SIZE - 8, "the end.");
        put(target, 0, "outside");
        put(target, 4096 + 500000, "overwritten by a hole");
        put(target, 4096 + SIZE / 2, "outside");
        cr_assert(sdm_sparse_copy(source, SIZE / 2, target, 4096, SIZE / 2, NULL), "%s",
                  targets[i]);
        cr_assert(holds(target, 0, "outside"), "%s", targets[i]);
        cr_assert(holds(target, 4096 + SIZE / 2, "outside"), "%s", targets[i]);
        cr_assert(holds(target, 4096, "first byte"), "%s", targets[i]);
        cr_assert(holds(target, 4096 + 3000000, "in the middle"), "%s", targets[i]);
        cr_assert(holds(target, 4096 + SIZE / 2 - 8, "the end."), "%s", targets[i]);
        cr_assert_not(holds(target, 4096 + 500000, "overwritten"), "%s", targets[i]);
        cr_assert_lt(allocated_bytes(target), SIZE / 4, "%s", targets[i]);
        close(source);
        close(target);
    }
}

Test(sparse, more_than_one_buffer_between_file_systems)
{
    int source = make_file("/dev/shm");
    int target = make_file("/tmp");
    g_autofree char *bytes = g_malloc(SIZE);
    g_autofree char *copied = g_malloc(SIZE);

    for (uint64_t i = 0; i < SIZE; i++) {
        bytes[i] = (char)(i % 251);
    }
    cr_assert_eq(pwrite(source, bytes, SIZE, 0), (ssize_t)SIZE);
    cr_assert(sdm_sparse_copy(source, 0, target, 0, SIZE, NULL));
    cr_assert_eq(pread(target, copied, SIZE, 0), (ssize_t)SIZE);
    cr_assert_eq(memcmp(bytes, copied, SIZE), 0);
    close(source);
    close(target);
}

Test(sparse, overlay_keeps_what_is_under_holes)
{
    int source = make_file("/dev/shm");
    int target = make_file("/dev/shm");

    put(source, 8192, "over");
    put(target, 0, "kept");
    put(target, 8192, "gone");
    cr_assert(sdm_sparse_overlay(source, 0, target, 0, SIZE, NULL));
    cr_assert(holds(target, 0, "kept"));
    cr_assert(holds(target, 8192, "over"));
    close(source);
    close(target);
}

Test(sparse, failures_are_told)
{
    int file = make_file("/dev/shm");
    int read_only = open("/dev/null", O_RDONLY);
    GError *error = NULL;

    put(file, 0, "data");
    cr_assert_not(sdm_sparse_clear(read_only, 0, 4096, &error));
    g_clear_error(&error);
    cr_assert_not(sdm_sparse_overlay(file, 0, read_only, 0, SIZE, &error));
    cr_assert_not_null(error);
    g_clear_error(&error);
    cr_assert_not(sdm_sparse_overlay(-1, 0, file, 0, SIZE, &error));
    g_clear_error(&error);
    close(file);
    close(read_only);
}
