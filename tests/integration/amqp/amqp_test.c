#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "tests/integration/amqp/broker.h"
#include "tests/integration/amqp/inbox.h"

/* A queue, its dead letters, and an exchange that leads to it. */
struct place {
    char *queue;
    char *dead;
    char *exchange;
    struct sdm_amqp_exchange exchanges[2];
    struct sdm_amqp_queue queues[2];
    struct sdm_amqp_binding bindings[2];
    struct sdm_amqp_topology topology;
};

static struct place place;
static struct inbox inbox;

static void setup(void)
{
    place.queue = broker_name("work");
    place.dead = broker_name("dead");
    place.exchange = broker_name("exchange");
    place.exchanges[0] = (struct sdm_amqp_exchange){.name = place.exchange, .type = "topic"};
    place.exchanges[1] = (struct sdm_amqp_exchange){.name = place.dead, .type = "fanout"};
    place.queues[0] = (struct sdm_amqp_queue){
        .name = place.queue,
        .is_quorum = true,
        .delivery_limit = 2,
        .max_length = 100000,
        .overflow = "reject-publish",
        .dead_letter_exchange = place.dead,
        .is_dead_letter_safe = true,
    };
    place.queues[1] = (struct sdm_amqp_queue){.name = place.dead, .is_quorum = true};
    place.bindings[0] = (struct sdm_amqp_binding){place.queue, place.exchange, "s10.#"};
    place.bindings[1] = (struct sdm_amqp_binding){place.dead, place.dead, ""};
    place.topology = (struct sdm_amqp_topology){
        place.exchanges, G_N_ELEMENTS(place.exchanges), place.queues, G_N_ELEMENTS(place.queues),
        place.bindings,  G_N_ELEMENTS(place.bindings),
    };
    inbox_init(&inbox);
}

static void teardown(void)
{
    inbox_done(&inbox);
    g_free(place.queue);
    g_free(place.dead);
    g_free(place.exchange);
}

TestSuite(amqp, .init = setup, .fini = teardown, .timeout = 60);

static struct sdm_amqp_consumer *consume(struct sdm_amqp *amqp, const char *queue,
                                         uint16_t prefetch)
{
    const struct sdm_amqp_consumer_config config = {
        .queue = queue, .prefetch = prefetch, .deliver = inbox_deliver, .user = &inbox};

    return sdm_amqp_consume(amqp, &config);
}

static void publish(struct sdm_amqp *amqp, const struct sdm_amqp_message *message)
{
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_amqp_publish(amqp, message, inbox_outcome, &inbox, &error), "%s",
              error ? error->message : "");
}

static void publish_numbers(struct sdm_amqp *amqp, int n)
{
    for (int i = 0; i < n; i++) {
        g_autofree char *body = g_strdup_printf("%d", i);
        const struct sdm_amqp_message message = {
            .exchange = place.exchange,
            .routing_key = "s10.reserve",
            .body = body,
            .size = strlen(body),
            .is_persistent = true,
            .is_mandatory = true,
        };

        publish(amqp, &message);
    }
    inbox_wait_outcomes(&inbox, n);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_CONFIRMED], n, "%d confirmed",
                 inbox.n_outcomes[SDM_AMQP_CONFIRMED]);
}

static void settle(struct sdm_amqp *amqp, int first, int n, enum sdm_amqp_verdict verdict)
{
    for (int i = first; i < first + n; i++) {
        sdm_amqp_settle(amqp, &inbox_get(&inbox, i)->tag, 1, verdict);
    }
}

static uint64_t read_counter(struct sdm_metrics *metrics, const char *name)
{
    return sdm_counter_get(sdm_metrics_counter(metrics, name, "", "connection", "test", NULL));
}

