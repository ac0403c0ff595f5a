#include "sdm-controller/dispatcher/moved.h"

#include <string.h>

/* Of all headers together: they have to fit into one frame, and came in one without ours. */
enum { MAX_HEADER_BYTES = 48 * 1024, MAX_HEADERS = 60 };

bool sdm_moved_is_ours(const char *name)
{
    static const char *const names[] = {
        SDM_HEADER_CODE,        SDM_HEADER_REASON,  SDM_HEADER_AT,         SDM_HEADER_QUEUE,
        SDM_HEADER_EXCHANGE,    SDM_HEADER_USER_ID, SDM_HEADER_DELIVERIES, SDM_HEADER_TRIAL,
        SDM_HEADER_ROUTING_KEY, "sdm-seq",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return g_str_has_prefix(name, "x-");
}

void sdm_moved_init(struct sdm_moved *moved, const struct sdm_amqp_message *original)
{
    *moved = (struct sdm_moved){
        .message = *original,
        .headers = g_array_new(FALSE, FALSE, sizeof(struct sdm_amqp_header)),
    };
    moved->message.headers = NULL;
    moved->message.n_headers = 0;
    moved->message.expiration_ms = NULL;
    moved->message.user_id = NULL;
    moved->message.is_persistent = true;
    moved->message.is_mandatory = true;
}

void sdm_moved_done(struct sdm_moved *moved)
{
    g_clear_pointer(&moved->headers, g_array_unref);
}

void sdm_moved_add(struct sdm_moved *moved, const char *name, const char *text)
{
    const struct sdm_amqp_header header = {name, text};
    size_t size = strlen(name) + (text != NULL ? strlen(text) : 0);

    if (text == NULL || moved->headers->len >= MAX_HEADERS ||
        moved->n_bytes + size > MAX_HEADER_BYTES) {
        return;
    }
    moved->n_bytes += size;
    g_array_append_val(moved->headers, header);
    moved->message.headers = (const struct sdm_amqp_header *)(void *)moved->headers->data;
    moved->message.n_headers = moved->headers->len;
}

void sdm_moved_add_origin(struct sdm_moved *moved, const struct sdm_amqp_message *original,
                          const char *queue)
{
    sdm_moved_add(moved, SDM_HEADER_QUEUE, queue);
    sdm_moved_add(moved, SDM_HEADER_EXCHANGE, original->exchange);
    sdm_moved_add(moved, SDM_HEADER_ROUTING_KEY, original->routing_key);
    sdm_moved_add(moved, SDM_HEADER_USER_ID, original->user_id);
}

void sdm_moved_add_senders(struct sdm_moved *moved, const struct sdm_amqp_message *original)
{
    /* Without it a request could not be carried out again. */
    sdm_moved_add(moved, SDM_HEADER_TOKEN, sdm_amqp_message_get_header(original, SDM_HEADER_TOKEN));
    for (size_t i = 0; i < original->n_headers; i++) {
        const struct sdm_amqp_header *header = &original->headers[i];

        if (!sdm_moved_is_ours(header->name) && strcmp(header->name, SDM_HEADER_TOKEN) != 0) {
            sdm_moved_add(moved, header->name, header->text);
        }
    }
}
