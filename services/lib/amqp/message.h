/* A message of the broker as a plain value: what is published, and what is delivered.
 *
 * Thread rule: values; one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* A header of the message.  Numbers and booleans arrive as decimal text; tables and lists are left
 * out, but for the newest entry of "x-death", in which a broker tells of a dead letter: that
 * arrives as "x-death.reason", "x-death.time" and so on.  Published are texts only. */
struct sdm_amqp_header {
    const char *name; /* at most 127 bytes */
    const char *text;
};

/* All texts but the body are at most 255 bytes and NULL when absent. */
struct sdm_amqp_message {
    const char *exchange; /* "" is the default exchange: the routing key names a queue */
    const char *routing_key;
    const char *type; /* "s10.reserve/1" */
    const char *correlation_id;
    const char *reply_to;
    const char *message_id;
    const char *content_type;
    const char *user_id; /* the broker refuses any but the connection's own */
    const char *app_id;
    const char *expiration_ms; /* decimal text; the message is dropped when it has waited longer */
    const struct sdm_amqp_header *headers;
    size_t n_headers;
    const void *body; /* followed by a zero that is not part of it, when delivered */
    size_t size;
    bool is_persistent; /* survives a restart of the broker, in a durable queue */
    bool is_mandatory;  /* published: comes back when no queue takes it */
};

/* A copy in one piece, g_free(). */
struct sdm_amqp_message *sdm_amqp_message_dup(const struct sdm_amqp_message *message);

/* The header's text, or NULL. */
const char *sdm_amqp_message_get_header(const struct sdm_amqp_message *message, const char *name);
