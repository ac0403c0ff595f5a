/* One life of a connection: opened, logged in, its channels open; and errors as text.
 *
 * Thread rule: the I/O thread. */
#pragma once

#include <stdbool.h>

#include <amqp.h>
#include <amqp_framing.h>

#include "lib/amqp/amqp.h"

/* Deliveries, publications and declarations have a channel each, because an error ends its
 * channel. */
enum sdm_link_channel { SDM_LINK_CONSUME = 1, SDM_LINK_PUBLISH = 2, SDM_LINK_DECLARE = 3 };

/* False for a URI that cannot be read; nothing is opened. */
bool sdm_link_check_uri(const char *uri, GError **error);

/* Connects and logs in; NULL with SDM_UNAVAILABLE set and the reason. */
amqp_connection_state_t sdm_link_open(const struct sdm_amqp_config *config, GError **error);
/* Says good-bye when 'is_usable', and frees. */
void sdm_link_close(amqp_connection_state_t connection, bool is_usable);

/* After a synchronous call: false with SDM_FAILED set when the broker refused, SDM_UNAVAILABLE
 * when the connection went; both say 'what' was tried. */
bool sdm_link_check(amqp_connection_state_t connection, const char *what, GError **error);

/* After a function that gives an amqp_status_enum: false with SDM_UNAVAILABLE set. */
bool sdm_link_check_status(int status, const char *what, GError **error);

/* "404 NOT_FOUND - no queue ..." of a closing method; the caller frees it. */
char *sdm_link_describe_close(const amqp_method_t *method);

/* Opens a channel; for publishing, with confirms. */
bool sdm_link_open_channel(amqp_connection_state_t connection, enum sdm_link_channel channel,
                           GError **error);
