/* A look at what waits in a queue: messages are taken one by one, in their order, and go back to
 * their places at the end, but for those that are taken out for good.
 *
 * It has a connection of its own, which ends with it: what was taken goes back then, too.  While a
 * look lasts, nobody else sees what it has taken.  A queue with a delivery limit would count each
 * look; only queues without one are for looking at.  Cost: a round trip a message, of all that
 * wait, also where the look ends early.
 *
 * Thread rule: one thread; every function waits. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/amqp/amqp.h"

struct sdm_amqp_browser;
typedef struct sdm_amqp_browser sdm_amqp_browser;

/* Connects as 'amqp' does.  NULL with SDM_UNAVAILABLE set, or SDM_FAILED where the broker refuses.
 */
struct sdm_amqp_browser *sdm_amqp_browser_open(const struct sdm_amqp *amqp, const char *queue,
                                               GError **error);

/* How many messages waited when it was opened. */
uint64_t sdm_amqp_browser_total(const struct sdm_amqp_browser *browser);

/* The next message, the caller's, or NULL at the end of the queue; NULL with 'error' set, as
 * opening, when the connection goes.  Its consumer is NULL. */
struct sdm_amqp_delivery *sdm_amqp_browser_next(struct sdm_amqp_browser *browser, GError **error);

/* Takes a message that was looked at out of the queue for good. */
bool sdm_amqp_browser_remove(struct sdm_amqp_browser *browser,
                             const struct sdm_amqp_delivery *delivery, GError **error);

/* Gives back the rest, and waits until the queue has it again. */
void sdm_amqp_browser_close(struct sdm_amqp_browser *browser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_amqp_browser, sdm_amqp_browser_close)
