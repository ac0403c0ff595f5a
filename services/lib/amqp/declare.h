/* Carries declarations out.  Thread rule: the I/O thread. */
#pragma once

#include "lib/amqp/link.h"

/* On the channel SDM_LINK_DECLARE, which is opened again after a refusal. */
bool sdm_declare_topology(amqp_connection_state_t connection,
                          const struct sdm_amqp_topology *topology, GError **error);
/* How many messages wait in a queue that exists. */
bool sdm_declare_count(amqp_connection_state_t connection, const char *queue, uint64_t *n,
                       GError **error);
bool sdm_declare_delete_queue(amqp_connection_state_t connection, const char *queue,
                              GError **error);
