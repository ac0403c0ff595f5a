#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/http/client.h"
#include "lib/http/metrics.h"

static void handle_echo(void *user, const struct sdm_http_request *request,
                        struct sdm_http_response *response)
{
    const char *header = sdm_http_request_get_header(request, "X-Auth-Token");
    const char *argument = sdm_http_request_get_argument(request, "q");

    response->status = 201;
    response->body = g_strdup_printf(
        "%s|%s|%s|%s|%.*s", (const char *)user, request->path, header != NULL ? header : "-",
        argument != NULL ? argument : "-", (int)request->size, request->body);
}

static void handle_slow(void *user, const struct sdm_http_request *request,
                        struct sdm_http_response *response)
{
    (void)user;
    (void)request;
    g_usleep(300000);
    response->body = g_strdup("{}");
}

static void handle_large(void *user, const struct sdm_http_request *request,
                         struct sdm_http_response *response)
{
    (void)user;
    (void)request;
    response->body = g_strnfill(3000000, 'x');
}

static const struct sdm_http_route routes[] = {
    {SDM_HTTP_POST, "/echo", handle_echo},
    {SDM_HTTP_PUT, "/tree/", handle_echo},
    {SDM_HTTP_GET, "/slow", handle_slow},
    {SDM_HTTP_GET, "/large", handle_large},
};

static struct sdm_http_server *server;

static void setup(void)
{
    const struct sdm_http_server_config config = {
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
        .user = (void *)"me",
        .max_body_size = 100000,
    };
    g_autoptr(GError) error = NULL;

    server = sdm_http_server_new(&config, &error);
    cr_assert_not_null(server, "%s", error ? error->message : "");
}

static void teardown(void)
{
    sdm_http_server_free(server);
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 30);

static struct sdm_http_answer *request(struct sdm_http_client *client, enum sdm_http_method method,
                                       const char *path, const struct sdm_json *body,
                                       GError **error)
{
    static const char *const headers[] = {"X-Auth-Token: t0k", NULL};
    g_autofree char *url =
        g_strdup_printf("http://127.0.0.1:%u%s", sdm_http_server_get_port(server), path);

    return sdm_http_client_request(client, method, url, headers, body, error);
}

static struct sdm_http_client *make_client(unsigned timeout_ms, size_t max_answer_size)
{
    const struct sdm_http_client_config config = {.timeout_ms = timeout_ms,
                                                  .max_answer_size = max_answer_size};

    return sdm_http_client_new(&config);
}

Test(http, routes_are_found_and_others_refused)
{
    static const struct {
        const char *label;
        enum sdm_http_method method;
        const char *path;
        unsigned status;
        const char *body;
    } rows[] = {
        {"post", SDM_HTTP_POST, "/echo?q=a%20b", 201, "me|/echo|t0k|a b|{\"n\":7}"},
        {"put below", SDM_HTTP_PUT, "/tree/a/b", 201, "me|/tree/a/b|t0k|-|{\"n\":7}"},
        {"other method", SDM_HTTP_PUT, "/echo", 405,
         "{\"error\":{\"text\":\"not this method\"}}\n"},
        {"other path", SDM_HTTP_POST, "/echoes", 404, "{\"error\":{\"text\":\"no such path\"}}\n"},
        {"delete", SDM_HTTP_DELETE, "/nothing", 404, "{\"error\":{\"text\":\"no such path\"}}\n"},
    };
    g_autoptr(sdm_http_client) client = make_client(0, 0);
    g_autoptr(sdm_json) body = sdm_json_new_object();

    sdm_json_set_integer(body, "n", 7);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_http_answer) answer =
            request(client, rows[i].method, rows[i].path, body, &error);

        cr_assert_not_null(answer, "%s: %s", rows[i].label, error ? error->message : "");
        cr_assert_eq(answer->status, rows[i].status, "%s: %u", rows[i].label, answer->status);
        cr_assert_str_eq(answer->body, rows[i].body, "%s: %s", rows[i].label, answer->body);
        cr_assert_str_eq(g_hash_table_lookup(answer->headers, "content-type"), "application/json",
                         "%s", rows[i].label);
    }
}