Test(amqp, refuses_a_uri_that_is_none)
{
    const struct sdm_amqp_config config = {.uri = "http://u:hunter2@h/"};
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_amqp_new(&config, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    cr_assert_null(strstr(error->message, "hunter2"), "%s", error->message);
}

Test(amqp, says_why_there_is_no_connection)
{
    static const struct {
        const char *label;
        const char *password;
        int port;
        const char *says;
    } rows[] = {
        {"nobody listens", NULL, 1, "127.0.0.1:1"},
        {"wrong password", "hunter2", 0, "ACCESS_REFUSED"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *uri = broker_uri_with(rows[i].password, rows[i].port);
        const struct sdm_amqp_config config = {.uri = uri, .name = "test"};
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_amqp) amqp = sdm_amqp_new(&config, &error);
        const struct sdm_amqp_message message = {.exchange = "", .routing_key = "x"};

        cr_assert_not_null(amqp, "%s", rows[i].label);
        cr_assert_not(sdm_amqp_wait_connected(amqp, 20000, true, &error), "%s", rows[i].label);
        cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", rows[i].label);
        cr_assert_not_null(strstr(error->message, rows[i].says), "%s: %s", rows[i].label,
                           error->message);
        cr_assert_null(strstr(error->message, "hunter2"), "%s", error->message);
        g_clear_error(&error);
        cr_assert_not(sdm_amqp_publish(amqp, &message, NULL, NULL, &error), "%s", rows[i].label);
        cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", rows[i].label);
    }
}

Test(amqp, a_message_arrives_as_it_was_sent)
{
    static const struct sdm_amqp_header headers[] = {{"sdm-token", "t0k"}, {"other", ""}};
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);
    g_autofree char *large = g_malloc(700000);
    struct sdm_amqp_message message = {
        .exchange = place.exchange,
        .routing_key = "s10.reserve",
        .type = "s10.reserve/1",
        .correlation_id = "c-1",
        .reply_to = "r-1",
        .message_id = "m-1",
        .content_type = "application/json",
        .user_id = "sdm",
        .app_id = "a-1",
        .expiration_ms = "60000",
        .headers = headers,
        .n_headers = G_N_ELEMENTS(headers),
        .body = "a\0b",
        .size = 3,
        .is_persistent = true,
        .is_mandatory = true,
    };
    const struct sdm_amqp_delivery *delivery;

    for (int i = 0; i < 700000; i++) {
        large[i] = (char)(i % 251);
    }
    consume(amqp, place.queue, 10);
    publish(amqp, &message);
    inbox_wait_deliveries(&inbox, 1);
    delivery = inbox_get(&inbox, 0);
    cr_assert_str_eq(delivery->message.exchange, place.exchange);
    cr_assert_str_eq(delivery->message.routing_key, "s10.reserve");
    cr_assert_str_eq(delivery->message.type, "s10.reserve/1");
    cr_assert_str_eq(delivery->message.correlation_id, "c-1");
    cr_assert_str_eq(delivery->message.reply_to, "r-1");
    cr_assert_str_eq(delivery->message.message_id, "m-1");
    cr_assert_str_eq(delivery->message.content_type, "application/json");
    cr_assert_str_eq(delivery->message.user_id, "sdm");
    cr_assert_str_eq(delivery->message.app_id, "a-1");
    cr_assert_str_eq(delivery->message.expiration_ms, "60000");
    cr_assert_str_eq(sdm_amqp_message_get_header(&delivery->message, "sdm-token"), "t0k");
    cr_assert_str_eq(sdm_amqp_message_get_header(&delivery->message, "other"), "");
    cr_assert_null(sdm_amqp_message_get_header(&delivery->message, "none"));
    cr_assert(delivery->message.is_persistent);
    cr_assert_not(delivery->is_redelivered);
    cr_assert_eq(delivery->message.size, 3);
    cr_assert_eq(memcmp(delivery->message.body, "a\0b", 4), 0);
    message = (struct sdm_amqp_message){
        .exchange = "", .routing_key = place.queue, .body = large, .size = 700000};
    publish(amqp, &message);
    inbox_wait_deliveries(&inbox, 2);
    delivery = inbox_get(&inbox, 1);
    cr_assert_eq(delivery->message.size, 700000);
    cr_assert_eq(memcmp(delivery->message.body, large, 700000), 0);
    cr_assert_null(delivery->message.type);
}

