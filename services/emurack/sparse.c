#include "emurack/sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/base/error.h"

enum { BOUNCE_BYTES = 1 << 20 };

/* For file systems that do not copy in the kernel. */
static bool bounce(int source, off_t from, int target, off_t to, uint64_t size_bytes,
                   GError **error)
{
    g_autofree char *buffer = g_malloc(BOUNCE_BYTES);

    while (size_bytes > 0) {
        ssize_t n_read = pread(source, buffer, MIN(size_bytes, (uint64_t)BOUNCE_BYTES), from);

        if (n_read <= 0) {
            return sdm_set_errno(error, n_read == 0 ? EIO : errno, "read %" G_GINT64_FORMAT,
                                 (gint64)from);
        }
        for (ssize_t done = 0; done < n_read;) {
            ssize_t n_written = pwrite(target, buffer + done, (size_t)(n_read - done), to + done);

            if (n_written < 0) {
                return sdm_set_errno(error, errno, "write %" G_GINT64_FORMAT, (gint64)to);
            }
            done += n_written;
        }
        from += n_read;
        to += n_read;
        size_bytes -= (uint64_t)n_read;
    }
    return true;
}

static bool copy_data(int source, off_t from, int target, off_t to, uint64_t size_bytes,
                      GError **error)
{
    while (size_bytes > 0) {
        ssize_t n_copied = copy_file_range(source, &from, target, &to, size_bytes, 0);

        if (n_copied <= 0) {
            return bounce(source, from, target, to, size_bytes, error);
        }
        size_bytes -= (uint64_t)n_copied;
    }
    return true;
}

bool sdm_sparse_overlay(int source, uint64_t source_offset_bytes, int target,
                        uint64_t target_offset_bytes, uint64_t size_bytes, GError **error)
{
    off_t end = (off_t)(source_offset_bytes + size_bytes);
    off_t data = (off_t)source_offset_bytes;

    for (;;) {
        off_t hole;

        data = lseek(source, data, SEEK_DATA);
        if (data < 0) {
            /* ENXIO: only a hole is left. */
            return errno == ENXIO || sdm_set_errno(error, errno, "look for data");
        }
        if (data >= end) {
            return true;
        }
        hole = lseek(source, data, SEEK_HOLE);
        if (hole < 0) {
            return sdm_set_errno(error, errno, "look for a hole");
        }
        hole = MIN(hole, end);
        if (!copy_data(source, data, target,
                       data - (off_t)source_offset_bytes + (off_t)target_offset_bytes,
                       (uint64_t)(hole - data), error)) {
            return false;
        }
        data = hole;
    }
}

bool sdm_sparse_copy(int source, uint64_t source_offset_bytes, int target,
                     uint64_t target_offset_bytes, uint64_t size_bytes, GError **error)
{
    return sdm_sparse_clear(target, target_offset_bytes, size_bytes, error) &&
           sdm_sparse_overlay(source, source_offset_bytes, target, target_offset_bytes, size_bytes,
                              error);
}

bool sdm_sparse_clear(int file, uint64_t offset_bytes, uint64_t size_bytes, GError **error)
{
    if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset_bytes,
                  (off_t)size_bytes) != 0) {
        return sdm_set_errno(error, errno, "punch a hole of %" G_GUINT64_FORMAT " bytes",
                             (guint64)size_bytes);
    }
    return true;
}
