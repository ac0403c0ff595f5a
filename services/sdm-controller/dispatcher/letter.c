#include "sdm-controller/dispatcher/letter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/pattern.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/moved.h"

/* As many as the schema allows. */
#define MAX_SHOWN_HEADERS 64

#define COPY(target, text) copy_text((target), sizeof(target), (text))

/* Printable, valid, and at most 'size' with its zero: what a sender wrote may be anything. */
static void copy_text(char *target, size_t size, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text != NULL ? text : "", -1);

    for (char *at = valid; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    if (strlen(valid) >= size) {
        *g_utf8_find_prev_char(valid, valid + size) = '\0';
    }
    g_strlcpy(target, valid, size);
}

static const char *header(const struct sdm_amqp_delivery *delivery, const char *name)
{
    return sdm_amqp_message_get_header(&delivery->message, name);
}

/* Two messages of which all this is the same are one, delivered twice. */
static void identify(const struct sdm_amqp_delivery *delivery,
                     const struct sdm_wire_dead_letter *letter, char *id, size_t size)
{
    const struct sdm_amqp_message *message = &delivery->message;
    const char *const texts[] = {
        letter->queue,       letter->exchange,  letter->routing_key,
        message->type,       message->reply_to, message->correlation_id,
        message->message_id, letter->sender,    header(delivery, SDM_HEADER_TOKEN),
    };
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *text = texts[i] != NULL ? texts[i] : "";

        g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text) + 1);
    }
    g_checksum_update(sum, message->body, (gssize)message->size);
    g_strlcpy(id, g_checksum_get_string(sum), size);
}

static void read_ours(const struct sdm_amqp_delivery *delivery, struct sdm_wire_dead_letter *letter)
{
    const char *deliveries = header(delivery, SDM_HEADER_DELIVERIES);

    COPY(letter->at, header(delivery, SDM_HEADER_AT));
    COPY(letter->code, header(delivery, SDM_HEADER_CODE));
    COPY(letter->text, header(delivery, SDM_HEADER_REASON));
    letter->deliveries = deliveries != NULL ? strtoull(deliveries, NULL, 10) : 0;
}

/* What the broker says of its reasons. */
static const struct {
    const char *reason;
    const char *code;
    const char *text;
} deaths[] = {
    {"expired", "EXPIRED", "it waited longer than its sender, or its queue, allows"},
    {"delivery_limit", "DELIVERY_LIMIT", "it was given out so often that the broker gave it up"},
    {"rejected", "REJECTED", "it was larger than a message may be, or its letter found no place"},
    {"maxlen", "MAXLEN", "its queue was full"},
};

static void read_brokers(const struct sdm_amqp_delivery *delivery, const char *reason,
                         struct sdm_wire_dead_letter *letter)
{
    const char *time = header(delivery, "x-death.time");
    g_autoptr(GDateTime) at =
        g_date_time_new_from_unix_utc(time != NULL ? g_ascii_strtoll(time, NULL, 10) : 0);
    g_autofree char *text = at != NULL ? g_date_time_format(at, "%Y-%m-%dT%H:%M:%S.%fZ") : NULL;
    g_autofree char *upper = g_ascii_strup(reason, -1);

    COPY(letter->at, text);
    COPY(letter->code, upper);
    COPY(letter->text, "the broker gave it up");
    for (size_t i = 0; i < G_N_ELEMENTS(deaths); i++) {
        if (strcmp(deaths[i].reason, reason) == 0) {
            COPY(letter->text, deaths[i].text);
        }
    }
}

/* On a letter of ours, and on what was on trial when the broker gave it up, headers of ours tell;
 * else they are a sender's invention. */
static void read_origin(const struct sdm_amqp_delivery *delivery, bool is_ours,
                        struct sdm_wire_dead_letter *letter)
{
    const struct sdm_amqp_message *message = &delivery->message;

    if (is_ours || g_strcmp0(header(delivery, "x-death.queue"), SDM_QUEUE_TRIAL) == 0) {
        COPY(letter->queue, header(delivery, SDM_HEADER_QUEUE));
        COPY(letter->exchange, header(delivery, SDM_HEADER_EXCHANGE));
        COPY(letter->routing_key, header(delivery, SDM_HEADER_ROUTING_KEY));
        COPY(letter->sender, header(delivery, SDM_HEADER_USER_ID));
    } else {
        COPY(letter->queue, header(delivery, "x-death.queue"));
        COPY(letter->exchange, header(delivery, "x-death.exchange"));
        COPY(letter->routing_key, message->routing_key);
        COPY(letter->sender, message->user_id);
    }
    letter->has_sender = letter->sender[0] != '\0';
}

