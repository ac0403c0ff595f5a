/* The broker's side of the controller: every exchange, queue and binding, declared on each connect;
 * a queue an agent besides.
 *
 * Thread rule: making and freeing belong to one thread; the topology is constant between. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"

#define SDM_QUEUE_S10       "sdm.s10"
#define SDM_QUEUE_S11       "sdm.s11"
#define SDM_EXCHANGE_AGENTS "sdm.agents"
#define SDM_QUEUE_TRIAL     "sdm.trial" /* trial.h */
#define SDM_EXCHANGE_DEAD   "sdm.dead"
#define SDM_QUEUE_DEAD      "sdm.dead"
/* Deliveries beyond the first after which the broker itself takes a message for a dead letter: in
 * case one ends the controller before that can count.  Far above what outages come to. */
#define SDM_DELIVERY_LIMIT 200
/* What the dead-letter queue holds; beyond either the oldest letters go. */
#define SDM_MAX_DEAD       4096
#define SDM_MAX_DEAD_BYTES (256L << 20)

struct sdm_broker_topology;
typedef struct sdm_broker_topology sdm_broker_topology;

/* 'pod' names the pod in routing keys; 'n_report_queues' is at least 1; beyond 'max_queued'
 * requests that wait in a queue, the broker refuses more to whoever publishes. */
struct sdm_broker_topology *sdm_broker_topology_new(const char *pod, unsigned n_report_queues,
                                                    int64_t max_queued);
void sdm_broker_topology_free(struct sdm_broker_topology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_broker_topology, sdm_broker_topology_free)

const struct sdm_amqp_topology *sdm_broker_topology_get(const struct sdm_broker_topology *topology);
/* "sdm.reports.0"; 'index' is below 'n_report_queues'. */
const char *sdm_broker_topology_report_queue(const struct sdm_broker_topology *topology,
                                             unsigned index);

/* Of the consumers of a leader: a later leader comes before an earlier one. */
int32_t sdm_broker_priority(int64_t epoch);

/* Declares the queues of 'n' compute bricks; waits.  Errors as sdm_amqp_declare(). */
bool sdm_broker_declare_agents(struct sdm_amqp *amqp, const char *const *bricks, size_t n,
                               GError **error);
