#include "tests/integration/amqp/inbox.h"

#include <criterion/criterion.h>

#include <limits.h>
#include <string.h>

#define WAIT_US (20 * G_USEC_PER_SEC)

void inbox_init(struct inbox *inbox)
{
    memset(inbox, 0, sizeof *inbox);
    g_mutex_init(&inbox->mutex);
    g_cond_init(&inbox->changed);
    inbox->deliveries = g_ptr_array_new_with_free_func((GDestroyNotify)sdm_amqp_delivery_free);
    inbox->capacity = INT_MAX;
}

void inbox_done(struct inbox *inbox)
{
    g_ptr_array_unref(inbox->deliveries);
    g_mutex_clear(&inbox->mutex);
    g_cond_clear(&inbox->changed);
}

bool inbox_deliver(void *user, struct sdm_amqp_delivery *delivery)
{
    struct inbox *inbox = user;
    bool has_room;

    g_mutex_lock(&inbox->mutex);
    has_room = (int)inbox->deliveries->len < inbox->capacity;
    if (has_room) {
        g_ptr_array_add(inbox->deliveries, delivery);
    }
    g_cond_broadcast(&inbox->changed);
    g_mutex_unlock(&inbox->mutex);
    return has_room;
}

void inbox_outcome(void *user, enum sdm_amqp_outcome outcome)
{
    struct inbox *inbox = user;

    g_mutex_lock(&inbox->mutex);
    inbox->n_outcomes[outcome]++;
    g_cond_broadcast(&inbox->changed);
    g_mutex_unlock(&inbox->mutex);
}

void inbox_state(void *user, bool is_connected)
{
    struct inbox *inbox = user;

    g_mutex_lock(&inbox->mutex);
    *(is_connected ? &inbox->n_connects : &inbox->n_losses) += 1;
    g_cond_broadcast(&inbox->changed);
    g_mutex_unlock(&inbox->mutex);
}

static int count_deliveries(const struct inbox *inbox)
{
    return (int)inbox->deliveries->len;
}

static int count_outcomes(const struct inbox *inbox)
{
    int n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(inbox->n_outcomes); i++) {
        n += inbox->n_outcomes[i];
    }
    return n;
}

static int count_connects(const struct inbox *inbox)
{
    return inbox->n_connects;
}

static void wait_for(struct inbox *inbox, int (*count)(const struct inbox *inbox), int n)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_US;
    bool is_late = false;
    int found;

    g_mutex_lock(&inbox->mutex);
    while (count(inbox) < n && !is_late) {
        is_late = !g_cond_wait_until(&inbox->changed, &inbox->mutex, end_us);
    }
    found = count(inbox);
    g_mutex_unlock(&inbox->mutex);
    cr_assert_eq(found, n, "want %d, found %d", n, found);
}

void inbox_wait_deliveries(struct inbox *inbox, int n)
{
    wait_for(inbox, count_deliveries, n);
}

void inbox_wait_outcomes(struct inbox *inbox, int n)
{
    wait_for(inbox, count_outcomes, n);
}

void inbox_wait_connects(struct inbox *inbox, int n)
{
    wait_for(inbox, count_connects, n);
}

int inbox_count(struct inbox *inbox)
{
    int n;

    g_mutex_lock(&inbox->mutex);
    n = (int)inbox->deliveries->len;
    g_mutex_unlock(&inbox->mutex);
    return n;
}

struct sdm_amqp_delivery *inbox_get(struct inbox *inbox, int index)
{
    struct sdm_amqp_delivery *delivery;

    g_mutex_lock(&inbox->mutex);
    delivery = inbox->deliveries->pdata[index];
    g_mutex_unlock(&inbox->mutex);
    return delivery;
}

void inbox_set_capacity(struct inbox *inbox, int capacity)
{
    g_mutex_lock(&inbox->mutex);
    inbox->capacity = capacity;
    g_mutex_unlock(&inbox->mutex);
}
