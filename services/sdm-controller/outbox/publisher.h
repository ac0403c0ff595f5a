/* Publishes what was committed: reads the outbox in order, publishes, and deletes what the broker
 * has confirmed or could hand to nobody.
 *
 * At least once: a message whose deletion is lost goes out again.  An event that nobody listens to
 * and an answer whose queue is gone are normal, and done.  What the broker refuses, because one of
 * the queues that it is routed to is full, is put off: it stands in the way of nothing, is offered
 * again now and then, to all of its queues, and is dropped when that has lasted too long.
 *
 * Thread rule: waking from any thread; all else belongs to the main thread. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/metrics.h"

struct sdm_publisher_config {
    struct sdm_amqp *amqp;
    const char *database;
    int64_t epoch;
    size_t batch_max;    /* messages a round */
    int64_t patience_ms; /* age at which what is refused again is dropped */
    struct sdm_metrics *metrics;
    /* Another leads; any thread. */
    void (*on_superseded)(void *user);
    void *user;
};

struct sdm_publisher;
typedef struct sdm_publisher sdm_publisher;

struct sdm_publisher *sdm_publisher_new(const struct sdm_publisher_config *config);

/* Something may stand in the outbox.  Never blocks. */
void sdm_publisher_wake(struct sdm_publisher *publisher);

/* Publishes what stands there as far as database and broker let it, and ends. */
void sdm_publisher_stop(struct sdm_publisher *publisher);
void sdm_publisher_free(struct sdm_publisher *publisher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_publisher, sdm_publisher_free)