Test(amqp, a_message_without_a_body_arrives)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);
    struct sdm_amqp_message message = {.exchange = "", .routing_key = place.queue};

    consume(amqp, place.queue, 10);
    publish(amqp, &message);
    inbox_wait_deliveries(&inbox, 1);
    cr_assert_eq(inbox_get(&inbox, 0)->message.size, 0);
}

Test(amqp, each_publication_learns_its_own_outcome)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);
    struct sdm_amqp_message message = {.body = "x", .size = 1};
    enum sdm_amqp_outcome outcome;
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 3000; i++) {
        /* One in three is mandatory and leads nowhere, one leads nowhere and nobody cares. */
        message.exchange = i % 3 == 0 ? place.exchange : "";
        message.routing_key = i % 3 == 0 ? "s10.reserve" : "test.nowhere";
        message.is_mandatory = i % 3 != 2;
        publish(amqp, &message);
    }
    inbox_wait_outcomes(&inbox, 3000);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_CONFIRMED], 2000);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_RETURNED], 1000);
    message.routing_key = "test.nowhere";
    message.exchange = "";
    message.is_mandatory = true;
    cr_assert(sdm_amqp_publish_wait(amqp, &message, 10000, &outcome, &error));
    cr_assert_eq(outcome, SDM_AMQP_RETURNED);
    message.routing_key = place.queue;
    cr_assert(sdm_amqp_publish_wait(amqp, &message, 10000, &outcome, &error));
    cr_assert_eq(outcome, SDM_AMQP_CONFIRMED);
    broker_expect(place.queue, 1001, 0);
}

Test(amqp, a_full_queue_refuses)
{
    g_autoptr(sdm_amqp) amqp = NULL;
    struct sdm_amqp_message message = {.exchange = "", .body = "x", .size = 1};
    enum sdm_amqp_outcome outcome = SDM_AMQP_CONFIRMED;

    place.queues[0] =
        (struct sdm_amqp_queue){.name = place.queue, .max_length = 1, .overflow = "reject-publish"};
    amqp = broker_connect(&place.topology, NULL);
    message.routing_key = place.queue;
    for (int i = 0; i < 10 && outcome == SDM_AMQP_CONFIRMED; i++) {
        cr_assert(sdm_amqp_publish_wait(amqp, &message, 10000, &outcome, NULL));
    }
    cr_assert_eq(outcome, SDM_AMQP_REFUSED);
}

Test(amqp, drop_head_keeps_the_last)
{
    g_autoptr(sdm_amqp) amqp = NULL;

    place.queues[0] =
        (struct sdm_amqp_queue){.name = place.queue, .max_length = 1, .overflow = "drop-head"};
    amqp = broker_connect(&place.topology, NULL);
    publish_numbers(amqp, 5);
    consume(amqp, place.queue, 10);
    inbox_wait_deliveries(&inbox, 1);
    cr_assert_str_eq(inbox_get(&inbox, 0)->message.body, "4");
}

Test(amqp, an_error_of_one_publication_leaves_the_consumer_alone)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, metrics);
    struct sdm_amqp_message message = {
        .exchange = "test.no.such.exchange", .routing_key = "x", .body = "x", .size = 1};

    consume(amqp, place.queue, 10);
    publish(amqp, &message);
    inbox_wait_outcomes(&inbox, 1);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_LOST], 1);
    message.exchange = "";
    message.routing_key = place.queue;
    message.user_id = "somebody-else";
    publish(amqp, &message);
    inbox_wait_outcomes(&inbox, 2);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_LOST], 2);
    message.user_id = "sdm";
    publish(amqp, &message);
    inbox_wait_outcomes(&inbox, 3);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_CONFIRMED], 1);
    inbox_wait_deliveries(&inbox, 1);
    cr_assert_eq(inbox_get(&inbox, 0)->tag.generation, 1);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_losses_total"), 0);
}

