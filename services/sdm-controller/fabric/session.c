#include "sdm-controller/fabric/session.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

/* A device that answers with more than this for one request is broken. */
enum { MAX_ANSWER_BYTES = 1024 * 1024 };

struct sdm_session {
    char *device;
    int fd;
    bool usable;
    GString *received;
};

static bool wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int64_t left_us = deadline_us - g_get_monotonic_time();
        int n = left_us <= 0 ? 0 : poll(&poll_fd, 1, (int)((left_us + 999) / 1000));

        if (n > 0) {
            return true;
        }
        if (n == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

static bool connect_within(int fd, const struct addrinfo *address, int64_t deadline_us)
{
    int status = 0;
    socklen_t size = sizeof status;

    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
        return true;
    }
    if (errno != EINPROGRESS || !wait_for(fd, POLLOUT, deadline_us)) {
        return false;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &size) != 0) {
        return false;
    }
    errno = status;
    return status == 0;
}

/* Returns a connected, non-blocking socket, or -1 with errno set. */
static int dial(const struct addrinfo *address, int64_t deadline_us)
{
    SDM_AUTOCLOSE
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    int connected;

    if (fd < 0 || !connect_within(fd, address, deadline_us)) {
        return -1;
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        return -1;
    }
    connected = fd;
    fd = -1;
    return connected;
}

static int dial_endpoint(const char *endpoint, int64_t deadline_us, GError **error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    g_autofree char *host = g_strdup(endpoint);
    char *port = strrchr(host, ':');
    struct addrinfo *addresses = NULL;
    int status;
    int fd;

    if (port == NULL) {
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want host:port as endpoint, found '%s'",
                   endpoint);
        return -1;
    }
    *port++ = '\0';
    status = getaddrinfo(host, port, &hints, &addresses);
    if (status != 0) {
        sdm_unavailable(error, "resolve '%s': %s", endpoint, gai_strerror(status));
        return -1;
    }
    fd = dial(addresses, deadline_us);
    if (fd < 0) {
        sdm_unavailable(error, "connect to '%s': %s", endpoint, g_strerror(errno));
    }
    freeaddrinfo(addresses);
    return fd;
}

static bool lost(struct sdm_session *session, const char *step, GError **error)
{
    session->usable = false;
    return sdm_unavailable(error, "device '%s', %s: %s", session->device, step,
                           errno == 0 ? "closed by the device" : g_strerror(errno));
}

static bool send_line(struct sdm_session *session, const char *line, int64_t deadline_us,
                      GError **error)
{
    g_autofree char *bytes = g_strconcat(line, "\n", NULL);
    size_t size = strlen(bytes);
    size_t sent = 0;

    while (sent < size) {
        ssize_t n = send(session->fd, bytes + sent, size - sent, MSG_NOSIGNAL);

        if (n > 0) {
            sent += (size_t)n;
        } else if (errno != EINTR &&
                   (errno != EAGAIN || !wait_for(session->fd, POLLOUT, deadline_us))) {
            return lost(session, "send", error);
        }
    }
    return true;
}

/* Takes one line out of what was received; NULL when there is none yet. */
static char *take_line(struct sdm_session *session)
{
    char *end = memchr(session->received->str, '\n', session->received->len);
    char *line;

    if (end == NULL) {
        return NULL;
    }
    line = g_strndup(session->received->str, (gsize)(end - session->received->str));
    g_string_erase(session->received, 0, end - session->received->str + 1);
    return line;
}

static char *receive_line(struct sdm_session *session, int64_t deadline_us, GError **error)
{
    char bytes[4096];
    char *line;

    while ((line = take_line(session)) == NULL) {
        ssize_t n = recv(session->fd, bytes, sizeof bytes, 0);

        if (n > 0 && session->received->len < MAX_ANSWER_BYTES) {
            g_string_append_len(session->received, bytes, n);
            continue;
        }
        if (n >= 0) {
            errno = n == 0 ? 0 : EMSGSIZE;
            lost(session, "receive", error);
            return NULL;
        }
        if (errno != EINTR && (errno != EAGAIN || !wait_for(session->fd, POLLIN, deadline_us))) {
            lost(session, "receive", error);
            return NULL;
        }
    }
    return line;
}

