#include <criterion/criterion.h>

#include <string.h>

#include "lib/amqp/client.h"
#include "lib/base/error.h"
#include "tests/integration/amqp/broker.h"

/* Answers each request with its body, except one that says "silence". */
struct echo {
    struct sdm_amqp *amqp;
    char *name;
    struct sdm_amqp_queue queue;
    struct sdm_amqp_topology topology;
};

static struct echo echo;

static bool answer(void *user, struct sdm_amqp_delivery *delivery)
{
    g_autoptr(sdm_amqp_delivery) request = delivery;
    const struct sdm_amqp_message reply = {
        .exchange = "",
        .routing_key = request->message.reply_to,
        .correlation_id = request->message.correlation_id,
        .body = request->message.body,
        .size = request->message.size,
        .is_mandatory = true,
    };

    (void)user;
    if (strcmp(request->message.body, "silence") != 0) {
        cr_assert(sdm_amqp_publish(echo.amqp, &reply, NULL, NULL, NULL));
    }
    sdm_amqp_settle(echo.amqp, &request->tag, 1, SDM_AMQP_ACK);
    return true;
}

static void setup(void)
{
    struct sdm_amqp_consumer_config consumer = {.prefetch = 100, .deliver = answer};

    echo.name = broker_name("echo");
    echo.queue = (struct sdm_amqp_queue){.name = echo.name};
    echo.topology = (struct sdm_amqp_topology){.queues = &echo.queue, .n_queues = 1};
    echo.amqp = broker_connect(&echo.topology, NULL);
    consumer.queue = echo.name;
    sdm_amqp_consume(echo.amqp, &consumer);
}

static void teardown(void)
{
    sdm_amqp_free(echo.amqp);
    g_free(echo.name);
}

TestSuite(client, .init = setup, .fini = teardown, .timeout = 60);

static struct sdm_amqp_client *connect_client(void)
{
    const struct sdm_amqp_config config = {.uri = broker_uri(), .name = "client"};
    g_autoptr(GError) error = NULL;
    struct sdm_amqp_client *client = sdm_amqp_client_new(&config, &error);

    cr_assert_not_null(client, "%s", error ? error->message : "");
    return client;
}

static struct sdm_amqp_delivery *call(struct sdm_amqp_client *client, const char *queue,
                                      const char *body, unsigned timeout_ms, GError **error)
{
    const struct sdm_amqp_message request = {
        .exchange = "", .routing_key = queue, .body = body, .size = strlen(body)};

    return sdm_amqp_client_call(client, &request, timeout_ms, error);
}

Test(client, a_call_gets_its_own_reply)
{
    g_autoptr(sdm_amqp_client) client = connect_client();

    for (int i = 0; i < 200; i++) {
        g_autofree char *body = g_strdup_printf("%d", i);
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_amqp_delivery) reply = call(client, echo.name, body, 10000, &error);

        cr_assert_not_null(reply, "%s", error ? error->message : "");
        cr_assert_str_eq(reply->message.body, body);
    }
}

Test(client, silence_and_nobody_are_told_apart)
{
    g_autoptr(sdm_amqp_client) client = connect_client();
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_amqp_delivery) reply = NULL;

    cr_assert_null(call(client, echo.name, "silence", 300, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    cr_assert_not_null(strstr(error->message, "unknown"), "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(call(client, "test.nowhere", "x", 10000, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    cr_assert_not_null(strstr(error->message, "nobody"), "%s", error->message);
    g_clear_error(&error);
    reply = call(client, echo.name, "after", 10000, &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    cr_assert_str_eq(reply->message.body, "after");
}

Test(client, works_again_after_a_loss)
{
    g_autoptr(sdm_amqp_client) client = connect_client();
    g_autoptr(sdm_amqp_delivery) reply = NULL;
    g_autoptr(GError) error = NULL;

    broker_close_connections();
    for (int i = 0; i < 100 && reply == NULL; i++) {
        g_clear_error(&error);
        reply = call(client, echo.name, "again", 2000, &error);
        if (reply == NULL) {
            g_usleep(100000);
        }
    }
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    cr_assert_str_eq(reply->message.body, "again");
}

Test(client, no_broker_is_told_at_once)
{
    g_autofree char *uri = broker_uri_with(NULL, 1);
    const struct sdm_amqp_config config = {.uri = uri};
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_amqp_client_new(&config, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
}
