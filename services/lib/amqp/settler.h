/* Which acknowledgements to send for the verdicts that came in: deliveries up to the first open one
 * in one frame, others one by one.
 *
 * Pure.  Thread rule: one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/amqp/amqp.h"
#include "lib/amqp/ring.h"

struct sdm_settler {
    struct sdm_ring deliveries; /* enum state, by delivery tag */
    GArray *acked;              /* uint64_t: tags whose acknowledgement is to be sent */
};

/* Sends one frame: of ACK for all up to 'number' when 'is_multiple'.  False ends sending. */
typedef bool sdm_settler_send_fn(void *user, uint64_t number, bool is_multiple,
                                 enum sdm_amqp_verdict verdict);

/* Tags of a channel begin with 1. */
void sdm_settler_init(struct sdm_settler *settler);
void sdm_settler_done(struct sdm_settler *settler);

/* The next tag was delivered; a settled one expects no verdict. */
void sdm_settler_deliver(struct sdm_settler *settler, bool is_settled);

/* Notes an acknowledgement, or sends another verdict at once.  A tag that is not open is ignored
 * and gives true; false as 'send' said. */
bool sdm_settler_settle(struct sdm_settler *settler, uint64_t number, enum sdm_amqp_verdict verdict,
                        sdm_settler_send_fn *send, void *user);

/* Sends the noted acknowledgements. */
bool sdm_settler_flush(struct sdm_settler *settler, sdm_settler_send_fn *send, void *user);
