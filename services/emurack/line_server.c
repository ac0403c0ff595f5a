#include "emurack/line_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gstdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"

enum {
    BACKLOG = 128,
    READ_BYTES = 16384,
    /* A peer that does not read its replies is closed. */
    MAX_UNSENT_BYTES = 8 << 20,
};

struct sdm_line_server {
    const struct sdm_line_handler *handler;
    gpointer data;
    int fd;
    guint source;
    char *address;
    bool is_unix;
    GPtrArray *peers;
    /* Peers that are closed stay until nobody's call can hold them any more. */
    GPtrArray *closed;
    guint reaper;
};

struct sdm_line_peer {
    struct sdm_line_server *server;
    int fd;
    bool closed;
    bool waiting;
    GString *in;
    GString *out;
    guint in_source;
    guint out_source;
    guint timer;
    void (*callback)(struct sdm_line_peer *peer);
    gpointer data;
    GDestroyNotify destroy;
};

static void drop_source(guint *source)
{
    if (*source != 0) {
        g_source_remove(*source);
        *source = 0;
    }
}

static void free_peer(gpointer data)
{
    struct sdm_line_peer *peer = data;

    if (peer->destroy != NULL) {
        peer->destroy(peer->data);
    }
    g_string_free(peer->in, TRUE);
    g_string_free(peer->out, TRUE);
    g_free(peer);
}

static gboolean on_reap(gpointer data)
{
    struct sdm_line_server *server = data;

    server->reaper = 0;
    g_ptr_array_set_size(server->closed, 0);
    return G_SOURCE_REMOVE;
}

void sdm_line_close(struct sdm_line_peer *peer)
{
    struct sdm_line_server *server = peer->server;

    if (peer->closed) {
        return;
    }
    peer->closed = true;
    drop_source(&peer->in_source);
    drop_source(&peer->out_source);
    drop_source(&peer->timer);
    close(peer->fd);
    g_ptr_array_remove_fast(server->peers, peer);
    g_ptr_array_add(server->closed, peer);
    if (server->reaper == 0) {
        server->reaper = g_idle_add(on_reap, server);
    }
    if (server->handler->closed != NULL) {
        server->handler->closed(peer, server->data);
    }
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data);

static void flush(struct sdm_line_peer *peer)
{
    while (peer->out->len > 0) {
        ssize_t n_sent = send(peer->fd, peer->out->str, peer->out->len, MSG_NOSIGNAL);

        if (n_sent < 0 && errno == EINTR) {
            continue;
        }
        if (n_sent < 0 && errno != EAGAIN) {
            sdm_line_close(peer);
            return;
        }
        if (n_sent < 0) {
            break;
        }
        g_string_erase(peer->out, 0, n_sent);
    }
    if (peer->out->len > MAX_UNSENT_BYTES) {
        sdm_line_close(peer);
    } else if (peer->out->len > 0 && peer->out_source == 0) {
        peer->out_source = g_unix_fd_add(peer->fd, G_IO_OUT, on_writable, peer);
    }
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data)
{
    struct sdm_line_peer *peer = data;

    (void)fd;
    (void)condition;
    /* The source ends with this call, so nobody else may end it; what is left asks for a new one.
     */
    peer->out_source = 0;
    flush(peer);
    return G_SOURCE_REMOVE;
}

void sdm_line_send(struct sdm_line_peer *peer, const char *text)
{
    if (peer->closed) {
        return;
    }
    g_string_append(peer->out, text);
    g_string_append_c(peer->out, '\n');
    flush(peer);
}

/* Takes the first whole line out of what was read; NULL when there is none. */
static char *take_line(struct sdm_line_peer *peer)
{
    char *end = memchr(peer->in->str, '\n', peer->in->len);
    char *line;

    if (end == NULL) {
        return NULL;
    }
    line = g_strndup(peer->in->str, (gsize)(end - peer->in->str));
    g_string_erase(peer->in, 0, end - peer->in->str + 1);
    return g_strchomp(line);
}

/* Handles what was read until a request waits or the peer is closed. */
static void run_lines(struct sdm_line_peer *peer)
{
    while (!peer->closed && !peer->waiting) {
        g_autofree char *line = take_line(peer);

        if (line == NULL) {
            break;
        }
        if (strlen(line) > SDM_LINE_MAX) {
            sdm_line_close(peer);
        } else {
            peer->server->handler->line(peer, line, peer->server->data);
        }
    }
    if (!peer->closed && !peer->waiting && peer->in->len > SDM_LINE_MAX) {
        sdm_line_close(peer);
    }
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);

