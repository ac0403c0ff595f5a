#include "lib/http/metrics.h"

struct sdm_http_metrics {
    struct sdm_http_server *server;
    struct sdm_metrics *metrics;
    bool (*is_healthy)(void *user);
    void *user;
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
    bool is_healthy = made->is_healthy == NULL || made->is_healthy(made->user);

    (void)request;
    response->status = is_healthy ? 200 : 503;
    response->content_type = "text/plain; charset=utf-8";
    response->body = g_strdup(is_healthy ? "ok\n" : "not ready\n");
}

static const struct sdm_http_route routes[] = {
    {SDM_HTTP_GET, "/metrics", handle_metrics},
    {SDM_HTTP_GET, "/healthz", handle_health},
};

bool sdm_http_metrics_new(const struct sdm_service_options *options, struct sdm_metrics *metrics,
                          bool (*is_healthy)(void *user), void *user,
                          struct sdm_http_metrics **made, GError **error)
{
    struct sdm_http_metrics *fresh;
    struct sdm_http_server_config config = {
        .address = options->metrics_address,
        .port = (uint16_t)options->metrics_port,
        .routes = routes,
        .n_routes = G_N_ELEMENTS(routes),
    };

    if (options->metrics_port == 0) {
        *made = NULL;
        return true;
    }
    fresh = g_new0(struct sdm_http_metrics, 1);
    fresh->metrics = metrics;
    fresh->is_healthy = is_healthy;
    fresh->user = user;
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
