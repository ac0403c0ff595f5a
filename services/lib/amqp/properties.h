/* Between our messages and librabbitmq's properties.
 *
 * Pure.  Thread rule: values. */
#pragma once

#include <amqp.h>
#include <amqp_framing.h>

#include "lib/amqp/amqp.h"

#define SDM_AMQP_SEQ_HEADER  "sdm-seq"
#define SDM_AMQP_MAX_HEADERS 64

static inline amqp_bytes_t sdm_amqp_bytes(const char *text)
{
    return text != NULL ? amqp_cstring_bytes(text) : amqp_empty_bytes;
}

/* Fills 'properties' with what 'message' has, borrowed; 'entries' holds the headers, and one with
 * 'seq' more when the message is mandatory.  At most SDM_AMQP_MAX_HEADERS headers are sent. */
void sdm_amqp_properties_fill(amqp_basic_properties_t *properties,
                              amqp_table_entry_t entries[SDM_AMQP_MAX_HEADERS + 1],
                              const struct sdm_amqp_message *message, uint64_t seq);

/* The number that sdm_amqp_properties_fill() put in; 0 for none. */
uint64_t sdm_amqp_properties_get_seq(const amqp_basic_properties_t *properties);

/* A new delivery in one piece, its body of 'size' bytes zeroed and at '*body'. */
struct sdm_amqp_delivery *sdm_amqp_delivery_new(const amqp_basic_deliver_t *method,
                                                const amqp_basic_properties_t *properties,
                                                size_t size, uint8_t **body);