Test(amqp, prefetch_bounds_what_is_held_and_nothing_is_dropped)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);
    struct sdm_amqp_consumer *consumer;

    publish_numbers(amqp, 30);
    inbox_set_capacity(&inbox, 4);
    consumer = consume(amqp, place.queue, 10);
    inbox_wait_deliveries(&inbox, 4);
    broker_expect(place.queue, 20, 10);
    cr_assert_eq(inbox_count(&inbox), 4);
    settle(amqp, 0, 4, SDM_AMQP_ACK);
    broker_expect(place.queue, 16, 10);
    cr_assert_eq(inbox_count(&inbox), 4, "offered without being asked");
    inbox_set_capacity(&inbox, 30);
    sdm_amqp_consumer_resume(consumer);
    inbox_wait_deliveries(&inbox, 14);
    settle(amqp, 4, 10, SDM_AMQP_ACK);
    inbox_wait_deliveries(&inbox, 24);
    settle(amqp, 14, 10, SDM_AMQP_ACK);
    inbox_wait_deliveries(&inbox, 30);
    settle(amqp, 24, 6, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 0);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(atoi(inbox_get(&inbox, i)->message.body), i, "out of order at %d", i);
    }
}

Test(amqp, paused_it_delivers_nothing_and_stopped_it_gives_back)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);
    struct sdm_amqp_consumer *consumer = consume(amqp, place.queue, 10);

    sdm_amqp_consumer_pause(consumer);
    publish_numbers(amqp, 20);
    broker_expect(place.queue, 10, 10);
    cr_assert_eq(inbox_count(&inbox), 0);
    sdm_amqp_consumer_stop(consumer);
    broker_expect(place.queue, 20, 0);
    cr_assert_eq(inbox_count(&inbox), 0);
}

Test(amqp, acknowledgements_are_coalesced)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, metrics);
    struct sdm_amqp_tag tags[1000];

    publish_numbers(amqp, 1000);
    consume(amqp, place.queue, 1000);
    inbox_wait_deliveries(&inbox, 1000);
    for (int i = 0; i < 1000; i++) {
        tags[i] = inbox_get(&inbox, i)->tag;
    }
    /* All but the first, which holds the rest back from being acknowledged together. */
    sdm_amqp_settle(amqp, tags + 900, 100, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 900);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_ack_frames_total"), 100);
    sdm_amqp_settle(amqp, tags, 900, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 0);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_ack_frames_total"), 101);
}

Test(amqp, a_verdict_given_twice_is_given_once)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, metrics);

    publish_numbers(amqp, 2);
    consume(amqp, place.queue, 10);
    inbox_wait_deliveries(&inbox, 2);
    settle(amqp, 1, 1, SDM_AMQP_ACK);
    settle(amqp, 1, 1, SDM_AMQP_ACK);
    settle(amqp, 1, 1, SDM_AMQP_REJECT);
    broker_expect(place.queue, 0, 1);
    settle(amqp, 0, 1, SDM_AMQP_ACK);
    settle(amqp, 0, 1, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 0);
    broker_expect(place.dead, 0, 0);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_losses_total"), 0);
}

Test(amqp, rejected_goes_to_the_dead_letters_and_requeued_comes_again)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);

    publish_numbers(amqp, 1);
    consume(amqp, place.queue, 10);
    inbox_wait_deliveries(&inbox, 1);
    cr_assert_eq(inbox_get(&inbox, 0)->delivery_count, 0);
    settle(amqp, 0, 1, SDM_AMQP_REQUEUE);
    inbox_wait_deliveries(&inbox, 2);
    cr_assert(inbox_get(&inbox, 1)->is_redelivered);
    cr_assert_eq(inbox_get(&inbox, 1)->delivery_count, 1);
    settle(amqp, 1, 1, SDM_AMQP_REJECT);
    broker_expect(place.dead, 1, 0);
    broker_expect(place.queue, 0, 0);
}

Test(amqp, the_delivery_limit_ends_in_the_dead_letters)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, NULL);

    publish_numbers(amqp, 1);
    consume(amqp, place.queue, 10);
    for (int i = 0; i < 3; i++) {
        inbox_wait_deliveries(&inbox, i + 1);
        settle(amqp, i, 1, SDM_AMQP_REQUEUE);
    }
    broker_expect(place.dead, 1, 0);
    cr_assert_eq(inbox_count(&inbox), 3);
}

