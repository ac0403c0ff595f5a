/* What the parts of a connection share.  Thread rule: the I/O thread, except where it says other.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "lib/amqp/link.h"
#include "lib/amqp/publisher.h"
#include "lib/amqp/settler.h"
#include "lib/svc/mailbox.h"

/* A message whose frames are still coming. */
struct sdm_incoming {
    amqp_method_t method; /* valid until the channel's buffers are released */
    bool is_open;         /* method seen, content not complete */
    bool has_header;
    uint64_t n_missing; /* bytes of the body */
    uint8_t *body;      /* where the next bytes go; NULL: they are skipped */
    struct sdm_amqp_delivery *delivery;
};

struct sdm_amqp_consumer {
    struct sdm_amqp *amqp;
    char *queue;
    struct sdm_amqp_consumer_config config;
    size_t index;
    bool is_paused;
    bool is_stopped;
    GQueue held; /* deliveries that wait for room */
};

struct sdm_amqp {
    struct sdm_amqp_config config; /* its strings owned */
    struct sdm_metrics *own_metrics;
    struct sdm_metering metering;
    struct sdm_mailbox *mailbox; /* any thread */
    pthread_t thread;
    _Atomic size_t n_waiting;           /* any thread */
    atomic_bool is_connected;           /* any thread */
    amqp_connection_state_t connection; /* NULL while there is none */
    uint64_t generation;
    bool is_stopping;
    GError *failure; /* why the connection is to be given up, noticed between turns */
    GPtrArray *consumers;
    struct sdm_settler settler;
    struct sdm_publisher publisher;
    struct sdm_incoming incoming; /* of the channel that delivers */
    struct sdm_incoming returned; /* of the channel that publishes */

    pthread_mutex_t mutex; /* guards those below; any thread */
    pthread_cond_t changed;
    uint64_t n_failures;
    char *last_failure;
};

/* Something to be done on the I/O thread; 'run' frees it. */
struct sdm_op {
    struct sdm_mail mail; /* first */
    void (*run)(struct sdm_amqp *amqp, struct sdm_op *op);
};

static inline void sdm_op_post(struct sdm_amqp *amqp, struct sdm_op *op)
{
    sdm_mailbox_post(amqp->mailbox, &op->mail);
}

/* Gives the connection up before the next turn; takes 'error'. */
void sdm_amqp_fail(struct sdm_amqp *amqp, GError *error);

/* consumer.c */
bool sdm_consumers_start(struct sdm_amqp *amqp, GError **error);
struct sdm_amqp_consumer *sdm_consumers_find(struct sdm_amqp *amqp, amqp_bytes_t tag);
void sdm_consumer_offer(struct sdm_amqp_consumer *consumer, struct sdm_amqp_delivery *delivery);
/* The connection went: what is held will be delivered again. */
void sdm_consumers_lose(struct sdm_amqp *amqp);
void sdm_consumers_free(struct sdm_amqp *amqp);
/* Sends one verdict; a sdm_settler_send_fn with the connection's struct as 'user'. */
bool sdm_consumers_send(void *user, uint64_t number, bool is_multiple,
                        enum sdm_amqp_verdict verdict);

/* incoming.c */
/* Handles frames until none is left or enough are done; '*n' counts them.  False with 'error' set
 * when the connection is of no more use. */
bool sdm_incoming_read(struct sdm_amqp *amqp, unsigned *n, GError **error);
void sdm_incoming_reset(struct sdm_amqp *amqp);
