/* A message on its way to another queue: the copy that is published, and what it tells of where it
 * came from.
 *
 * Thread rule: values. */
#pragma once

#include <glib.h>

#include "lib/amqp/amqp.h"

/* Headers of a copy.  None of them, nor any that begins with "x-", is taken over from a sender. */
#define SDM_HEADER_CODE        "sdm-code"
#define SDM_HEADER_REASON      "sdm-reason"
#define SDM_HEADER_AT          "sdm-at"
#define SDM_HEADER_QUEUE       "sdm-queue"
#define SDM_HEADER_EXCHANGE    "sdm-exchange"
#define SDM_HEADER_ROUTING_KEY "sdm-routing-key"
#define SDM_HEADER_USER_ID     "sdm-user-id"
#define SDM_HEADER_DELIVERIES  "sdm-deliveries"
#define SDM_HEADER_TRIAL       "sdm-trial"
/* A secret: it goes with the copy, and is never shown. */
#define SDM_HEADER_TOKEN "sdm-token"

struct sdm_moved {
    struct sdm_amqp_message message; /* borrows from the original, and from this struct */
    GArray *headers;                 /* struct sdm_amqp_header */
    size_t n_bytes;
};

/* A copy of 'original' without headers of ours; where it goes is the caller's to say.  It does not
 * expire, and has no user id: the broker would refuse another's. */
void sdm_moved_init(struct sdm_moved *moved, const struct sdm_amqp_message *original);
void sdm_moved_done(struct sdm_moved *moved);

/* True for the name of a header that only we, or the broker, may set. */
bool sdm_moved_is_ours(const char *name);

/* Adds a header; 'text' is borrowed, NULL adds none.  */
void sdm_moved_add(struct sdm_moved *moved, const char *name, const char *text);

/* Adds where 'original' came from: 'queue', its exchange, routing key and user id. */
void sdm_moved_add_origin(struct sdm_moved *moved, const struct sdm_amqp_message *original,
                          const char *queue);

/* Adds the sender's headers, as many as a copy can have; the last thing before it is published. */
void sdm_moved_add_senders(struct sdm_moved *moved, const struct sdm_amqp_message *original);