Test(amqp, what_is_too_large_goes_to_the_dead_letters)
{
    struct sdm_amqp_config config = {
        .uri = broker_uri(), .name = "test", .topology = &place.topology, .max_body_size = 100};
    g_autoptr(sdm_amqp) amqp = sdm_amqp_new(&config, NULL);
    g_autofree char *text = g_strnfill(300000, 'x');
    struct sdm_amqp_message message = {
        .exchange = "", .routing_key = place.queue, .body = text, .size = 300000};

    cr_assert(sdm_amqp_wait_connected(amqp, 20000, true, NULL));
    consume(amqp, place.queue, 10);
    publish(amqp, &message);
    message.size = 100;
    publish(amqp, &message);
    inbox_wait_deliveries(&inbox, 1);
    cr_assert_eq(inbox_get(&inbox, 0)->message.size, 100);
    broker_expect(place.dead, 1, 0);
}

Test(amqp, after_a_loss_all_is_as_before_and_late_verdicts_are_ignored)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    struct sdm_amqp_config config = {.uri = broker_uri(),
                                     .name = "test",
                                     .topology = &place.topology,
                                     .metrics = metrics,
                                     .on_state = inbox_state,
                                     .user = &inbox};
    g_autoptr(sdm_amqp) amqp = NULL;
    bool seen[10] = {false};

    /* Exclusive: it goes with the connection, and has to be declared again. */
    place.queues[1].is_quorum = false;
    place.queues[1].is_transient = true;
    place.queues[1].is_exclusive = true;
    amqp = sdm_amqp_new(&config, NULL);
    inbox_wait_connects(&inbox, 1);
    publish_numbers(amqp, 10);
    consume(amqp, place.queue, 10);
    inbox_wait_deliveries(&inbox, 10);
    broker_close_connections();
    inbox_wait_connects(&inbox, 2);
    cr_assert_eq(inbox.n_losses, 1);
    inbox_wait_deliveries(&inbox, 20);
    for (int i = 10; i < 20; i++) {
        const struct sdm_amqp_delivery *delivery = inbox_get(&inbox, i);

        cr_assert(delivery->is_redelivered);
        cr_assert_eq(delivery->tag.generation, 2);
        seen[atoi(delivery->message.body)] = true;
    }
    for (int i = 0; i < 10; i++) {
        cr_assert(seen[i], "%d was lost", i);
    }
    settle(amqp, 0, 10, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 10);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_late_verdicts_total"), 10);
    settle(amqp, 10, 10, SDM_AMQP_ACK);
    broker_expect(place.queue, 0, 0);
    broker_expect(place.dead, 0, 0);
    cr_assert_eq(read_counter(metrics, "sdm_amqp_connects_total"), 2);
}

static gpointer close_soon(gpointer data)
{
    g_usleep(300000);
    broker_close_connections();
    return data;
}

Test(amqp, every_publication_ends_when_the_connection_goes)
{
    struct sdm_amqp_config config = {.uri = broker_uri(),
                                     .name = "test",
                                     .topology = &place.topology,
                                     .on_state = inbox_state,
                                     .user = &inbox};
    g_autoptr(sdm_amqp) amqp = sdm_amqp_new(&config, NULL);
    const struct sdm_amqp_message message = {
        .exchange = "", .routing_key = place.queue, .body = "x", .size = 1, .is_persistent = true};
    GThread *thread;
    int n_accepted = 0;
    int n_ready;

    inbox_wait_connects(&inbox, 1);
    thread = g_thread_new("closer", close_soon, NULL);
    while (n_accepted < 200000 && inbox.n_losses == 0) {
        if (sdm_amqp_publish(amqp, &message, inbox_outcome, &inbox, NULL)) {
            n_accepted++;
        } else {
            g_usleep(1000);
        }
        if (n_accepted % 100 == 0) {
            g_usleep(2000);
        }
    }
    g_thread_join(thread);
    inbox_wait_connects(&inbox, 2);
    inbox_wait_outcomes(&inbox, n_accepted);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_RETURNED] + inbox.n_outcomes[SDM_AMQP_REFUSED], 0);
    /* What was confirmed is there; what was lost may be. */
    n_ready = broker_expect_ready(place.queue, inbox.n_outcomes[SDM_AMQP_CONFIRMED]);
    cr_assert_leq(n_ready, n_accepted);
}

