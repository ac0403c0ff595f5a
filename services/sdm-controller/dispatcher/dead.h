/* Dead letters: messages that were taken and cannot be carried out, put into the dead-letter queue
 * with the reason.
 *
 *   original, not acknowledged ──▶ copy published ──▶ copy confirmed ──▶ the caller's 'done', which
 *                                                                        answers and acknowledges
 *
 * A crash between leaves the original where it was: it comes again, and there may be two letters of
 * it, never none.  What the broker itself gives up, for its age or too many deliveries, comes to
 * the same queue without our headers.
 *
 * Thread rule: any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/metrics.h"

/* Why; labels of the metric. */
enum sdm_dead_reason {
    SDM_DEAD_NOT,        /* it is no dead letter */
    SDM_DEAD_UNREADABLE, /* no JSON, too large, too deep */
    SDM_DEAD_UNKNOWN,    /* no message of that type */
    SDM_DEAD_FAILED,     /* failed each time it was tried */
    SDM_DEAD_UNFINISHED, /* each time it was tried, the controller ended before it was done */
};

struct sdm_dead;
typedef struct sdm_dead sdm_dead;

/* Both are borrowed. */
struct sdm_dead *sdm_dead_new(struct sdm_amqp *amqp, struct sdm_metrics *metrics);
/* After the connection has ended. */
void sdm_dead_free(struct sdm_dead *dead);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_dead, sdm_dead_free)

/* What a refusal by the codec or the routes means for a message: UNREADABLE, UNKNOWN or NOT. */
enum sdm_dead_reason sdm_dead_reason_of(const GError *refusal);

/* Publishes a letter of 'delivery', which came from 'queue'; 'why' is told in it.  'done' is called
 * once, on the I/O thread, as sdm_amqp_publish() calls it: only after CONFIRMED may the original be
 * acknowledged.
 *
 * False with SDM_UNAVAILABLE set, and 'done' not called, when it could not be sent. */
bool sdm_dead_bury(struct sdm_dead *dead, const struct sdm_amqp_delivery *delivery,
                   const char *queue, enum sdm_dead_reason reason, const GError *why,
                   void (*done)(void *user, enum sdm_amqp_outcome outcome), void *user,
                   GError **error);

/* What becomes of the original once the broker has spoken: acknowledged; or left to the broker,
 * which keeps it until the dead-letter queue takes it; false when it comes again by itself. */
bool sdm_dead_verdict(enum sdm_amqp_outcome outcome, enum sdm_amqp_verdict *verdict);