static void watch(struct sdm_line_peer *peer)
{
    if (!peer->closed && !peer->waiting && peer->in_source == 0) {
        peer->in_source = g_unix_fd_add(peer->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, peer);
    }
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
    struct sdm_line_peer *peer = data;
    char bytes[READ_BYTES];
    ssize_t n_read = recv(fd, bytes, sizeof bytes, 0);

    (void)condition;
    if (n_read < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    peer->in_source = 0;
    if (n_read <= 0) {
        sdm_line_close(peer);
    } else {
        g_string_append_len(peer->in, bytes, n_read);
        run_lines(peer);
        watch(peer);
    }
    return G_SOURCE_REMOVE;
}

static gboolean on_timer(gpointer data)
{
    struct sdm_line_peer *peer = data;

    peer->timer = 0;
    peer->waiting = false;
    peer->callback(peer);
    run_lines(peer);
    watch(peer);
    return G_SOURCE_REMOVE;
}

void sdm_line_after(struct sdm_line_peer *peer, unsigned delay_ms,
                    void (*callback)(struct sdm_line_peer *peer))
{
    g_assert(!peer->waiting);
    if (peer->closed) {
        return;
    }
    peer->waiting = true;
    peer->callback = callback;
    peer->timer = g_timeout_add(delay_ms, on_timer, peer);
    /* Nothing is read meanwhile; a peer that hangs up is noticed when its time is over. */
    drop_source(&peer->in_source);
}

void sdm_line_set_data(struct sdm_line_peer *peer, gpointer data, GDestroyNotify destroy)
{
    peer->data = data;
    peer->destroy = destroy;
}

gpointer sdm_line_get_data(const struct sdm_line_peer *peer)
{
    return peer->data;
}

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
    struct sdm_line_server *server = data;
    int peer_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;
    struct sdm_line_peer *peer;

    (void)condition;
    if (peer_fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (server->peers->len >= SDM_LINE_MAX_PEERS) {
        close(peer_fd);
        return G_SOURCE_CONTINUE;
    }
    if (!server->is_unix) {
        setsockopt(peer_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    peer = g_new0(struct sdm_line_peer, 1);
    peer->server = server;
    peer->fd = peer_fd;
    peer->in = g_string_new(NULL);
    peer->out = g_string_new(NULL);
    g_ptr_array_add(server->peers, peer);
    watch(peer);
    return G_SOURCE_CONTINUE;
}

/* Takes 'fd', which is bound, and 'address'. */
static struct sdm_line_server *start(int fd, char *address, bool is_unix,
                                     const struct sdm_line_handler *handler, gpointer data)
{
    struct sdm_line_server *server = g_new0(struct sdm_line_server, 1);

    server->handler = handler;
    server->data = data;
    server->fd = fd;
    server->address = address;
    server->is_unix = is_unix;
    server->peers = g_ptr_array_new();
    server->closed = g_ptr_array_new_with_free_func(free_peer);
    server->source = g_unix_fd_add(fd, G_IO_IN, on_connection, server);
    return server;
}

/* Reads "127.0.0.1:7400". */
static bool read_address(const char *text, struct sockaddr_in *address, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = colon == NULL ? NULL : g_strndup(text, (gsize)(colon - text));
    guint64 port;

    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    if (host == NULL || inet_pton(AF_INET, host, &address->sin_addr) != 1 ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT16, &port, NULL)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%s' is no HOST:PORT", text);
    }
    if (ntohl(address->sin_addr.s_addr) >> IN_CLASSA_NSHIFT != IN_LOOPBACKNET) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%s' is no loopback address", text);
    }
    address->sin_port = htons((uint16_t)port);
    return true;
}

struct sdm_line_server *sdm_line_server_new_tcp(const char *address,
                                                const struct sdm_line_handler *handler,
                                                gpointer data, GError **error)
{
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    char host[INET_ADDRSTRLEN];
    int on = 1;
    SDM_AUTOCLOSE
    int fd = -1;

    if (!read_address(address, &bound, error)) {
        return NULL;
    }
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&bound, sizeof bound) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        sdm_set_errno(error, errno, "listen on '%s'", address);
        return NULL;
    }
    inet_ntop(AF_INET, &bound.sin_addr, host, sizeof host);
    return start(g_steal_fd(&fd), g_strdup_printf("%s:%u", host, ntohs(bound.sin_port)), false,
                 handler, data);
}

struct sdm_line_server *sdm_line_server_new_unix(const char *path,
                                                 const struct sdm_line_handler *handler,
                                                 gpointer data, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    SDM_AUTOCLOSE
    int fd = -1;

    if (strlen(path) >= sizeof address.sun_path) {
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%s' is too long for a socket", path);
        return NULL;
    }
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The mode is set on the socket before it has a name, so that nobody gets in between. */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, BACKLOG) != 0) {
        sdm_set_errno(error, errno, "listen on '%s'", path);
        return NULL;
    }
    return start(g_steal_fd(&fd), g_strdup(path), true, handler, data);
}

void sdm_line_server_close_peers(struct sdm_line_server *server,
                                 bool (*match)(const struct sdm_line_peer *peer, gpointer data),
                                 gpointer data)
{
    for (unsigned i = server->peers->len; i-- > 0;) {
        struct sdm_line_peer *peer;

        /* Closing one may close others through the handler. */
        if (i >= server->peers->len) {
            continue;
        }
        peer = g_ptr_array_index(server->peers, i);
        if (match(peer, data)) {
            sdm_line_close(peer);
        }
    }
}

static bool match_all(const struct sdm_line_peer *peer, gpointer data)
{
    (void)peer;
    (void)data;
    return true;
}

void sdm_line_server_free(struct sdm_line_server *server)
{
    if (server == NULL) {
        return;
    }
    sdm_line_server_close_peers(server, match_all, NULL);
    drop_source(&server->source);
    close(server->fd);
    if (server->is_unix) {
        unlink(server->address);
    }
    drop_source(&server->reaper);
    g_ptr_array_unref(server->peers);
    g_ptr_array_unref(server->closed);
    g_free(server->address);
    g_free(server);
}

const char *sdm_line_server_address(const struct sdm_line_server *server)
{
    return server->address;
}
