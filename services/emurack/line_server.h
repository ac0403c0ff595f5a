/* A server of line protocols: a request a line, answered in order, on TCP or a Unix socket.
 *
 * Requests may be pipelined: while one waits (sdm_line_after()), those behind it are not read.
 *
 * Thread rule: everything happens on the thread of the default main context. */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* The longest request, without its newline; a longer one ends the connection. */
enum { SDM_LINE_MAX = 4096 };
/* The most peers of a server at a time; who comes after them is hung up on. */
enum { SDM_LINE_MAX_PEERS = 1024 };

struct sdm_line_server;
struct sdm_line_peer;

struct sdm_line_handler {
    /* A request without its newline; 'line' is good during the call. */
    void (*line)(struct sdm_line_peer *peer, char *line, gpointer server_data);
    /* The peer is gone, whoever closed it; its data is freed afterwards.  May be NULL. */
    void (*closed)(struct sdm_line_peer *peer, gpointer server_data);
};

/* Listens on "HOST:PORT", HOST a literal loopback address; port 0 takes a free one. */
struct sdm_line_server *sdm_line_server_new_tcp(const char *address,
                                                const struct sdm_line_handler *handler,
                                                gpointer data, GError **error);

/* Listens on a Unix socket of mode 0600, in place of a file of that name. */
struct sdm_line_server *sdm_line_server_new_unix(const char *path,
                                                 const struct sdm_line_handler *handler,
                                                 gpointer data, GError **error);

/* Closes every peer and stops listening; a Unix socket's file is removed. */
void sdm_line_server_free(struct sdm_line_server *server);

/* "127.0.0.1:7400" or the socket's path; owned by the server. */
const char *sdm_line_server_address(const struct sdm_line_server *server);

/* Closes the peers for which 'match' is true. */
void sdm_line_server_close_peers(struct sdm_line_server *server,
                                 bool (*match)(const struct sdm_line_peer *peer, gpointer data),
                                 gpointer data);

/* Sends the text and a newline. */
void sdm_line_send(struct sdm_line_peer *peer, const char *text);

/* Closes the connection at once; what is not sent yet is lost.  The peer stays valid until control
 * is back in the main loop. */
void sdm_line_close(struct sdm_line_peer *peer);

/* Calls 'callback' after 'delay_ms' unless the peer is closed before; until then no further request
 * of it is read.  One at a time a peer. */
void sdm_line_after(struct sdm_line_peer *peer, unsigned delay_ms,
                    void (*callback)(struct sdm_line_peer *peer));

/* The caller's own; freed with the peer. */
void sdm_line_set_data(struct sdm_line_peer *peer, gpointer data, GDestroyNotify destroy);
gpointer sdm_line_get_data(const struct sdm_line_peer *peer);
