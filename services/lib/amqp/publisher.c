#include "lib/amqp/publisher.h"

#include <stdatomic.h>

#include "lib/amqp/link.h"
#include "lib/amqp/properties.h"
#include "lib/base/fault.h"

void sdm_publisher_init(struct sdm_publisher *publisher, const struct sdm_metering *metering,
                        size_t max_unconfirmed, _Atomic size_t *n_waiting)
{
    *publisher = (struct sdm_publisher){
        .metering = metering, .max_unconfirmed = max_unconfirmed, .n_waiting = n_waiting};
    publisher->end = &publisher->first;
    sdm_ring_init(&publisher->sent, 1);
}

static void complete(const struct sdm_publisher *publisher, struct sdm_publication *publication,
                     enum sdm_amqp_outcome outcome)
{
    sdm_counter_add(publisher->metering->outcomes[outcome], 1);
    if (outcome == SDM_AMQP_CONFIRMED) {
        sdm_histogram_observe(publisher->metering->confirm,
                              g_get_monotonic_time() - publication->start_us);
    }
    atomic_fetch_sub(publisher->n_waiting, 1);
    if (publication->done != NULL) {
        publication->done(publication->user, outcome);
    }
    g_free(publication->message);
    g_free(publication);
}

void sdm_publisher_add_take(struct sdm_publisher *publisher, struct sdm_publication *publication)
{
    publication->next = NULL;
    *publisher->end = publication;
    publisher->end = &publication->next;
}

static struct sdm_publication *pop(struct sdm_publisher *publisher)
{
    struct sdm_publication *publication = publisher->first;

    publisher->first = publication->next;
    if (publisher->first == NULL) {
        publisher->end = &publisher->first;
    }
    return publication;
}

static bool send_one(amqp_connection_state_t connection, const struct sdm_amqp_message *message,
                     uint64_t seq, GError **error)
{
    amqp_table_entry_t entries[SDM_AMQP_MAX_HEADERS + 1];
    amqp_basic_properties_t properties;
    int status;

    sdm_amqp_properties_fill(&properties, entries, message, seq);
    status = amqp_basic_publish(connection, SDM_LINK_PUBLISH, sdm_amqp_bytes(message->exchange),
                                sdm_amqp_bytes(message->routing_key), message->is_mandatory, 0,
                                &properties, (amqp_bytes_t){message->size, (void *)message->body});
    return sdm_link_check_status(status, "publish", error);
}

bool sdm_publisher_pump(struct sdm_publisher *publisher, amqp_connection_state_t connection,
                        GError **error)
{
    bool ok = true;

    while (ok && publisher->first != NULL && !publisher->is_blocked &&
           sdm_ring_length(&publisher->sent) < publisher->max_unconfirmed) {
        struct sdm_publication *publication = pop(publisher);
        uint64_t seq = sdm_ring_push(&publisher->sent, publication);

        /* Noted first: a message whose sending failed may have arrived. */
        ok = send_one(connection, publication->message, seq, error) &&
             !sdm_fault("amqp.published", error);
        sdm_counter_add(publisher->metering->published, 1);
    }
    return ok;
}

static void settle_one(struct sdm_publisher *publisher, uint64_t tag, bool is_taken)
{
    void **slot = sdm_ring_at(&publisher->sent, tag);
    struct sdm_publication *publication = slot != NULL ? *slot : NULL;
    enum sdm_amqp_outcome outcome = SDM_AMQP_REFUSED;

    if (publication == NULL) {
        return;
    }
    *slot = NULL;
    if (is_taken) {
        outcome = publication->is_returned ? SDM_AMQP_RETURNED : SDM_AMQP_CONFIRMED;
    }
    complete(publisher, publication, outcome);
}

void sdm_publisher_settle(struct sdm_publisher *publisher, uint64_t tag, bool is_multiple,
                          bool is_taken)
{
    struct sdm_ring *sent = &publisher->sent;

    for (uint64_t number = is_multiple ? sent->first : tag; number <= tag; number++) {
        settle_one(publisher, number, is_taken);
    }
    while (sdm_ring_length(sent) > 0 && *sdm_ring_at(sent, sent->first) == NULL) {
        sdm_ring_pop(sent);
    }
}

void sdm_publisher_return(struct sdm_publisher *publisher, uint64_t seq)
{
    void **slot = sdm_ring_at(&publisher->sent, seq);

    if (slot != NULL && *slot != NULL) {
        ((struct sdm_publication *)*slot)->is_returned = true;
    }
}

void sdm_publisher_lose_sent(struct sdm_publisher *publisher)
{
    while (sdm_ring_length(&publisher->sent) > 0) {
        struct sdm_publication *publication = sdm_ring_pop(&publisher->sent);

        if (publication != NULL) {
            complete(publisher, publication, SDM_AMQP_LOST);
        }
    }
    sdm_ring_done(&publisher->sent);
    sdm_ring_init(&publisher->sent, 1);
}

void sdm_publisher_lose_all(struct sdm_publisher *publisher)
{
    sdm_publisher_lose_sent(publisher);
    while (publisher->first != NULL) {
        complete(publisher, pop(publisher), SDM_AMQP_LOST);
    }
    publisher->is_blocked = false;
}
