/* Sends answers and settles deliveries: a request is acknowledged when its answer is with the
 * broker, or could go nowhere; what the broker has lost track of comes again and finds its stored
 * answer.
 *
 * Thread rule: any thread. */
#pragma once

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/dispatcher/dead.h"
#include "sdm-controller/dispatcher/request.h"
#include "sdm-controller/dispatcher/trial.h"

struct sdm_replies;
typedef struct sdm_replies sdm_replies;

/* All are borrowed. */
struct sdm_replies *sdm_replies_new(struct sdm_amqp *amqp, struct sdm_dead *dead,
                                    struct sdm_trial *trial, struct sdm_metrics *metrics);
/* After the connection has ended. */
void sdm_replies_free(struct sdm_replies *replies);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_replies, sdm_replies_free)

/* Sends the answer of one that is answered, acknowledges one that waits, and frees the request.  A
 * dead letter is in its queue before it is answered and acknowledged. */
void sdm_replies_send_take(struct sdm_replies *replies, struct sdm_request *request);

#ifdef SDM_FAULTS
/* For sabotage: sends the answer and settles nothing. */
void sdm_replies_send_early(struct sdm_replies *replies, const struct sdm_request *request);
#endif

/* The request failed: it is tried again, alone; or, after the last try, is told INTERNAL and
 * becomes a dead letter.  Frees the request. */
void sdm_replies_fail_take(struct sdm_replies *replies, struct sdm_request *request,
                           const GError *why);
