#include "lib/amqp/properties.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEATH_HEADER "x-death"

/* One text in both forms. */
static const struct text {
    size_t in_message;
    size_t in_properties;
    amqp_flags_t flag;
} texts[] = {
#define TEXT(member, property, flag)                                                               \
    {                                                                                              \
        offsetof(struct sdm_amqp_message, member), offsetof(amqp_basic_properties_t, property),    \
            flag                                                                                   \
    }
    TEXT(type, type, AMQP_BASIC_TYPE_FLAG),
    TEXT(correlation_id, correlation_id, AMQP_BASIC_CORRELATION_ID_FLAG),
    TEXT(reply_to, reply_to, AMQP_BASIC_REPLY_TO_FLAG),
    TEXT(message_id, message_id, AMQP_BASIC_MESSAGE_ID_FLAG),
    TEXT(content_type, content_type, AMQP_BASIC_CONTENT_TYPE_FLAG),
    TEXT(user_id, user_id, AMQP_BASIC_USER_ID_FLAG),
    TEXT(app_id, app_id, AMQP_BASIC_APP_ID_FLAG),
    TEXT(expiration_ms, expiration, AMQP_BASIC_EXPIRATION_FLAG),
#undef TEXT
};

static const char **message_text(const struct text *text, struct sdm_amqp_message *message)
{
    return (const char **)(void *)((char *)message + text->in_message);
}

static amqp_bytes_t *property_text(const struct text *text, amqp_basic_properties_t *properties)
{
    return (amqp_bytes_t *)(void *)((char *)properties + text->in_properties);
}

void sdm_amqp_properties_fill(amqp_basic_properties_t *properties,
                              amqp_table_entry_t entries[SDM_AMQP_MAX_HEADERS + 1],
                              const struct sdm_amqp_message *message, uint64_t seq)
{
    int n = 0;

    memset(properties, 0, sizeof *properties);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = *message_text(&texts[i], (struct sdm_amqp_message *)message);

        if (text != NULL) {
            properties->_flags |= texts[i].flag;
            *property_text(&texts[i], properties) = amqp_cstring_bytes(text);
        }
    }
    for (size_t i = 0; i < message->n_headers && n < SDM_AMQP_MAX_HEADERS; i++) {
        entries[n].key = sdm_amqp_bytes(message->headers[i].name);
        entries[n].value.kind = AMQP_FIELD_KIND_UTF8;
        entries[n++].value.value.bytes = sdm_amqp_bytes(message->headers[i].text);
    }
    if (message->is_mandatory) {
        entries[n].key = amqp_cstring_bytes(SDM_AMQP_SEQ_HEADER);
        entries[n].value.kind = AMQP_FIELD_KIND_I64;
        entries[n++].value.value.i64 = (int64_t)seq;
    }
    if (n > 0) {
        properties->_flags |= AMQP_BASIC_HEADERS_FLAG;
        properties->headers = (amqp_table_t){n, entries};
    }
    properties->_flags |= AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties->delivery_mode = message->is_persistent ? 2 : 1;
}

static bool is_key(const amqp_table_entry_t *entry, const char *name)
{
    return entry->key.len == strlen(name) && memcmp(entry->key.bytes, name, entry->key.len) == 0;
}

static const amqp_table_t *headers_of(const amqp_basic_properties_t *properties)
{
    return (properties->_flags & AMQP_BASIC_HEADERS_FLAG) != 0 ? &properties->headers
                                                               : &amqp_empty_table;
}

static bool read_number(const amqp_field_value_t *value, int64_t *number)
{
    switch (value->kind) {
    case AMQP_FIELD_KIND_BOOLEAN:
        *number = value->value.boolean != 0;
        return true;
    case AMQP_FIELD_KIND_I8:
        *number = (int64_t)value->value.i8;
        return true;
    case AMQP_FIELD_KIND_U8:
        *number = value->value.u8;
        return true;
    case AMQP_FIELD_KIND_I16:
        *number = value->value.i16;
        return true;
    case AMQP_FIELD_KIND_U16:
        *number = value->value.u16;
        return true;
    case AMQP_FIELD_KIND_I32:
        *number = value->value.i32;
        return true;
    case AMQP_FIELD_KIND_U32:
        *number = value->value.u32;
        return true;
    case AMQP_FIELD_KIND_I64:
    case AMQP_FIELD_KIND_U64:
    case AMQP_FIELD_KIND_TIMESTAMP:
        *number = value->value.i64;
        return true;
    default:
        return false;
    }
}

static int64_t find_number(const amqp_basic_properties_t *properties, const char *name)
{
    const amqp_table_t *table = headers_of(properties);
    int64_t number = 0;

    for (int i = 0; i < table->num_entries; i++) {
        if (is_key(&table->entries[i], name)) {
            read_number(&table->entries[i].value, &number);
        }
    }
    return number;
}

