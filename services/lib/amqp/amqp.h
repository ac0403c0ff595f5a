/* A connection to the broker with one I/O thread, which owns consuming, publishing with confirms,
 * returns, acknowledgements and heartbeats.
 *
 * A lost connection is made anew by itself, with growing pauses; the topology is declared and the
 * consumers are started again each time.  What was delivered before and not settled is delivered
 * again by the broker; verdicts on it that come late are ignored.  What was published and not
 * confirmed ends as lost, which means unknown.
 *
 * Thread rule: every function may be called from any thread; functions that say "waits" not from a
 * callback, for callbacks run on the I/O thread.  A callback must not block. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/message.h"
#include "lib/amqp/topology.h"
#include "lib/svc/metrics.h"

struct sdm_amqp;
typedef struct sdm_amqp sdm_amqp;

struct sdm_amqp_config {
    const char *uri; /* amqp://user:password@host:port/vhost, or amqps://...; "%2f" is vhost "/" */
    const char *ca_file; /* PEM, of amqps; NULL or "" for the system's */
    /* PEM, what we show to the broker; NULL or "" for none. */
    const char *cert_file;
    const char *key_file;
    const char *name; /* shown by the broker, and label of the metrics */
    /* Declared on each connect; borrowed.  May be NULL. */
    const struct sdm_amqp_topology *topology;
    /* Borrowed; NULL for none. */
    struct sdm_metrics *metrics;
    /* Called after each connect, when topology is declared and consumers run, and after each
     * loss; may be NULL.  sdm_amqp_declare() may be called from it. */
    void (*on_state)(void *user, bool is_connected);
    void *user;

    /* 0 takes the value in brackets. */
    unsigned heartbeat_s;        /* lost after twice as long [10] */
    unsigned connect_timeout_ms; /* of each step of connecting [5000] */
    unsigned reconnect_min_ms;   /* pause after the first loss [100], doubled each time, */
    unsigned reconnect_max_ms;   /* up to this [5000]; half of each pause is random */
    size_t max_body_size;        /* longer deliveries are rejected [4 MiB] */
    size_t max_unconfirmed;      /* publications on their way at once [2048] */
    size_t max_waiting;          /* publications accepted and not completed [65536] */
};

/* Starts connecting and returns at once.  'config' is copied but for what it borrows.  NULL with
 * SDM_ERROR INVALID_VALUE set for a URI that cannot be read. */
struct sdm_amqp *sdm_amqp_new(const struct sdm_amqp_config *config, GError **error);

/* Sends what has been handed in, closes, completes the rest as lost, ends the thread. */
void sdm_amqp_free(struct sdm_amqp *amqp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_amqp, sdm_amqp_free)

/* Waits until the connection stands: false with SDM_UNAVAILABLE set, and the reason of the last
 * failure, after 'timeout_ms', or after the first failed attempt if 'is_impatient'. */
bool sdm_amqp_wait_connected(struct sdm_amqp *amqp, unsigned timeout_ms, bool is_impatient,
                             GError **error);
bool sdm_amqp_is_connected(const struct sdm_amqp *amqp);

/* --- Topology that is not known beforehand --- */

/* Waits until it is declared; not declared again after a reconnect.  SDM_UNAVAILABLE while there is
 * no connection; SDM_FAILED with the broker's text when it refuses. */
bool sdm_amqp_declare(struct sdm_amqp *amqp, const struct sdm_amqp_topology *topology,
                      GError **error);
/* Waits until it is gone; one that does not exist is gone. */
bool sdm_amqp_delete_queue(struct sdm_amqp *amqp, const char *queue, GError **error);

/* Waits until the broker has said how many messages wait in 'queue', which nobody has taken yet.
 * Errors as sdm_amqp_declare(). */
bool sdm_amqp_count(struct sdm_amqp *amqp, const char *queue, uint64_t *n, GError **error);

/* --- Consuming --- */

struct sdm_amqp_consumer;

