#include "sdm-agent/backend/rmc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* 4,096 entries with a path each, and some. */
enum { MAX_REPLY = SDM_NETPORT_N_ENTRIES * (SDM_SEGMENT_PATH_SIZE + 48) };

struct rmc_socket {
    struct sdm_rmc base;
    char *path;
    unsigned timeout_ms;
    int fd;
    GString *reply;
};

static void hang_up(struct rmc_socket *rmc)
{
    sdm_cleanup_close(&rmc->fd);
    rmc->fd = -1;
}

static bool dial(struct rmc_socket *rmc, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval timeout = {rmc->timeout_ms / 1000, rmc->timeout_ms % 1000 * 1000L};

    if (rmc->fd >= 0) {
        return true;
    }
    if (strlen(rmc->path) >= sizeof address.sun_path) {
        return sdm_fail(error, "socket name '%s' is too long", rmc->path);
    }
    g_strlcpy(address.sun_path, rmc->path, sizeof address.sun_path);
    rmc->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (rmc->fd < 0) {
        return sdm_set_errno(error, errno, "make a socket");
    }
    if (setsockopt(rmc->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
        setsockopt(rmc->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
        connect(rmc->fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;

        hang_up(rmc);
        return sdm_unavailable(error, "RMC at '%s': %s", rmc->path, g_strerror(saved));
    }
    return true;
}

/* Sends all of a line; false when the connection is broken. */
static bool send_line(struct rmc_socket *rmc, const char *line, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(rmc->fd, line, size, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        line += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* Reads up to a line feed, which is cut off; false when the connection is broken or silent. */
static bool receive_line(struct rmc_socket *rmc)
{
    char buffer[16384];

    errno = 0;
    g_string_truncate(rmc->reply, 0);
    while (rmc->reply->len < MAX_REPLY) {
        ssize_t got = recv(rmc->fd, buffer, sizeof buffer, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        g_string_append_len(rmc->reply, buffer, got);
        if (rmc->reply->str[rmc->reply->len - 1] == '\n') {
            g_string_truncate(rmc->reply, rmc->reply->len - 1);
            return memchr(rmc->reply->str, '\n', rmc->reply->len) == NULL;
        }
    }
    return false;
}

static bool refuse_as_told(const char *reply, GError **error)
{
    g_auto(GStrv) words = g_strsplit(reply, " ", 3);
    enum sdm_error_code code = SDM_ERROR_AGENT_REFUSED;

    if (g_strcmp0(words[0], "error") != 0 || words[1] == NULL) {
        return sdm_fail(error, "RMC said '%.80s'", reply);
    }
    sdm_error_code_from_name(words[1], &code);
    return sdm_refuse(error, code, "RMC: %s", words[2] != NULL ? words[2] : words[1]);
}

/* Asks once; a connection that turns out to be stale before anything was answered is dialled anew,
 * which is safe because every request may be repeated.  Returns what follows "ok", or NULL. */
static const char *ask(struct rmc_socket *rmc, const char *line, GError **error)
{
    bool was_open = rmc->fd >= 0;

    if (!dial(rmc, error)) {
        return NULL;
    }
    if (!send_line(rmc, line, strlen(line)) || !receive_line(rmc)) {
        bool silent = errno == EAGAIN || errno == EWOULDBLOCK;

        hang_up(rmc);
        if (was_open && !silent) {
            return ask(rmc, line, error);
        }
        sdm_unavailable(error, "RMC at '%s' %s", rmc->path, silent ? "does not answer" : "hung up");
        return NULL;
    }
    if (strncmp(rmc->reply->str, "ok", 2) != 0) {
        refuse_as_told(rmc->reply->str, error);
        return NULL;
    }
    return rmc->reply->str + (rmc->reply->str[2] == ' ' ? 3 : 2);
}

static void store_path(const char *word, char path[SDM_SEGMENT_PATH_SIZE])
{
    g_strlcpy(path, strcmp(word, "-") == 0 ? "" : word, SDM_SEGMENT_PATH_SIZE);
}

static bool rmc_map(struct sdm_rmc *base, unsigned entry, const struct sdm_netport_entry *netport,
                    bool shared, char path[SDM_SEGMENT_PATH_SIZE], GError **error)
{
    struct rmc_socket *rmc = (struct rmc_socket *)base;
    char line[128];
    const char *reply;

    snprintf(line, sizeof line,
             "map %u %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32 "%s\n", entry,
             netport->info, netport->start, netport->end, netport->offset, shared ? " shared" : "");
    reply = ask(rmc, line, error);
    if (reply == NULL) {
        return false;
    }
    if (strlen(reply) >= SDM_SEGMENT_PATH_SIZE) {
        return sdm_fail(error, "RMC named a path of %zu bytes", strlen(reply));
    }
    store_path(reply, path);
    return true;
}

static bool rmc_unmap(struct sdm_rmc *base, unsigned entry, GError **error)
{
    char line[32];

    snprintf(line, sizeof line, "unmap %u\n", entry);
    return ask((struct rmc_socket *)base, line, error) != NULL;
}

static bool read_entry(const char *word, struct sdm_found_entry *found)
{
    int used = 0;

    memset(found, 0, sizeof *found);
    if (sscanf(word, "%u:%" SCNx32 ":%" SCNx32 ":%" SCNx32 ":%" SCNx32 ":%n", &found->entry,
               &found->netport.info, &found->netport.start, &found->netport.end,
               &found->netport.offset, &used) != 5 ||
        used == 0 || found->entry >= SDM_NETPORT_N_ENTRIES ||
        strlen(word + used) >= SDM_SEGMENT_PATH_SIZE) {
        return false;
    }
    store_path(word + used, found->path);
    return true;
}

static bool rmc_list(struct sdm_rmc *base, GArray *entries, GError **error)
{
    struct rmc_socket *rmc = (struct rmc_socket *)base;
    g_autofree bool *seen = g_new0(bool, SDM_NETPORT_N_ENTRIES);
    g_auto(GStrv) words = NULL;
    guint kept = entries->len;
    const char *reply = ask(rmc, "list\n", error);

    if (reply == NULL) {
        return false;
    }
    words = g_strsplit(reply, " ", -1);
    for (unsigned i = 1; words[0] != NULL && words[i] != NULL; i++) {
        struct sdm_found_entry found;

        if (!read_entry(words[i], &found) || seen[found.entry]) {
            g_array_set_size(entries, kept);
            return sdm_fail(error, "RMC listed '%.80s'", words[i]);
        }
        seen[found.entry] = true;
        /* An entry that maps nothing stands in nobody's way. */
        if (found.netport.start < found.netport.end) {
            g_array_append_val(entries, found);
        }
    }
    return true;
}

static void rmc_free(struct sdm_rmc *base)
{
    struct rmc_socket *rmc = (struct rmc_socket *)base;

    hang_up(rmc);
    g_string_free(rmc->reply, TRUE);
    g_free(rmc->path);
    g_free(rmc);
}

struct sdm_rmc *sdm_rmc_socket_new(const char *socket_path, unsigned timeout_ms)
{
    static const struct sdm_rmc_ops ops = {rmc_map, rmc_unmap, rmc_list, rmc_free};
    struct rmc_socket *rmc = g_new0(struct rmc_socket, 1);

    rmc->base.ops = &ops;
    rmc->path = g_strdup(socket_path);
    rmc->timeout_ms = timeout_ms;
    rmc->fd = -1;
    rmc->reply = g_string_new(NULL);
    return &rmc->base;
}
