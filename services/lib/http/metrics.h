/* /metrics and /healthz of a daemon, as its options say.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/http/server.h"
#include "lib/svc/service.h"

struct sdm_http_metrics;
typedef struct sdm_http_metrics sdm_http_metrics;

/* Serves GET /metrics as Prometheus text, and GET /healthz: 200 "ok" while 'is_healthy' says so or
 * is NULL, else 503; it is called on the server's thread.
 *
 * Returns true with '*made' NULL when 'options' asks for no port; false with an error set when the
 * port cannot be listened at.  'metrics' and 'user' outlive what is made. */
bool sdm_http_metrics_new(const struct sdm_service_options *options, struct sdm_metrics *metrics,
                          bool (*is_healthy)(void *user), void *user,
                          struct sdm_http_metrics **made, GError **error);
void sdm_http_metrics_free(struct sdm_http_metrics *made);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_http_metrics, sdm_http_metrics_free)

uint16_t sdm_http_metrics_get_port(const struct sdm_http_metrics *made);
