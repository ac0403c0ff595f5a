/* The I/O thread of a connection: connects, serves, and connects again.
 *
 * Thread rule: what posts or asks from any thread is in core.h; this is what starts and ends the
 * thread, and what tells whether one is on it. */
#pragma once

#include "lib/amqp/core.h"

/* The thread's function; 'data' is the connection's struct, alive until the thread has ended. */
void *sdm_amqp_run(void *data);

/* Runs what others posted; true when there was something.  On the I/O thread, or after its end. */
bool sdm_amqp_run_mail(struct sdm_amqp *amqp);

/* Whether the caller is on the I/O thread of 'amqp'.  Any thread. */
bool sdm_amqp_is_own_thread(const struct sdm_amqp *amqp);
