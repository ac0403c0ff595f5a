#include "sdm-controller/audit_head.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/wire/codec.h"

/* More than the longest line. */
#define TAIL_SIZE 4096

struct sdm_audit_file {
    int fd;
    char *path;
    struct sdm_event_audit_head last;
};

/* The last bytes of the file; '*start' is where they begin in it. */
static bool read_tail(struct sdm_audit_file *file, char tail[TAIL_SIZE], size_t *size, off_t *start,
                      GError **error)
{
    struct stat status;
    ssize_t n;

    if (fstat(file->fd, &status) != 0) {
        return sdm_set_errno(error, errno, "look at '%s'", file->path);
    }
    *start = MAX(status.st_size - TAIL_SIZE, 0);
    n = pread(file->fd, tail, TAIL_SIZE, *start);
    if (n < 0) {
        return sdm_set_errno(error, errno, "read '%s'", file->path);
    }
    *size = (size_t)n;
    return true;
}

static bool read_last(struct sdm_audit_file *file, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    char tail[TAIL_SIZE];
    size_t size = 0;
    off_t start = 0;
    const char *end;
    const char *line;

    if (!read_tail(file, tail, &size, &start, error)) {
        return false;
    }
    end = memrchr(tail, '\n', size);
    if (end == NULL) {
        return (size < TAIL_SIZE ||
                sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%s' holds no heads", file->path)) &&
               (ftruncate(file->fd, start) == 0 ||
                sdm_set_errno(error, errno, "cut '%s'", file->path));
    }
    line = memrchr(tail, '\n', (size_t)(end - tail));
    line = line != NULL ? line + 1 : tail;
    if (!sdm_codec_decode(&sdm_event_audit_head_codec, line, (size_t)(end - line), arena,
                          &file->last, error)) {
        g_prefix_error(error, "the last line of '%s': ", file->path);
        return false;
    }
    return ftruncate(file->fd, start + (end + 1 - tail)) == 0 ||
           sdm_set_errno(error, errno, "cut '%s'", file->path);
}

struct sdm_audit_file *sdm_audit_file_open(const char *path, GError **error)
{
    g_autoptr(sdm_audit_file) file = g_new0(struct sdm_audit_file, 1);

    file->path = g_strdup(path);
    file->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (file->fd < 0) {
        sdm_set_errno(error, errno, "open '%s'", path);
        return NULL;
    }
    return read_last(file, error) ? g_steal_pointer(&file) : NULL;
}

void sdm_audit_file_close(struct sdm_audit_file *file)
{
    if (file == NULL) {
        return;
    }
    if (file->fd >= 0) {
        close(file->fd);
    }
    g_free(file->path);
    g_free(file);
}

const struct sdm_event_audit_head *sdm_audit_file_last(const struct sdm_audit_file *file)
{
    return &file->last;
}

bool sdm_audit_file_add(struct sdm_audit_file *file, const struct sdm_event_audit_head *head,
                        GError **error)
{
    g_autofree char *json = sdm_codec_encode(&sdm_event_audit_head_codec, head, NULL);
    g_autofree char *line = g_strconcat(json, "\n", NULL);
    size_t size = strlen(line);
    ssize_t n = write(file->fd, line, size);

    if (n < 0 || (size_t)n != size) {
        return sdm_set_errno(error, n < 0 ? errno : ENOSPC, "write to '%s'", file->path);
    }
    if (fdatasync(file->fd) != 0) {
        return sdm_set_errno(error, errno, "write '%s' to the disk", file->path);
    }
    file->last = *head;
    return true;
}
