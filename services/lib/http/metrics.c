#include "lib/http/metrics.h"

#include "lib/json/json.h"

struct sdm_http_metrics {
    struct sdm_http_server *server;
    struct sdm_metrics *metrics;
    struct sdm_health *health; /* or NULL */
};

static void handle_metrics(void *user, const struct sdm_http_request *request,
                           struct sdm_http_response *response)
{
    const struct sdm_http_metrics *made = user;

    (void)request;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response->body = sdm_metrics_render(made->metrics);
}

static void handle_health(void *user, const struct sdm_http_request *request,
                          struct sdm_http_response *response)
{
    const struct sdm_http_metrics *made = user;
    g_autofree char *reason = made->health != NULL ? sdm_health_read(made->health) : NULL;
    g_autoptr(sdm_json) answer = sdm_json_new_object();

    (void)request;
    response->status = reason == NULL ? 200 : 503;
    sdm_json_set_boolean(answer, "ok", reason == NULL);
    if (reason != NULL) {
        sdm_json_set_string(answer, "reason", reason);
    }
    response->body = sdm_json_write(answer, SDM_JSON_COMPACT, NULL);
}

static const struct sdm_http_route routes[] = {
    {SDM_HTTP_GET, "/metrics", handle_metrics},
    {SDM_HTTP_GET, "/healthz", handle_health},
};

bool sdm_http_metrics_new(const struct sdm_service_options *options, struct sdm_metrics *metrics,
                          struct sdm_health *health, struct sdm_http_metrics **made, GError **error)
{
    struct sdm_http_metrics *fresh;
    struct sdm_http_server_config config = {
        .address = options->metrics_address,
        .port = (uint16_t)options->metrics_port,
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
        .cert_file = options->metrics_cert,
        .key_file = options->metrics_key,
    };

    if (options->metrics_port == 0) {
        *made = NULL;
        return true;
    }
    fresh = g_new0(struct sdm_http_metrics, 1);
    fresh->metrics = metrics;
    fresh->health = health;
    config.user = fresh;
    fresh->server = sdm_http_server_new(&config, error);
    if (fresh->server == NULL) {
        g_free(fresh);
        return false;
    }
    *made = fresh;
    return true;
}

void sdm_http_metrics_free(struct sdm_http_metrics *made)
{
    if (made == NULL) {
        return;
    }
    sdm_http_server_free(made->server);
    g_free(made);
}

uint16_t sdm_http_metrics_get_port(const struct sdm_http_metrics *made)
{
    return sdm_http_server_get_port(made->server);
}