/* "error CODE text" becomes the refusal that it means to us. */
static bool refused(const struct sdm_session *session, const char *line, const char *answer,
                    GError **error)
{
    enum sdm_error_code code = SDM_ERROR_FABRIC_REFUSED;

    if (g_str_has_prefix(answer, "error STALE_EPOCH")) {
        code = SDM_ERROR_STALE_EPOCH;
    }
    return sdm_refuse(error, code, "device '%s' refuses '%s': %s", session->device, line,
                      g_str_has_prefix(answer, "error ") ? answer + strlen("error ") : answer);
}

char *sdm_session_request(struct sdm_session *session, const char *line, int64_t timeout_ms,
                          GError **error)
{
    int64_t deadline_us = g_get_monotonic_time() + timeout_ms * 1000;
    g_autofree char *answer = NULL;

    if (!send_line(session, line, deadline_us, error)) {
        return NULL;
    }
    answer = receive_line(session, deadline_us, error);
    if (answer == NULL) {
        return NULL;
    }
    if (strcmp(answer, "ok") == 0 || g_str_has_prefix(answer, "ok ")) {
        return g_strdup(answer + (answer[2] == ' ' ? 3 : 2));
    }
    refused(session, line, answer, error);
    return NULL;
}

/* Connected, and not opened yet. */
static struct sdm_session *dial_device(const char *endpoint, const char *device, int64_t timeout_ms,
                                       GError **error)
{
    struct sdm_session *session;
    int fd = dial_endpoint(endpoint, g_get_monotonic_time() + timeout_ms * 1000, error);

    if (fd < 0) {
        return NULL;
    }
    session = g_new0(struct sdm_session, 1);
    session->device = g_strdup(device);
    session->fd = fd;
    session->usable = true;
    session->received = g_string_new(NULL);
    return session;
}

struct sdm_session *sdm_session_open(const char *endpoint, const char *device, int64_t epoch,
                                     int64_t timeout_ms, GError **error)
{
    g_autofree char *line = g_strdup_printf("open %s %" G_GINT64_FORMAT, device, epoch);
    g_autofree char *answer = NULL;
    g_autoptr(sdm_session) session = dial_device(endpoint, device, timeout_ms, error);

    if (session == NULL) {
        return NULL;
    }
    answer = sdm_session_request(session, line, timeout_ms, error);
    return answer == NULL ? NULL : g_steal_pointer(&session);
}

/* "... epoch E is below SEEN that ..." */
static bool read_seen(const char *text, int64_t *seen)
{
    const char *number = strstr(text, "is below ");

    return number != NULL && g_ascii_isdigit(number[strlen("is below ")]) &&
           (*seen = g_ascii_strtoll(number + strlen("is below "), NULL, 10)) > 0;
}

bool sdm_session_ask_epoch(const char *endpoint, const char *device, int64_t epoch,
                           int64_t timeout_ms, int64_t *seen, GError **error)
{
    g_autofree char *line = g_strdup_printf("open %s %" G_GINT64_FORMAT, device, epoch);
    g_autofree char *answer = NULL;
    g_autoptr(sdm_session) session = dial_device(endpoint, device, timeout_ms, error);
    g_autoptr(GError) refusal = NULL;

    if (session == NULL) {
        return false;
    }
    answer = sdm_session_request(session, line, timeout_ms, &refusal);
    if (answer != NULL) {
        *seen = epoch;
        return true;
    }
    if (g_error_matches(refusal, SDM_ERROR, SDM_ERROR_STALE_EPOCH) &&
        read_seen(refusal->message, seen)) {
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&refusal));
    return false;
}

void sdm_session_close(struct sdm_session *session)
{
    if (session == NULL) {
        return;
    }
    close(session->fd);
    g_string_free(session->received, TRUE);
    g_free(session->device);
    g_free(session);
}

bool sdm_session_is_usable(const struct sdm_session *session)
{
    return session->usable;
}
