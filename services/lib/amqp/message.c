#include "lib/amqp/message.h"

#include <string.h>

static const size_t texts[] = {
    offsetof(struct sdm_amqp_message, exchange),
    offsetof(struct sdm_amqp_message, routing_key),
    offsetof(struct sdm_amqp_message, type),
    offsetof(struct sdm_amqp_message, correlation_id),
    offsetof(struct sdm_amqp_message, reply_to),
    offsetof(struct sdm_amqp_message, message_id),
    offsetof(struct sdm_amqp_message, content_type),
    offsetof(struct sdm_amqp_message, user_id),
    offsetof(struct sdm_amqp_message, app_id),
    offsetof(struct sdm_amqp_message, expiration_ms),
};

static const char **text_at(struct sdm_amqp_message *message, size_t i)
{
    return (const char **)(void *)((char *)message + texts[i]);
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *put(char **cursor, const char *text)
{
    const char *start = *cursor;

    if (text == NULL) {
        return NULL;
    }
    *cursor = g_stpcpy(*cursor, text) + 1;
    return start;
}

static size_t copy_size(const struct sdm_amqp_message *message)
{
    size_t size = sizeof *message + message->n_headers * sizeof *message->headers;

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        size += text_size(*text_at((struct sdm_amqp_message *)message, i));
    }
    for (size_t i = 0; i < message->n_headers; i++) {
        size += text_size(message->headers[i].name) + text_size(message->headers[i].text);
    }
    return size + message->size + 1;
}

struct sdm_amqp_message *sdm_amqp_message_dup(const struct sdm_amqp_message *message)
{
    struct sdm_amqp_message *copy = g_malloc(copy_size(message));
    struct sdm_amqp_header *headers = (struct sdm_amqp_header *)(copy + 1);
    char *cursor = (char *)(headers + message->n_headers);

    *copy = *message;
    copy->headers = headers;
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        *text_at(copy, i) = put(&cursor, *text_at(copy, i));
    }
    for (size_t i = 0; i < message->n_headers; i++) {
        headers[i].name = put(&cursor, message->headers[i].name);
        headers[i].text = put(&cursor, message->headers[i].text);
    }
    if (message->size > 0) {
        memcpy(cursor, message->body, message->size);
    }
    cursor[message->size] = '\0';
    copy->body = cursor;
    return copy;
}

const char *sdm_amqp_message_get_header(const struct sdm_amqp_message *message, const char *name)
{
    for (size_t i = 0; i < message->n_headers; i++) {
        if (strcmp(message->headers[i].name, name) == 0) {
            return message->headers[i].text;
        }
    }
    return NULL;
}