/* Which delivery, on which life of the connection. */
struct sdm_amqp_tag {
    uint64_t generation;
    uint64_t number;
};

struct sdm_amqp_delivery {
    struct sdm_amqp_message message;
    struct sdm_amqp_tag tag;
    struct sdm_amqp_consumer *consumer;
    bool is_redelivered;
    int64_t
        delivery_count; /* earlier deliveries that came back, as a quorum queue counts; else 0 */
};

/* The delivery is one piece of memory. */
static inline void sdm_amqp_delivery_free(struct sdm_amqp_delivery *delivery)
{
    g_free(delivery);
}
typedef struct sdm_amqp_delivery sdm_amqp_delivery;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_amqp_delivery, sdm_amqp_delivery_free)

struct sdm_amqp_consumer_config {
    const char *queue;
    uint16_t prefetch; /* deliveries not settled, 1 to 65535; 0 only with is_settled */
    bool is_settled;   /* the broker forgets what it delivers: no verdict, for replies and events */
    /* Of several consumers of a queue the broker serves the one with the highest, as long as that
     * takes more. */
    int32_t priority;
    /* Takes the delivery and returns true; or false when there is no room: then it and all later
     * ones are kept, at most 'prefetch', until sdm_amqp_consumer_resume() offers them again. */
    bool (*deliver)(void *user, struct sdm_amqp_delivery *delivery);
    void *user;
};

/* Consumes from now on, on this connection and each later one; freed with 'amqp'. */
struct sdm_amqp_consumer *sdm_amqp_consume(struct sdm_amqp *amqp,
                                           const struct sdm_amqp_consumer_config *config);

/* Paused, deliveries are kept as if 'deliver' had no room; the broker sends no more than
 * 'prefetch'. */
void sdm_amqp_consumer_pause(struct sdm_amqp_consumer *consumer);
void sdm_amqp_consumer_resume(struct sdm_amqp_consumer *consumer);
/* Ends consuming for good; what is kept goes back to its queue. */
void sdm_amqp_consumer_stop(struct sdm_amqp_consumer *consumer);

enum sdm_amqp_verdict {
    SDM_AMQP_ACK,     /* done */
    SDM_AMQP_REJECT,  /* to the dead-letter exchange of its queue */
    SDM_AMQP_REQUEUE, /* back into its queue; counts as a delivery */
};

/* Hands verdicts back, each at most once a delivery.  Never blocks; acknowledgements that are next
 * to each other go out as one. */
void sdm_amqp_settle(struct sdm_amqp *amqp, const struct sdm_amqp_tag *tags, size_t n,
                     enum sdm_amqp_verdict verdict);

/* --- Publishing --- */

enum sdm_amqp_outcome {
    SDM_AMQP_CONFIRMED, /* every queue it was routed to has it; not mandatory: or there was none */
    SDM_AMQP_RETURNED,  /* mandatory, and no queue took it */
    SDM_AMQP_REFUSED,   /* the broker could not take it: a full queue that rejects */
    SDM_AMQP_LOST,      /* the connection went before the broker answered: unknown */
};

const char *sdm_amqp_outcome_name(enum sdm_amqp_outcome outcome);

/* Publishes a copy of 'message'; 'done', which may be NULL, is called once, on the I/O thread.
 * Messages of one thread go out in their order.  Never blocks.  A mandatory message carries one
 * header more, "sdm-seq".
 *
 * False with SDM_UNAVAILABLE set, and 'done' not called, while there is no connection or
 * 'max_waiting' is reached. */
bool sdm_amqp_publish(struct sdm_amqp *amqp, const struct sdm_amqp_message *message,
                      void (*done)(void *user, enum sdm_amqp_outcome outcome), void *user,
                      GError **error);

/* Publishes and waits for the outcome; LOST also after 'timeout_ms'. */
bool sdm_amqp_publish_wait(struct sdm_amqp *amqp, const struct sdm_amqp_message *message,
                           unsigned timeout_ms, enum sdm_amqp_outcome *outcome, GError **error);
