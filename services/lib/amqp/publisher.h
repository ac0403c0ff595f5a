/* Publications on their way: waiting, sent and not yet confirmed, completed.
 *
 * Thread rule: the I/O thread, but for making a publication. */
#pragma once

#include <amqp.h>

#include "lib/amqp/amqp.h"
#include "lib/amqp/metering.h"
#include "lib/amqp/ring.h"
#include "lib/svc/mailbox.h"

struct sdm_publication {
    struct sdm_publication *next;
    struct sdm_amqp_message *message;
    void (*done)(void *user, enum sdm_amqp_outcome outcome);
    void *user;
    int64_t start_us;
    bool is_returned;
};

struct sdm_publisher {
    const struct sdm_metering *metering;
    size_t max_unconfirmed;
    _Atomic size_t *n_waiting; /* accepted and not completed */
    struct sdm_publication *first;
    struct sdm_publication **end;
    struct sdm_ring sent; /* struct sdm_publication, by delivery tag; NULL when completed */
    bool is_blocked;      /* the broker asked for silence */
};

void sdm_publisher_init(struct sdm_publisher *publisher, const struct sdm_metering *metering,
                        size_t max_unconfirmed, _Atomic size_t *n_waiting);

/* Takes the publication. */
void sdm_publisher_add_take(struct sdm_publisher *publisher, struct sdm_publication *publication);

/* Sends what waits, as far as the number on its way allows; false with 'error' set when the
 * connection went. */
bool sdm_publisher_pump(struct sdm_publisher *publisher, amqp_connection_state_t connection,
                        GError **error);

/* The broker's word on one tag, or all up to it. */
void sdm_publisher_settle(struct sdm_publisher *publisher, uint64_t tag, bool is_multiple,
                          bool is_taken);
/* No queue took the mandatory message of that number; its confirm follows. */
void sdm_publisher_return(struct sdm_publisher *publisher, uint64_t seq);

/* The channel went: completes what was sent as lost; numbers begin anew. */
void sdm_publisher_lose_sent(struct sdm_publisher *publisher);
/* The same for all. */
void sdm_publisher_lose_all(struct sdm_publisher *publisher);

static inline bool sdm_publisher_is_idle(const struct sdm_publisher *publisher)
{
    return publisher->first == NULL && sdm_ring_length(&publisher->sent) == 0;
}