uint64_t sdm_amqp_properties_get_seq(const amqp_basic_properties_t *properties)
{
    return (uint64_t)find_number(properties, SDM_AMQP_SEQ_HEADER);
}

/* Counts and copies alike, so that the two cannot disagree: without 'cursor' only 'size' grows. */
struct writer {
    char *cursor;
    size_t size;
};

static const char *put(struct writer *writer, const void *bytes, size_t size)
{
    const char *start = writer->cursor;

    writer->size += size + 1;
    if (start == NULL) {
        return "";
    }
    if (size > 0) {
        memcpy(writer->cursor, bytes, size);
    }
    writer->cursor[size] = '\0';
    writer->cursor += size + 1;
    return start;
}

static const char *put_name(struct writer *writer, const char *prefix, const amqp_bytes_t *key)
{
    g_autofree char *name = NULL;

    if (prefix == NULL) {
        return put(writer, key->bytes, key->len);
    }
    name = g_strdup_printf("%s.%.*s", prefix, (int)key->len, (const char *)key->bytes);
    return put(writer, name, strlen(name));
}

/* NULL for a value that is no text. */
static const char *put_value(struct writer *writer, const amqp_field_value_t *value)
{
    char text[24];
    int64_t number;

    if (value->kind == AMQP_FIELD_KIND_UTF8 || value->kind == AMQP_FIELD_KIND_BYTES) {
        return put(writer, value->value.bytes.bytes, value->value.bytes.len);
    }
    if (read_number(value, &number)) {
        return put(writer, text, (size_t)snprintf(text, sizeof text, "%" PRId64, number));
    }
    return NULL;
}

/* The newest of the broker's entries on a dead letter, or NULL for any other header. */
static const amqp_table_t *death_of(const amqp_table_entry_t *entry)
{
    const amqp_array_t *deaths = &entry->value.value.array;

    return is_key(entry, DEATH_HEADER) && entry->value.kind == AMQP_FIELD_KIND_ARRAY &&
                   deaths->num_entries > 0 && deaths->entries[0].kind == AMQP_FIELD_KIND_TABLE
               ? &deaths->entries[0].value.table
               : NULL;
}

/* 'prefix' and a dot stand before each name, unless it is NULL; 'n' headers are there already. */
static size_t put_headers(struct writer *writer, const amqp_table_t *table, const char *prefix,
                          struct sdm_amqp_header *headers, size_t n)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        const amqp_table_t *death = prefix == NULL ? death_of(entry) : NULL;
        struct sdm_amqp_header header;

        if (death != NULL) {
            n = put_headers(writer, death, DEATH_HEADER, headers, n);
            continue;
        }
        header.text = put_value(writer, &entry->value);
        if (header.text == NULL) {
            continue;
        }
        header.name = put_name(writer, prefix, &entry->key);
        if (headers != NULL) {
            headers[n] = header;
        }
        n++;
    }
    return n;
}

static void put_texts(struct writer *writer, const amqp_basic_deliver_t *method,
                      const amqp_basic_properties_t *properties, struct sdm_amqp_message *message)
{
    message->exchange = put(writer, method->exchange.bytes, method->exchange.len);
    message->routing_key = put(writer, method->routing_key.bytes, method->routing_key.len);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if ((properties->_flags & texts[i].flag) != 0) {
            const amqp_bytes_t *bytes =
                property_text(&texts[i], (amqp_basic_properties_t *)properties);

            *message_text(&texts[i], message) = put(writer, bytes->bytes, bytes->len);
        }
    }
}

struct sdm_amqp_delivery *sdm_amqp_delivery_new(const amqp_basic_deliver_t *method,
                                                const amqp_basic_properties_t *properties,
                                                size_t size, uint8_t **body)
{
    struct sdm_amqp_message counted = {0};
    struct writer counter = {0};
    struct writer writer = {0};
    struct sdm_amqp_delivery *delivery;
    struct sdm_amqp_header *headers;
    size_t n_headers;

    put_texts(&counter, method, properties, &counted);
    n_headers = put_headers(&counter, headers_of(properties), NULL, NULL, 0);
    delivery = g_malloc0(sizeof *delivery + n_headers * sizeof *headers + counter.size + size + 1);
    headers = (struct sdm_amqp_header *)(delivery + 1);
    writer.cursor = (char *)(headers + n_headers);
    put_texts(&writer, method, properties, &delivery->message);
    delivery->message.n_headers = put_headers(&writer, headers_of(properties), NULL, headers, 0);
    delivery->message.headers = headers;
    delivery->message.is_persistent =
        (properties->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG) != 0 && properties->delivery_mode == 2;
    delivery->message.body = writer.cursor;
    delivery->message.size = size;
    delivery->is_redelivered = method->redelivered != 0;
    delivery->delivery_count = find_number(properties, "x-delivery-count");
    *body = (uint8_t *)writer.cursor;
    return delivery;
}
