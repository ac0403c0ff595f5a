#include "lib/svc/unixsock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

#define BACKLOG    16
#define CHUNK_SIZE 16384

static bool fill_address(const char *path, struct sockaddr_un *address, GError **error)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (g_strlcpy(address->sun_path, path, sizeof address->sun_path) >= sizeof address->sun_path) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "want a socket path of at most %zu bytes, found '%s'",
                          sizeof address->sun_path - 1, path);
    }
    return true;
}

static int open_socket(GError **error)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        sdm_set_errno(error, errno, "open a socket");
    }
    return fd;
}

/* A socket outlives the process that made it; only where nobody answers may it be taken away. */
static bool remove_stale(const struct sockaddr_un *address, GError **error)
{
    SDM_AUTOCLOSE
    int fd = -1;
    struct stat about;

    if (lstat(address->sun_path, &about) != 0) {
        return true;
    }
    if (!S_ISSOCK(about.st_mode)) {
        return sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "'%s' is no socket", address->sun_path);
    }
    fd = open_socket(error);
    if (fd < 0) {
        return false;
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ||
        errno != ECONNREFUSED) {
        return sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "another process listens at '%s'",
                          address->sun_path);
    }
    unlink(address->sun_path);
    return true;
}

int sdm_unixsock_listen(const char *path, GError **error)
{
    SDM_AUTOCLOSE
    int fd = -1;
    struct sockaddr_un address;
    int result;

    if (!fill_address(path, &address, error) || !remove_stale(&address, error)) {
        return -1;
    }
    fd = open_socket(error);
    if (fd < 0) {
        return -1;
    }
    /* Before it has a name, so that there is no moment at which others may connect. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0) {
        sdm_set_errno(error, errno, "listen at '%s'", path);
        return -1;
    }
    result = fd;
    fd = -1;
    return result;
}

int sdm_unixsock_connect(const char *path, GError **error)
{
    SDM_AUTOCLOSE
    int fd = -1;
    struct sockaddr_un address;
    int result;

    if (!fill_address(path, &address, error)) {
        return -1;
    }
    fd = open_socket(error);
    if (fd < 0) {
        return -1;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        sdm_unavailable(error, "connect to '%s': %s", path, g_strerror(errno));
        return -1;
    }
    result = fd;
    fd = -1;
    return result;
}

bool sdm_unixsock_send(int fd, GByteArray *out)
{
    while (out->len > 0) {
        ssize_t n = send(fd, out->data, out->len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        g_byte_array_remove_range(out, 0, (guint)n);
    }
    return true;
}

bool sdm_unixsock_receive(int fd, GByteArray *in)
{
    guint8 chunk[CHUNK_SIZE];
    ssize_t n;

    do {
        n = recv(fd, chunk, sizeof chunk, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        g_byte_array_append(in, chunk, (guint)n);
    }
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool wait_for(int fd, short events, int64_t end_us)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int n;

    do {
        int64_t left_us = end_us - g_get_monotonic_time();

        if (left_us <= 0) {
            return false;
        }
        n = poll(&poll_fd, 1, (int)MIN((left_us + 999) / 1000, G_MAXINT));
    } while (n <= 0);
    return true;
}

bool sdm_unixsock_exchange(int fd, const char *request, GByteArray *line, unsigned timeout_ms,
                           GError **error)
{
    int64_t end_us = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;
    g_autoptr(GByteArray) out = g_byte_array_new();
    const guint8 *end = NULL;

    g_byte_array_append(out, (const guint8 *)request, (guint)strlen(request));
    while (end == NULL) {
        bool is_open;

        if (!wait_for(fd, out->len > 0 ? POLLOUT : POLLIN, end_us)) {
            return sdm_unavailable(error, "no answer within %u ms", timeout_ms);
        }
        is_open = out->len > 0 ? sdm_unixsock_send(fd, out) : sdm_unixsock_receive(fd, line);
        if (!is_open) {
            return sdm_unavailable(error, "the peer closed the connection");
        }
        end = line->len > 0 ? memchr(line->data, '\n', line->len) : NULL;
    }
    g_byte_array_set_size(line, (guint)(end - line->data));
    return true;
}
