/* Calls over the broker for programs that wait: a request out, its reply back.
 *
 * Thread rule: one call at a time. */
#pragma once

#include "lib/amqp/amqp.h"

struct sdm_amqp_client;
typedef struct sdm_amqp_client sdm_amqp_client;

/* Connects, with a reply queue of its own that goes with the connection.  Of 'config', topology,
 * on_state and user are not used.  NULL with SDM_UNAVAILABLE set when the first attempt fails. */
struct sdm_amqp_client *sdm_amqp_client_new(const struct sdm_amqp_config *config, GError **error);
void sdm_amqp_client_free(struct sdm_amqp_client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_amqp_client, sdm_amqp_client_free)

/* Publishes 'request' as mandatory, with reply_to and a new correlation_id, and waits for the
 * reply, which the caller frees.  NULL with SDM_UNAVAILABLE set when nobody takes the request, the
 * connection goes, or no reply comes within 'timeout_ms': the outcome may be unknown then, as the
 * text says. */
struct sdm_amqp_delivery *sdm_amqp_client_call(struct sdm_amqp_client *client,
                                               const struct sdm_amqp_message *request,
                                               unsigned timeout_ms, GError **error);

/* Did the connection go since the last call began?  Then it may be worth repeating. */
bool sdm_amqp_client_was_lost(struct sdm_amqp_client *client);

/* Did the broker refuse the last request, because a queue is full?  Then nobody will carry it out.
 */
bool sdm_amqp_client_was_refused(struct sdm_amqp_client *client);

/* The connection, to consume events on it. */
struct sdm_amqp *sdm_amqp_client_get_connection(struct sdm_amqp_client *client);
