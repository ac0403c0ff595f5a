#include "lib/amqp/declare.h"

#include <string.h>

#include "lib/amqp/properties.h"

#define MAX_ARGUMENTS 11

struct arguments {
    amqp_table_entry_t entries[MAX_ARGUMENTS];
    int n;
};

static void add_text(struct arguments *arguments, const char *name, const char *text)
{
    if (text != NULL) {
        arguments->entries[arguments->n++] = (amqp_table_entry_t){
            .key = amqp_cstring_bytes(name),
            .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(text)},
        };
    }
}

static void add_number(struct arguments *arguments, const char *name, int64_t number)
{
    if (number > 0) {
        arguments->entries[arguments->n++] = (amqp_table_entry_t){
            .key = amqp_cstring_bytes(name),
            .value = {.kind = AMQP_FIELD_KIND_I64, .value.i64 = number},
        };
    }
}

static void add_true(struct arguments *arguments, const char *name, bool is_set)
{
    if (is_set) {
        arguments->entries[arguments->n++] = (amqp_table_entry_t){
            .key = amqp_cstring_bytes(name),
            .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1},
        };
    }
}

static void fill_arguments(struct arguments *arguments, const struct sdm_amqp_queue *queue)
{
    add_text(arguments, "x-queue-type", queue->is_quorum ? "quorum" : NULL);
    add_true(arguments, "x-single-active-consumer", queue->is_single_active);
    add_number(arguments, "x-delivery-limit", queue->delivery_limit);
    add_number(arguments, "x-max-length", queue->max_length);
    add_number(arguments, "x-max-length-bytes", queue->max_length_bytes);
    add_number(arguments, "x-message-ttl", queue->message_ttl_ms);
    add_number(arguments, "x-expires", queue->expires_ms);
    add_text(arguments, "x-overflow", queue->overflow);
    add_text(arguments, "x-dead-letter-exchange", queue->dead_letter_exchange);
    add_text(arguments, "x-dead-letter-routing-key", queue->dead_letter_routing_key);
    add_text(arguments, "x-dead-letter-strategy",
             queue->is_dead_letter_safe ? "at-least-once" : NULL);
}

/* An error of a declaration ends its channel, not the connection. */
static bool check(amqp_connection_state_t connection, const char *what, const char *name,
                  GError **error)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    g_autofree char *text = g_strdup_printf("%s '%s'", what, name);

    if (sdm_link_check(connection, text, error)) {
        return true;
    }
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_ok_t ok = {0};

        amqp_send_method(connection, SDM_LINK_DECLARE, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
        sdm_link_open_channel(connection, SDM_LINK_DECLARE, NULL);
    }
    return false;
}

static bool declare_exchange(amqp_connection_state_t connection,
                             const struct sdm_amqp_exchange *exchange, GError **error)
{
    amqp_exchange_declare(connection, SDM_LINK_DECLARE, amqp_cstring_bytes(exchange->name),
                          amqp_cstring_bytes(exchange->type), 0, !exchange->is_transient, 0, 0,
                          amqp_empty_table);
    return check(connection, "declare exchange", exchange->name, error);
}

static bool declare_queue(amqp_connection_state_t connection, const struct sdm_amqp_queue *queue,
                          GError **error)
{
    struct arguments arguments = {.n = 0};

    fill_arguments(&arguments, queue);
    amqp_queue_declare(connection, SDM_LINK_DECLARE, amqp_cstring_bytes(queue->name), 0,
                       !queue->is_transient, queue->is_exclusive, queue->is_auto_delete,
                       (amqp_table_t){arguments.n, arguments.entries});
    return check(connection, "declare queue", queue->name, error);
}

static bool declare_binding(amqp_connection_state_t connection,
                            const struct sdm_amqp_binding *binding, GError **error)
{
    amqp_queue_bind(connection, SDM_LINK_DECLARE, amqp_cstring_bytes(binding->queue),
                    amqp_cstring_bytes(binding->exchange), amqp_cstring_bytes(binding->routing_key),
                    amqp_empty_table);
    return check(connection, "bind queue", binding->queue, error);
}

bool sdm_declare_topology(amqp_connection_state_t connection,
                          const struct sdm_amqp_topology *topology, GError **error)
{
    bool ok = true;

    for (size_t i = 0; i < topology->n_exchanges && ok; i++) {
        ok = declare_exchange(connection, &topology->exchanges[i], error);
    }
    for (size_t i = 0; i < topology->n_queues && ok; i++) {
        ok = declare_queue(connection, &topology->queues[i], error);
    }
    for (size_t i = 0; i < topology->n_bindings && ok; i++) {
        ok = declare_binding(connection, &topology->bindings[i], error);
    }
    amqp_maybe_release_buffers_on_channel(connection, SDM_LINK_DECLARE);
    return ok;
}

bool sdm_declare_count(amqp_connection_state_t connection, const char *queue, uint64_t *n,
                       GError **error)
{
    const amqp_queue_declare_ok_t *declared = amqp_queue_declare(
        connection, SDM_LINK_DECLARE, amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);
    bool ok = check(connection, "count queue", queue, error);

    if (ok) {
        *n = declared->message_count;
    }
    amqp_maybe_release_buffers_on_channel(connection, SDM_LINK_DECLARE);
    return ok;
}

bool sdm_declare_delete_queue(amqp_connection_state_t connection, const char *queue, GError **error)
{
    bool ok;

    amqp_queue_delete(connection, SDM_LINK_DECLARE, amqp_cstring_bytes(queue), 0, 0);
    ok = check(connection, "delete queue", queue, error);
    amqp_maybe_release_buffers_on_channel(connection, SDM_LINK_DECLARE);
    return ok;
}
