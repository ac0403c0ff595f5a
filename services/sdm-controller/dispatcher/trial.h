/* The trial of a message that was given back too often, or failed: alone, so that it is known
 * whose fault it is.
 *
 * The broker counts deliveries, not why a message came back: a controller that crashes, or loses
 * its connection, gives back everything that it had been handed, good and bad.  So nothing is
 * dead-lettered for the count of its first queue.  It is moved to a queue that gives out one
 * message at a time, and what is counted there is that message's own.  Connections that this
 * process has lost are not counted.
 *
 *   first queue ──came back SDM_TRIAL_AFTER times, or failed──▶ trial queue, one at a time
 *                                                                 │ done: answered
 *                                                                 └ SDM_TRIALS times not: dead
 * letter
 *
 * Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"

/* Deliveries of a request that came back, before it is tried alone. */
#define SDM_TRIAL_AFTER 2
/* Runs in the trial, after which a request is a dead letter. */
#define SDM_TRIALS 3

struct sdm_trial;
typedef struct sdm_trial sdm_trial;

/* 'amqp' is borrowed. */
struct sdm_trial *sdm_trial_new(struct sdm_amqp *amqp);
/* After the connection has ended. */
void sdm_trial_free(struct sdm_trial *trial);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_trial, sdm_trial_free)

/* Moves what came from 'queue' to the trial queue, and acknowledges it there when the broker has
 * it; frees the delivery.  Never blocks. */
void sdm_trial_move_take(struct sdm_trial *trial, struct sdm_amqp_delivery *delivery,
                         const char *queue);

/* What the trial queue delivers, as it was when it came first; returns how often it was tried and
 * did not end.  '*queue' receives where it came from, NULL when it does not say. */
int64_t sdm_trial_take_up(struct sdm_trial *trial, struct sdm_amqp_delivery *delivery,
                          const char **queue);

/* It has failed, and goes back to the trial queue. */
void sdm_trial_note_failure(struct sdm_trial *trial, const struct sdm_amqp_delivery *delivery);
