#include "lib/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <microhttpd.h>

#include "lib/base/error.h"

#define DEFAULT_MAX_BODY        ((size_t)1024 * 1024)
#define DEFAULT_MAX_CONNECTIONS 64
#define DEFAULT_IDLE_TIMEOUT_S  30
/* Of a connection: request line and headers; the body is bounded beside it. */
#define MEMORY_LIMIT ((size_t)32 * 1024)
#define PRIORITIES   "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct sdm_http_server {
    struct MHD_Daemon *daemon;
    const struct sdm_http_route *routes;
    size_t n_routes;
    void *user;
    size_t max_body_size;
    uint16_t port;
    char *cert;
    char *key;
};

/* One request while its body comes in. */
struct exchange {
    GByteArray *body;
    bool is_too_large;
};

static const char *const methods[] = {
    [SDM_HTTP_GET] = MHD_HTTP_METHOD_GET,
    [SDM_HTTP_POST] = MHD_HTTP_METHOD_POST,
    [SDM_HTTP_PUT] = MHD_HTTP_METHOD_PUT,
    [SDM_HTTP_DELETE] = MHD_HTTP_METHOD_DELETE,
};

const char *sdm_http_request_get_header(const struct sdm_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->internal, MHD_HEADER_KIND, name);
}

const char *sdm_http_request_get_argument(const struct sdm_http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->internal, MHD_GET_ARGUMENT_KIND, name);
}

static bool find_method(const char *name, enum sdm_http_method *method)
{
    /* A HEAD is a GET whose body the library leaves out. */
    if (strcmp(name, MHD_HTTP_METHOD_HEAD) == 0) {
        name = MHD_HTTP_METHOD_GET;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i], name) == 0) {
            *method = (enum sdm_http_method)i;
            return true;
        }
    }
    return false;
}

static bool path_matches(const char *pattern, const char *path)
{
    return g_str_has_suffix(pattern, "/") ? g_str_has_prefix(path, pattern)
                                          : strcmp(pattern, path) == 0;
}

/* Of an error of ours: JSON as everywhere. */
static void set_error(struct sdm_http_response *response, unsigned status, const char *text)
{
    response->status = status;
    response->body = g_strdup_printf("{\"error\":{\"text\":\"%s\"}}\n", text);
}

static void respond(const struct sdm_http_server *server, const struct sdm_http_request *request,
                    bool is_known_method, struct sdm_http_response *response)
{
    bool is_known_path = false;

    for (size_t i = 0; i < server->n_routes; i++) {
        const struct sdm_http_route *route = &server->routes[i];

        if (!path_matches(route->path, request->path)) {
            continue;
        }
        is_known_path = true;
        if (is_known_method && route->method == request->method) {
            route->handle(server->user, request, response);
            return;
        }
    }
    if (is_known_path) {
        set_error(response, MHD_HTTP_METHOD_NOT_ALLOWED, "not this method");
    } else {
        set_error(response, MHD_HTTP_NOT_FOUND, "no such path");
    }
}

static enum MHD_Result send_response(struct MHD_Connection *connection,
                                     struct sdm_http_response *response)
{
    struct MHD_Response *out;
    enum MHD_Result result;

