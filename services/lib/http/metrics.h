/* /metrics and /healthz of a daemon, as its options say.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/http/server.h"
#include "lib/svc/health.h"
#include "lib/svc/service.h"

struct sdm_http_metrics;
typedef struct sdm_http_metrics sdm_http_metrics;

/* Serves GET /metrics as Prometheus text, and GET /healthz as JSON: 200 {"ok": true} while 'health'
 * says so or is NULL, else 503 {"ok": false, "reason": "..."}.
 *
 * Returns true with '*made' NULL when 'options' asks for no port; false with an error set when the
 * port cannot be listened at.  'metrics' and 'health' outlive what is made. */
bool sdm_http_metrics_new(const struct sdm_service_options *options, struct sdm_metrics *metrics,
                          struct sdm_health *health, struct sdm_http_metrics **made,
                          GError **error);
void sdm_http_metrics_free(struct sdm_http_metrics *made);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_http_metrics, sdm_http_metrics_free)

uint16_t sdm_http_metrics_get_port(const struct sdm_http_metrics *made);
