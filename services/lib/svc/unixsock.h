/* Unix stream sockets, as the control socket needs them.
 *
 * Thread rule: a socket belongs to one thread at a time. */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* A non-blocking listening socket of mode 0600 at 'path', or -1 as sdm_control_new() says. */
int sdm_unixsock_listen(const char *path, GError **error);

/* A non-blocking connection, or -1 with SDM_UNAVAILABLE set. */
int sdm_unixsock_connect(const char *path, GError **error);

/* Sends what it can of 'out' and removes it from there; false when the peer is gone. */
bool sdm_unixsock_send(int fd, GByteArray *out);

/* Appends what has come to 'in'; false when the peer is gone. */
bool sdm_unixsock_receive(int fd, GByteArray *in);

/* Sends 'request' and waits for one line, which 'line' becomes without its end.  False with
 * SDM_UNAVAILABLE set when that takes longer than 'timeout_ms' or the peer goes. */
bool sdm_unixsock_exchange(int fd, const char *request, GByteArray *line, unsigned timeout_ms,
                           GError **error);
