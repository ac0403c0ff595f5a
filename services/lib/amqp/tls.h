/* TLS of a connection: who vouches for the broker, who we are, and what was wrong.
 *
 * Thread rule: the I/O thread. */
#pragma once

#include <stdbool.h>

#include "lib/amqp/amqp.h"

#include <amqp.h>

/* A socket that takes the broker only with a certificate that 'ca_file' of 'config' vouches for and
 * that has the URI's host name in it; TLS 1.2 or later.  A host given as an address matches no
 * certificate.  NULL with SDM_UNAVAILABLE set when a file cannot be used. */
amqp_socket_t *sdm_tls_socket(amqp_connection_state_t connection,
                              const struct sdm_amqp_config *config, GError **error);

/* What this thread's last handshake found wrong with the broker's certificate: "certificate has
 * expired"; NULL for nothing. */
const char *sdm_tls_complaint(void);