Test(http, large_bodies_are_refused_both_ways)
{
    g_autoptr(sdm_http_client) client = make_client(0, 1000000);
    g_autoptr(sdm_http_client) roomy = make_client(0, 0);
    g_autofree char *text = g_strnfill(200000, 'x');
    g_autoptr(sdm_json) body = sdm_json_new_object();
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_http_answer) refused = NULL;
    g_autoptr(sdm_http_answer) whole = NULL;

    sdm_json_set_string(body, "text", text);
    refused = request(client, SDM_HTTP_POST, "/echo", body, &error);
    cr_assert_not_null(refused, "%s", error ? error->message : "");
    cr_assert_eq(refused->status, 413);
    cr_assert_null(request(client, SDM_HTTP_GET, "/large", NULL, &error));
    cr_assert_eq(error->domain, SDM_FAILED, "%s", error->message);
    g_clear_error(&error);
    whole = request(roomy, SDM_HTTP_GET, "/large", NULL, &error);
    cr_assert_eq(whole->size, 3000000);
}

Test(http, no_answer_is_unavailable)
{
    g_autoptr(sdm_http_client) client = make_client(100, 0);
    g_autoptr(GError) error = NULL;

    cr_assert_null(request(client, SDM_HTTP_GET, "/slow", NULL, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
    cr_assert_null(strstr(error->message, "t0k"), "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(
        sdm_http_client_request(client, SDM_HTTP_GET, "http://127.0.0.1:1/", NULL, NULL, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(
        sdm_http_client_request(client, SDM_HTTP_GET, "file:///etc/passwd", NULL, NULL, &error));
    cr_assert_eq(error->domain, SDM_FAILED, "%s", error->message);
}

Test(http, an_address_in_use_or_wrong_is_told)
{
    const struct sdm_http_server_config taken = {.port = sdm_http_server_get_port(server)};
    const struct sdm_http_server_config wrong = {.address = "localhost"};
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_http_server_new(&taken, &error));
    cr_assert_not_null(strstr(error->message, "in use"), "%s", error->message);
    g_clear_error(&error);
    cr_assert_null(sdm_http_server_new(&wrong, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
}

static bool read_flag(void *user, GError **error)
{
    return *(bool *)user || sdm_unavailable(error, "no \"broker\"");
}

/* One that is free now. */
static uint16_t pick_port(void)
{
    SDM_AUTOCLOSE
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;

    cr_assert_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static struct sdm_http_answer *get(struct sdm_http_client *client, unsigned port, const char *path)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u%s", port, path);

    return sdm_http_client_request(client, SDM_HTTP_GET, url, NULL, NULL, NULL);
}

Test(http, metrics_and_health_are_served)
{
    struct sdm_service_options options = {.metrics_address = (char *)"127.0.0.1",
                                          .metrics_port = pick_port()};
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    g_autoptr(sdm_http_client) client = make_client(0, 0);
    g_autoptr(sdm_http_metrics) made = NULL;
    g_autoptr(sdm_http_metrics) none = NULL;
    g_autoptr(sdm_http_answer) text = NULL;
    g_autoptr(sdm_http_answer) well = NULL;
    g_autoptr(sdm_http_answer) ill = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_health) health = sdm_health_new();
    bool is_healthy = true;

    sdm_health_add(health, read_flag, &is_healthy);
    sdm_health_ask(health);
    sdm_counter_add(sdm_metrics_counter(metrics, "sdm_x_total", "x", NULL), 3);
    cr_assert(sdm_http_metrics_new(&options, metrics, health, &made, &error), "%s",
              error ? error->message : "");
    cr_assert_eq(sdm_http_metrics_get_port(made), options.metrics_port);
    text = get(client, sdm_http_metrics_get_port(made), "/metrics");
    cr_assert_eq(text->status, 200);
    cr_assert_str_eq(text->body,
                     "# HELP sdm_x_total x\n# TYPE sdm_x_total counter\nsdm_x_total 3\n");
    cr_assert_str_eq(g_hash_table_lookup(text->headers, "content-type"),
                     "text/plain; version=0.0.4; charset=utf-8");
    well = get(client, sdm_http_metrics_get_port(made), "/healthz");
    cr_assert_eq(well->status, 200);
    cr_assert_str_eq(well->body, "{\"ok\":true}");
    is_healthy = false;
    sdm_health_ask(health);
    ill = get(client, sdm_http_metrics_get_port(made), "/healthz");
    cr_assert_eq(ill->status, 503);
    cr_assert_str_eq(ill->body, "{\"ok\":false,\"reason\":\"no \\\"broker\\\"\"}");
    cr_assert_str_eq(g_hash_table_lookup(ill->headers, "content-type"), "application/json");
    options.metrics_port = 0;
    cr_assert(sdm_http_metrics_new(&options, metrics, NULL, &none, &error));
    cr_assert_null(none);
}