    if (response->size == 0 && response->body != NULL) {
        response->size = strlen(response->body);
    }
    out =
        MHD_create_response_from_buffer_with_free_callback(response->size, response->body, g_free);
    MHD_add_response_header(out, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    result = MHD_queue_response(connection, response->status, out);
    MHD_destroy_response(out);
    return result;
}

static enum MHD_Result answer(const struct sdm_http_server *server,
                              struct MHD_Connection *connection, const char *path,
                              const char *method, const struct exchange *exchange)
{
    struct sdm_http_response response = {.status = MHD_HTTP_OK, .content_type = "application/json"};
    struct sdm_http_request request = {.path = path, .internal = connection};
    bool is_known_method = find_method(method, &request.method);

    if (exchange->is_too_large) {
        set_error(&response, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
    } else {
        request.body = (const char *)exchange->body->data;
        request.size = exchange->body->len - 1;
        respond(server, &request, is_known_method, &response);
    }
    return send_response(connection, &response);
}

/* The library calls first with the headers, then with each piece of the body, then with none. */
static enum MHD_Result on_access(void *user, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_size, void **state)
{
    struct sdm_http_server *server = user;
    struct exchange *exchange = *state;

    (void)version;
    if (exchange == NULL) {
        exchange = g_new0(struct exchange, 1);
        exchange->body = g_byte_array_new();
        *state = exchange;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        if (exchange->body->len + *upload_size > server->max_body_size) {
            exchange->is_too_large = true;
        } else {
            g_byte_array_append(exchange->body, (const guint8 *)upload, (guint)*upload_size);
        }
        *upload_size = 0;
        return MHD_YES;
    }
    g_byte_array_append(exchange->body, (const guint8 *)"", 1);
    return answer(server, connection, path, method, exchange);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;

    (void)user;
    (void)connection;
    (void)code;
    if (exchange != NULL) {
        g_byte_array_unref(exchange->body);
        g_free(exchange);
        *state = NULL;
    }
}

static bool fill_address(const struct sdm_http_server_config *config,
                         struct sockaddr_storage *address, unsigned *flags, GError **error)
{
    const char *text = config->address != NULL ? config->address : "127.0.0.1";
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(config->port);
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(config->port);
        *flags |= MHD_USE_IPv6;
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want a numeric address, found '%s'", text);
}

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool load_certificate(struct sdm_http_server *server,
                             const struct sdm_http_server_config *config, GError **error)
{
    struct stat about;

    if (!is_set(config->cert_file) && !is_set(config->key_file)) {
        return true;
    }
    if (!is_set(config->cert_file) || !is_set(config->key_file)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "want a certificate and its key for HTTPS");
    }
    if (stat(config->key_file, &about) == 0 && (about.st_mode & 0077) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "key '%s': want a mode that only the owner can read", config->key_file);
    }
    return g_file_get_contents(config->cert_file, &server->cert, NULL, error) &&
           g_file_get_contents(config->key_file, &server->key, NULL, error);
}

static bool start(struct sdm_http_server *server, const struct sdm_http_server_config *config,
                  GError **error)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, server->cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct sockaddr_storage address;
    const union MHD_DaemonInfo *info;

    if (!fill_address(config, &address, &flags, error)) {
        return false;
    }
    if (server->cert != NULL) {
        flags |= MHD_USE_TLS;
    }
    errno = 0;
    server->daemon = MHD_start_daemon(
        flags, config->port, NULL, NULL, on_access, server, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
        config->max_connections > 0 ? config->max_connections : DEFAULT_MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT,
        config->idle_timeout_s > 0 ? config->idle_timeout_s : DEFAULT_IDLE_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_LIMIT, MHD_OPTION_ARRAY,
        server->cert != NULL ? tls : &tls[G_N_ELEMENTS(tls) - 1], MHD_OPTION_END);
    if (server->daemon == NULL) {
        if (server->cert != NULL && errno == 0) {
            return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                              "certificate '%s' and key '%s': no pair", config->cert_file,
                              config->key_file);
        }
        return sdm_set_errno(error, errno, "listen at HTTP port %u", config->port);
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    server->port = info != NULL ? info->port : config->port;
    return true;
}

struct sdm_http_server *sdm_http_server_new(const struct sdm_http_server_config *config,
                                            GError **error)
{
    g_autoptr(sdm_http_server) server = g_new0(struct sdm_http_server, 1);

    server->routes = config->routes;
    server->n_routes = config->n_routes;
    server->user = config->user;
    server->max_body_size = config->max_body_size > 0 ? config->max_body_size : DEFAULT_MAX_BODY;
    if (!load_certificate(server, config, error) || !start(server, config, error)) {
        return NULL;
    }
    return g_steal_pointer(&server);
}

void sdm_http_server_free(struct sdm_http_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    g_free(server->cert);
    g_free(server->key);
    g_free(server);
}

uint16_t sdm_http_server_get_port(const struct sdm_http_server *server)
{
    return server->port;
}
