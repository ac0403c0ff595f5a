/* Collects what the I/O thread tells, for the test's own thread to wait for. */
#pragma once

#include "lib/amqp/amqp.h"

struct inbox {
    GMutex mutex; /* guards all below */
    GCond changed;
    GPtrArray *deliveries; /* struct sdm_amqp_delivery */
    int capacity;          /* deliveries taken before 'deliver' says no */
    int n_outcomes[4];     /* by enum sdm_amqp_outcome */
    int n_connects;
    int n_losses;
};

void inbox_init(struct inbox *inbox);
void inbox_done(struct inbox *inbox);

/* For sdm_amqp_consumer_config, sdm_amqp_publish() and sdm_amqp_config; user is the inbox. */
bool inbox_deliver(void *user, struct sdm_amqp_delivery *delivery);
void inbox_outcome(void *user, enum sdm_amqp_outcome outcome);
void inbox_state(void *user, bool is_connected);

/* Wait at most 20 s, and fail the test otherwise. */
void inbox_wait_deliveries(struct inbox *inbox, int n);
void inbox_wait_outcomes(struct inbox *inbox, int n);
void inbox_wait_connects(struct inbox *inbox, int n);

int inbox_count(struct inbox *inbox);
/* Borrowed; it stays until inbox_done(). */
struct sdm_amqp_delivery *inbox_get(struct inbox *inbox, int index);
void inbox_set_capacity(struct inbox *inbox, int capacity);