void sdm_letter_read(const struct sdm_amqp_delivery *delivery, struct sdm_wire_dead_letter *letter)
{
    const char *death = header(delivery, "x-death.reason");
    bool is_ours = death == NULL && header(delivery, SDM_HEADER_CODE) != NULL;

    memset(letter, 0, sizeof *letter);
    if (is_ours) {
        read_ours(delivery, letter);
    } else {
        read_brokers(delivery, death != NULL ? death : "unknown", letter);
    }
    if (!sdm_pattern_match(SDM_PATTERN_TIMESTAMP, letter->at)) {
        /* Put there by somebody else. */
        COPY(letter->at, "1970-01-01T00:00:00.000000Z");
    }
    read_origin(delivery, is_ours, letter);
    COPY(letter->type, delivery->message.type);
    letter->size_bytes = delivery->message.size;
    identify(delivery, letter, letter->letter, sizeof letter->letter);
}

/* The words that an oslo.messaging envelope, or a mistaken client, puts beside a secret. */
static bool may_hold_secret(const char *body, size_t size)
{
    static const char *const words[] = {"token", "password", "secret"};
    g_autofree char *lower = g_ascii_strdown(body, (gssize)size);

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (memmem(lower, size, words[i], strlen(words[i])) != NULL) {
            return true;
        }
    }
    return false;
}

/* Headers of the sender, but for its token and what looks like one. */
static void show_headers(const struct sdm_amqp_delivery *delivery, struct sdm_arena *arena,
                         struct sdm_s11_dead_show_reply *reply)
{
    const struct sdm_amqp_message *message = &delivery->message;
    struct sdm_wire_header *headers =
        SDM_ARENA_NEW(arena, struct sdm_wire_header, MAX_SHOWN_HEADERS);

    reply->headers = headers;
    for (size_t i = 0; i < message->n_headers && reply->n_headers < MAX_SHOWN_HEADERS; i++) {
        const struct sdm_amqp_header *one = &message->headers[i];
        struct sdm_wire_header *shown = &headers[reply->n_headers];

        if (!sdm_moved_is_ours(one->name) && !may_hold_secret(one->name, strlen(one->name)) &&
            !may_hold_secret(one->text, strlen(one->text))) {
            COPY(shown->name, one->name);
            COPY(shown->text, one->text);
            reply->n_headers++;
        }
    }
}

static void show_body(const struct sdm_amqp_delivery *delivery,
                      struct sdm_s11_dead_show_reply *reply)
{
    const struct sdm_amqp_message *message = &delivery->message;
    size_t size = MIN(message->size, sizeof reply->body - 1);
    bool is_cut = size < message->size;
    const char *end;
    bool is_text = g_utf8_validate_len(message->body, size, &end) ||
                   /* A letter in the middle of which it was cut. */
                   (is_cut && (size_t)(end - (const char *)message->body) + 4 > size);

    if (may_hold_secret(message->body, message->size)) {
        COPY(reply->note, "not shown: it holds the word token, password or secret");
    } else if (!is_text) {
        COPY(reply->note, "not shown: it is no text");
    } else {
        size = (size_t)(end - (const char *)message->body);
        memcpy(reply->body, message->body, size);
        reply->has_body = true;
        if (is_cut) {
            g_snprintf(reply->note, sizeof reply->note,
                       "cut after %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes", size,
                       message->size);
        }
    }
    reply->has_note = reply->note[0] != '\0';
}

void sdm_letter_show(const struct sdm_amqp_delivery *delivery, struct sdm_arena *arena,
                     struct sdm_s11_dead_show_reply *reply)
{
    const struct sdm_amqp_message *message = &delivery->message;

    memset(reply, 0, sizeof *reply);
    sdm_letter_read(delivery, &reply->letter);
    COPY(reply->correlation_id, message->correlation_id);
    COPY(reply->reply_to, message->reply_to);
    reply->has_correlation_id = message->correlation_id != NULL;
    reply->has_reply_to = message->reply_to != NULL;
    show_headers(delivery, arena, reply);
    show_body(delivery, reply);
}

bool sdm_letter_is_request(const struct sdm_wire_dead_letter *letter)
{
    return strcmp(letter->queue, SDM_QUEUE_S10) == 0 || strcmp(letter->queue, SDM_QUEUE_S11) == 0;
}
