#include "lib/amqp/link.h"

#include <string.h>

#include <amqp_tcp_socket.h>

#include "lib/amqp/tls.h"
#include "lib/base/error.h"

#define FRAME_SIZE (128 * 1024)

bool sdm_link_check_uri(const char *uri, GError **error)
{
    g_autofree char *copy = g_strdup(uri);
    struct amqp_connection_info info;

    /* Not the text: it holds a password. */
    if (amqp_parse_url(copy, &info) != AMQP_STATUS_OK) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "want amqp[s]://user:password@host:port/vhost, found another form");
    }
    return true;
}

char *sdm_link_describe_close(const amqp_method_t *method)
{
    if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *closed = method->decoded;

        return g_strdup_printf("%d %.*s", closed->reply_code, (int)closed->reply_text.len,
                               (const char *)closed->reply_text.bytes);
    }
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *closed = method->decoded;

        return g_strdup_printf("%d %.*s", closed->reply_code, (int)closed->reply_text.len,
                               (const char *)closed->reply_text.bytes);
    }
    return g_strdup_printf("method %#x", method->id);
}

static bool check_reply(const amqp_rpc_reply_t *reply, const char *what, GError **error)
{
    g_autofree char *text = NULL;

    switch (reply->reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return true;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        text = sdm_link_describe_close(&reply->reply);
        return sdm_fail(error, "%s: %s", what, text);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        return sdm_unavailable(error, "%s: %s", what, amqp_error_string2(reply->library_error));
    case AMQP_RESPONSE_NONE:
        break;
    }
    return sdm_unavailable(error, "%s: no answer", what);
}

bool sdm_link_check(amqp_connection_state_t connection, const char *what, GError **error)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);

    return check_reply(&reply, what, error);
}

bool sdm_link_check_status(int status, const char *what, GError **error)
{
    return status == AMQP_STATUS_OK ||
           sdm_unavailable(error, "%s: %s", what, amqp_error_string2(status));
}

/* The broker tells of a blocked connection, and of a queue that goes from under a consumer, only
 * those who say that they understand. */
static amqp_rpc_reply_t login(amqp_connection_state_t connection,
                              const struct sdm_amqp_config *config,
                              const struct amqp_connection_info *info)
{
    amqp_table_entry_t capabilities[] = {
        {.key = amqp_cstring_bytes("connection.blocked"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        {.key = amqp_cstring_bytes("consumer_cancel_notify"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        {.key = amqp_cstring_bytes("basic.nack"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
        {.key = amqp_cstring_bytes("publisher_confirms"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}},
    };
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(config->name)}},
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {G_N_ELEMENTS(capabilities), capabilities}}},
    };
    amqp_table_t properties = {G_N_ELEMENTS(entries), entries};

    return amqp_login_with_properties(connection, info->vhost, 0, FRAME_SIZE,
                                      (int)config->heartbeat_s, &properties, AMQP_SASL_METHOD_PLAIN,
                                      info->user, info->password);
}

/* Adds why the broker's certificate was not taken. */
static bool complain(GError **error)
{
    const char *complaint = sdm_tls_complaint();

    if (complaint != NULL && error != NULL) {
        g_autofree char *text = g_strdup_printf("%s: %s", (*error)->message, complaint);

        g_clear_error(error);
        sdm_unavailable(error, "%s", text);
    }
    return false;
}

static bool open_and_log_in(amqp_connection_state_t connection,
                            const struct sdm_amqp_config *config, GError **error)
{
    struct timeval timeout = {config->connect_timeout_ms / 1000,
                              (suseconds_t)(config->connect_timeout_ms % 1000) * 1000};
    g_autofree char *uri = g_strdup(config->uri);
    g_autofree char *what = NULL;
    struct amqp_connection_info info;
    amqp_rpc_reply_t reply;
    amqp_socket_t *socket;

    g_assert(amqp_parse_url(uri, &info) == AMQP_STATUS_OK);
    what = g_strdup_printf("connect to broker %s:%d", info.host, info.port);
    socket =
        info.ssl != 0 ? sdm_tls_socket(connection, config, error) : amqp_tcp_socket_new(connection);
    if (socket == NULL) {
        return false;
    }
    amqp_set_handshake_timeout(connection, &timeout);
    amqp_set_rpc_timeout(connection, &timeout);
    if (!sdm_link_check_status(amqp_socket_open_noblock(socket, info.host, info.port, &timeout),
                               what, error)) {
        return info.ssl != 0 && complain(error);
    }
    reply = login(connection, config, &info);
    return check_reply(&reply, what, error);
}

amqp_connection_state_t sdm_link_open(const struct sdm_amqp_config *config, GError **error)
{
    amqp_connection_state_t connection = amqp_new_connection();

    if (!open_and_log_in(connection, config, error)) {
        amqp_destroy_connection(connection);
        return NULL;
    }
    return connection;
}

void sdm_link_close(amqp_connection_state_t connection, bool is_usable)
{
    if (connection == NULL) {
        return;
    }
    if (is_usable) {
        amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    }
    amqp_destroy_connection(connection);
}

bool sdm_link_open_channel(amqp_connection_state_t connection, enum sdm_link_channel channel,
                           GError **error)
{
    amqp_channel_open(connection, channel);
    if (!sdm_link_check(connection, "open a channel", error)) {
        return false;
    }
    if (channel != SDM_LINK_PUBLISH) {
        return true;
    }
    amqp_confirm_select(connection, channel);
    return sdm_link_check(connection, "ask for confirms", error);
}