static void set_alarm(bool is_on)
{
    g_free(broker_eval(is_on ? "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})."
                             : "rabbit_alarm:clear_alarm({resource_limit, memory, node()})."));
}

Test(amqp, a_broker_out_of_memory_holds_publications_back_and_loses_none)
{
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_amqp) amqp = broker_connect(&place.topology, metrics);
    struct sdm_gauge *blocked =
        sdm_metrics_gauge(metrics, "sdm_amqp_blocked", "", "connection", "test", NULL);
    const struct sdm_amqp_message message = {.exchange = "", .routing_key = place.queue};

    publish(amqp, &message);
    inbox_wait_outcomes(&inbox, 1);
    set_alarm(true);
    /* The broker tells a connection when it publishes next. */
    for (int i = 0; i < 100; i++) {
        publish(amqp, &message);
        g_usleep(5000);
    }
    cr_assert_lt(inbox.n_outcomes[SDM_AMQP_CONFIRMED], 101);
    cr_assert_eq(sdm_gauge_get(blocked), 1);
    cr_assert_lt(read_counter(metrics, "sdm_amqp_published_total"), 50);
    set_alarm(false);
    inbox_wait_outcomes(&inbox, 101);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_CONFIRMED], 101);
    cr_assert_eq(sdm_gauge_get(blocked), 0);
    broker_expect(place.queue, 101, 0);
}

Test(amqp, declaring_later_works_and_a_conflict_is_told)
{
    g_autoptr(sdm_amqp) amqp = broker_connect(NULL, NULL);
    struct sdm_amqp_queue other = {.name = place.queue, .is_transient = true};
    const struct sdm_amqp_topology conflict = {.queues = &other, .n_queues = 1};
    const struct sdm_amqp_message message = {.exchange = "", .routing_key = place.queue};
    enum sdm_amqp_outcome outcome;
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_amqp_declare(amqp, &place.topology, &error), "%s", error ? error->message : "");
    cr_assert(sdm_amqp_declare(amqp, &place.topology, &error), "%s", error ? error->message : "");
    cr_assert_not(sdm_amqp_declare(amqp, &conflict, &error));
    cr_assert_eq(error->domain, SDM_FAILED);
    cr_assert_not_null(strstr(error->message, place.queue), "%s", error->message);
    cr_assert_not_null(strstr(error->message, "PRECONDITION_FAILED"), "%s", error->message);
    g_clear_error(&error);
    publish_numbers(amqp, 1);
    cr_assert(sdm_amqp_delete_queue(amqp, place.queue, &error), "%s", error ? error->message : "");
    cr_assert(sdm_amqp_delete_queue(amqp, place.queue, &error), "%s", error ? error->message : "");
    cr_assert(sdm_amqp_publish_wait(amqp,
                                    &(struct sdm_amqp_message){.exchange = "",
                                                               .routing_key = place.queue,
                                                               .is_mandatory = true},
                                    10000, &outcome, &error));
    cr_assert_eq(outcome, SDM_AMQP_RETURNED);
    cr_assert(sdm_amqp_publish_wait(amqp, &message, 10000, &outcome, &error));
    cr_assert_eq(outcome, SDM_AMQP_CONFIRMED);
}

Test(amqp, a_stop_sends_what_was_handed_in)
{
    struct sdm_amqp *amqp = broker_connect(&place.topology, NULL);
    const struct sdm_amqp_message message = {.exchange = "", .routing_key = place.queue};

    for (int i = 0; i < 500; i++) {
        publish(amqp, &message);
    }
    sdm_amqp_free(amqp);
    inbox_wait_outcomes(&inbox, 500);
    cr_assert_eq(inbox.n_outcomes[SDM_AMQP_CONFIRMED], 500);
    broker_expect(place.queue, 500, 0);
}
