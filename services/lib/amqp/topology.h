/* Exchanges, queues and bindings as rows: declared on each connect, and by sdm_amqp_declare().
 *
 * Declaring what exists alike changes nothing; what exists otherwise is an error that names it.
 * Thread rule: values. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sdm_amqp_exchange {
    const char *name;
    const char *type;  /* "direct", "topic", "fanout", "headers" */
    bool is_transient; /* not durable */
};

struct sdm_amqp_queue {
    const char *name;
    bool is_quorum;        /* replicated, durable; else classic */
    bool is_transient;     /* gone when the broker restarts; not with is_quorum */
    bool is_exclusive;     /* of this connection, gone with it; not with is_quorum */
    bool is_auto_delete;   /* gone with its last consumer */
    bool is_single_active; /* one consumer at a time, others stand by */
    /* The n-th delivery that comes back after this many goes to the dead-letter exchange; quorum
     * only; 0 for none. */
    int64_t delivery_limit;
    int64_t max_length;               /* messages; 0 for none */
    int64_t max_length_bytes;         /* of all bodies; 0 for none */
    int64_t message_ttl_ms;           /* 0 for none */
    int64_t expires_ms;               /* the queue goes after that long without use; 0 for never */
    const char *overflow;             /* "drop-head" or "reject-publish"; NULL is drop-head */
    const char *dead_letter_exchange; /* NULL for none */
    const char *dead_letter_routing_key; /* NULL: the message's own */
    /* Dead letters are not lost when their target is away; quorum with reject-publish only. */
    bool is_dead_letter_safe;
};

struct sdm_amqp_binding {
    const char *queue;
    const char *exchange;
    const char *routing_key;
};

struct sdm_amqp_topology {
    const struct sdm_amqp_exchange *exchanges;
    size_t n_exchanges;
    const struct sdm_amqp_queue *queues;
    size_t n_queues;
    const struct sdm_amqp_binding *bindings;
    size_t n_bindings;
};
