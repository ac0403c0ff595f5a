/* A small HTTP/1.1 server with a thread of its own: routes to handlers, bodies in memory.
 *
 * Thread rule: starting and stopping from one thread; handlers run on the server's thread, one at
 * a time, and must not block for long. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum sdm_http_method { SDM_HTTP_GET, SDM_HTTP_POST, SDM_HTTP_PUT, SDM_HTTP_DELETE };

struct sdm_http_request {
    enum sdm_http_method method;
    const char *path; /* without the query */
    const char *body; /* "" for none; followed by a zero */
    size_t size;
    void *internal;
};

/* A header of the request, or an argument of its query; NULL when absent, borrowed. */
const char *sdm_http_request_get_header(const struct sdm_http_request *request, const char *name);
const char *sdm_http_request_get_argument(const struct sdm_http_request *request, const char *name);

struct sdm_http_response {
    unsigned status;          /* 200 unless changed */
    const char *content_type; /* a constant; "application/json" unless changed */
    char *body;               /* g_malloc(), taken; NULL for none */
    size_t size;              /* 0 for the length of 'body' as text */
};

typedef void sdm_http_handler_fn(void *user, const struct sdm_http_request *request,
                                 struct sdm_http_response *response);

struct sdm_http_route {
    enum sdm_http_method method;
    /* Matches the whole path; one that ends in '/' matches all paths that begin so.  The first row
     * that matches counts. */
    const char *path;
    sdm_http_handler_fn *handle;
};

struct sdm_http_server_config {
    const char *address;                 /* a numeric address to listen at; NULL is 127.0.0.1 */
    uint16_t port;                       /* 0 picks a free one */
    const struct sdm_http_route *routes; /* borrowed, like 'user' */
    size_t n_routes;
    void *user;
    size_t max_body_size;     /* larger requests are answered 413; 0 is 1 MiB */
    unsigned max_connections; /* 0 is 64 */
    unsigned idle_timeout_s;  /* 0 is 30 */
    /* PEM of the server's certificate and key, for HTTPS alone; NULL or "" for HTTP.  Others must
     * not be able to read the key. */
    const char *cert_file;
    const char *key_file;
};

struct sdm_http_server;
typedef struct sdm_http_server sdm_http_server;

/* Listens and serves.  Unknown paths are answered 404, other methods 405.  NULL with an error set
 * when the address cannot be listened at. */
struct sdm_http_server *sdm_http_server_new(const struct sdm_http_server_config *config,
                                            GError **error);
/* Ends what is being served, then the thread. */
void sdm_http_server_free(struct sdm_http_server *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_http_server, sdm_http_server_free)

uint16_t sdm_http_server_get_port(const struct sdm_http_server *server);
