#include "tests/integration/amqp/broker.h"

#include <criterion/criterion.h>

#include <stdio.h>

#include "lib/base/id.h"

const char *broker_uri(void)
{
    const char *uri = g_getenv("SDM_BROKER");

    cr_assert_not_null(uri, "run it with tests/fixtures/with-rabbitmq");
    return uri;
}

char *broker_uri_with(const char *password, int port)
{
    g_autoptr(GUri) uri = g_uri_parse(broker_uri(), G_URI_FLAGS_HAS_PASSWORD, NULL);

    return g_strdup_printf("amqp://sdm:%s@127.0.0.1:%d/sdm",
                           password != NULL ? password : g_uri_get_password(uri),
                           port != 0 ? port : g_uri_get_port(uri));
}

char *broker_eval(const char *expression)
{
    g_autofree char *script =
        g_strdup_printf("%s <<'END'\n%s\nEND", g_getenv("SDM_TEST_BROKER_EVAL"), expression);
    char *argv[] = {"/bin/sh", "-c", script, NULL};
    char *out = NULL;
    int status;

    cr_assert(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, NULL, &status, NULL));
    cr_assert_eq(status, 0, "%s: %s", expression, out);
    return out;
}

void broker_close_connections(void)
{
    g_free(broker_eval("[rabbit_networking:close_connection(P, \"test\") || "
                       "P <- rabbit_networking:connections()]."));
}

void broker_count(const char *queue, int *n_ready, int *n_unacked)
{
    g_autofree char *expression =
        g_strdup_printf("{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"sdm\">>, queue, "
                        "<<\"%s\">>)), [{_, R}, {_, U}] = rabbit_amqqueue:info(Q, "
                        "[messages_ready, messages_unacknowledged]), {R, U}.",
                        queue);
    g_autofree char *text = broker_eval(expression);

    cr_assert_eq(sscanf(text, "{ok, {%d, %d}}", n_ready, n_unacked), 2, "%s: %s", queue, text);
}

void broker_expect(const char *queue, int n_ready, int n_unacked)
{
    int found_ready = -1;
    int found_unacked = -1;

    for (int i = 0; i < 200; i++) {
        broker_count(queue, &found_ready, &found_unacked);
        if (found_ready == n_ready && found_unacked == n_unacked) {
            return;
        }
        g_usleep(100000);
    }
    cr_assert_fail("%s: want %d ready and %d not acknowledged, found %d and %d", queue, n_ready,
                   n_unacked, found_ready, found_unacked);
}

int broker_expect_ready(const char *queue, int n_least)
{
    int n_ready = 0;
    int n_unacked;

    for (int i = 0; i < 200; i++) {
        broker_count(queue, &n_ready, &n_unacked);
        if (n_ready >= n_least) {
            return n_ready;
        }
        g_usleep(100000);
    }
    cr_assert_fail("%s: want at least %d ready, found %d", queue, n_least, n_ready);
    return n_ready;
}

char *broker_name(const char *what)
{
    char uuid[SDM_UUID_SIZE];

    sdm_uuid_new(uuid);
    /* Its random end: it begins with the time. */
    return g_strdup_printf("test.%s.%s", what, uuid + SDM_UUID_SIZE - 13);
}

struct sdm_amqp *broker_connect(const struct sdm_amqp_topology *topology,
                                struct sdm_metrics *metrics)
{
    const struct sdm_amqp_config config = {
        .uri = broker_uri(), .name = "test", .topology = topology, .metrics = metrics};
    g_autoptr(GError) error = NULL;
    struct sdm_amqp *amqp = sdm_amqp_new(&config, &error);

    cr_assert_not_null(amqp, "%s", error ? error->message : "");
    cr_assert(sdm_amqp_wait_connected(amqp, 20000, true, &error), "%s",
              error ? error->message : "");
    return amqp;
}
