/* The broker that tests/fixtures/with-rabbitmq runs, seen from beside the code under test. */
#pragma once

#include "lib/amqp/amqp.h"

/* $SDM_BROKER. */
const char *broker_uri(void);

/* The same with another password, or port. */
char *broker_uri_with(const char *password, int port);

/* Lets the broker evaluate an Erlang expression, and gives what came of it; the caller frees it. */
char *broker_eval(const char *expression);

/* Lets the broker close every connection, as an operator would. */
void broker_close_connections(void);

/* Messages that a queue holds, ready and not acknowledged. */
void broker_count(const char *queue, int *n_ready, int *n_unacked);

/* Waits until they are so many, at most 20 s, and fails the test otherwise. */
void broker_expect(const char *queue, int n_ready, int n_unacked);

/* The same for at least 'n_least' that are ready; says how many they are.  A quorum queue counts
 * with a delay. */
int broker_expect_ready(const char *queue, int n_least);

/* A name that no other test has; the caller frees it. */
char *broker_name(const char *what);

/* A connection that stands. */
struct sdm_amqp *broker_connect(const struct sdm_amqp_topology *topology,
                                struct sdm_metrics *metrics);
