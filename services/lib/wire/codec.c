#include "lib/wire/codec.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/json/node.h"
#include "lib/json/text.h"

/* Integers up to here are exact in a double. */
static const double exact_real = 9007199254740992.0;

/* For text of our own making. */
static const struct sdm_json_limits any_limits = {SIZE_MAX, UINT_MAX};

/* Where in the message we are; written out only when something is refused. */
struct place {
    const struct place *up;
    /* NULL: item 'index' of the list at 'up'. */
    const char *name;
    size_t index;
};

static void append_place(GString *text, const struct place *place)
{
    if (place == NULL) {
        return;
    }
    append_place(text, place->up);
    if (place->name == NULL) {
        g_string_append_printf(text, "[%zu]", place->index);
    } else {
        /* A stranger chose the name of an unknown member. */
        g_string_append_printf(text, "%s%.64s", text->len > 0 ? "." : "", place->name);
    }
}

static bool refuse_at(const struct place *place, GError **error, enum sdm_error_code code,
                      const char *format, ...) G_GNUC_PRINTF(4, 5);

static bool refuse_at(const struct place *place, GError **error, enum sdm_error_code code,
                      const char *format, ...)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *whole = NULL;
    va_list args;

    append_place(text, place);
    g_string_append(text, text->len > 0 ? ": " : "");
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
    /* What a stranger wrote may have been cut within a character. */
    whole = g_utf8_make_valid(text->str, (gssize)text->len);
    return sdm_refuse(error, code, "%s", whole);
}

static bool refuse_kind(const struct place *place, const char *want, const struct sdm_node *value,
                        GError **error)
{
    return refuse_at(place, error, SDM_ERROR_WRONG_TYPE, "want %s, found %s", want,
                     sdm_json_kind_name(value->kind));
}

static bool decode_string(const struct sdm_field *field, const struct sdm_node *value,
                          const struct place *place, char *out, GError **error)
{
    const char *text = value->text;
    size_t length = value->length;

    if (value->kind != SDM_JSON_STRING) {
        return refuse_kind(place, "string", value, error);
    }
    if ((int64_t)length < field->min || (int64_t)length > field->max) {
        return refuse_at(place, error, SDM_ERROR_OUT_OF_RANGE,
                         "want %" PRId64 " to %" PRId64 " bytes, found %zu", field->min, field->max,
                         length);
    }
    if (!sdm_pattern_match(field->pattern, text)) {
        return refuse_at(place, error, SDM_ERROR_INVALID_VALUE, "want %s, found '%s'",
                         sdm_pattern_text(field->pattern), text);
    }
    memcpy(out, text, length + 1);
    return true;
}

static bool decode_enum(const struct sdm_field *field, const struct sdm_node *value,
                        const struct place *place, void *out, GError **error)
{
    g_autofree char *words = NULL;
    int found;

    if (value->kind != SDM_JSON_STRING) {
        return refuse_kind(place, "string", value, error);
    }
    if (!sdm_words_find(field->words, value->text, &found)) {
        words = sdm_words_join(field->words);
        return refuse_at(place, error, SDM_ERROR_INVALID_VALUE, "want %s, found '%.64s'", words,
                         value->text);
    }
    memcpy(out, &found, sizeof found);
    return true;
}

/* JSON does not tell 1 from 1.0, and JSON Schema takes both as integers. */
static bool read_integer(const struct sdm_node *value, int64_t *number)
{
    double real = value->real;

    if (value->kind == SDM_JSON_INTEGER) {
        *number = value->integer;
        return true;
    }
    if (value->kind != SDM_JSON_REAL || real < -exact_real || real > exact_real ||
        (double)(int64_t)real != real) {
        return false;
    }
    *number = (int64_t)real;
    return true;
}

static bool decode_integer(const struct sdm_field *field, const struct sdm_node *value,
                           const struct place *place, void *out, GError **error)
{
    int64_t number;

    if (!read_integer(value, &number)) {
        return refuse_kind(place, "integer", value, error);
    }
    if (number < field->min || number > field->max) {
        return refuse_at(place, error, SDM_ERROR_OUT_OF_RANGE,
                         "want %" PRId64 " to %" PRId64 ", found %" PRId64, field->min, field->max,
                         number);
    }
    /* A minimum of 0 or more makes it an uint64_t of the same bits. */
    memcpy(out, &number, sizeof number);
    return true;
}

static bool decode_boolean(const struct sdm_node *value, const struct place *place, bool *out,
                           GError **error)
{
    if (value->kind != SDM_JSON_BOOLEAN) {
        return refuse_kind(place, "boolean", value, error);
    }
    *out = value->boolean;
    return true;
}

static bool decode_object(const struct sdm_codec *codec, const struct sdm_node *value,
                          const struct place *place, struct sdm_arena *arena, char *out,
                          GError **error);

static bool decode_one(const struct sdm_field *field, const struct sdm_node *value,
                       const struct place *place, struct sdm_arena *arena, void *out,
                       GError **error)
{
    switch (field->kind) {
    case SDM_FIELD_STRING:
        return decode_string(field, value, place, out, error);
    case SDM_FIELD_UNSIGNED:
    case SDM_FIELD_INTEGER:
        return decode_integer(field, value, place, out, error);
    case SDM_FIELD_BOOLEAN:
        return decode_boolean(value, place, out, error);
    case SDM_FIELD_ENUM:
        return decode_enum(field, value, place, out, error);
    case SDM_FIELD_OBJECT:
        break;
    }
    return decode_object(field->codec, value, place, arena, out, error);
}

static bool decode_list(const struct sdm_field *field, const struct sdm_node *value,
                        const struct place *place, struct sdm_arena *arena, char *out,
                        GError **error)
{
    const struct sdm_node *item = value->first;
    size_t n = value->length;
    char *items;

    if (value->kind != SDM_JSON_LIST) {
        return refuse_kind(place, "list", value, error);
    }
    if (n < field->min_items || n > field->max_items) {
        return refuse_at(place, error, SDM_ERROR_OUT_OF_RANGE, "want %u to %u items, found %zu",
                         field->min_items, field->max_items, n);
    }
    items = sdm_arena_alloc(arena, n, field->size);
    for (size_t i = 0; i < n; i++) {
        struct place at = {place, NULL, i};

        if (!decode_one(field, item, &at, arena, items + i * field->size, error)) {
            return false;
        }
        item = item->next;
    }
    memcpy(out + field->offset, &items, sizeof items);
    memcpy(out + field->n_offset, &n, sizeof n);
    return true;
}

static bool decode_member(const struct sdm_field *field, const struct sdm_node *value,
                          const struct place *up, struct sdm_arena *arena, char *out,
                          GError **error)
{
    struct place place = {up, field->name, 0};

    if (field->n_offset != SDM_FIELD_NOWHERE
            ? !decode_list(field, value, &place, arena, out, error)
            : !decode_one(field, value, &place, arena, out + field->offset, error)) {
        return false;
    }
    if (field->has_offset != SDM_FIELD_NOWHERE) {
        *(bool *)(out + field->has_offset) = true;
    }
    return true;
}

/* Senders mostly keep the schema's order: 'next' is tried first. */
static size_t find_field(const struct sdm_codec *codec, const char *name, size_t next)
{
    for (size_t i = 0; i < codec->n_fields; i++) {
        size_t at = (next + i) % codec->n_fields;

        if (strcmp(codec->fields[at].name, name) == 0) {
            return at;
        }
    }
    return codec->n_fields;
}

static bool check_members(const struct sdm_codec *codec, uint64_t seen, size_t n_members,
                          const struct place *place, GError **error)
{
    uint64_t missing = codec->required & ~seen;

    if (missing != 0) {
        const char *name = codec->fields[__builtin_ctzll(missing)].name;
        struct place at = {place, name, 0};

        return refuse_at(&at, error, SDM_ERROR_MISSING_MEMBER, "want a member, found none");
    }
    if (n_members < codec->min_members) {
        return refuse_at(place, error, SDM_ERROR_MISSING_MEMBER,
                         "want at least %u members, found %zu", codec->min_members, n_members);
    }
    if (n_members > codec->max_members) {
        return refuse_at(place, error, SDM_ERROR_INVALID_VALUE,
                         "want at most %u members, found %zu", codec->max_members, n_members);
    }
    return true;
}

static bool decode_object(const struct sdm_codec *codec, const struct sdm_node *value,
                          const struct place *place, struct sdm_arena *arena, char *out,
                          GError **error)
{
    uint64_t seen = 0;
    size_t at = 0;

    if (value->kind != SDM_JSON_OBJECT) {
        return refuse_kind(place, "object", value, error);
    }
    for (const struct sdm_node *member = value->first; member != NULL; member = member->next) {
        size_t found = find_field(codec, member->name, at);

        if (found < codec->n_fields) {
            if (!decode_member(&codec->fields[found], member, place, arena, out, error)) {
                return false;
            }
            seen |= UINT64_C(1) << found;
            at = found + 1;
        } else if (codec->closed) {
            struct place unknown = {place, member->name, 0};

            return refuse_at(&unknown, error, SDM_ERROR_UNKNOWN_MEMBER,
                             "want only members of %s, found another", codec->type);
        }
    }
    return check_members(codec, seen, value->length, place, error);
}

static bool decode_message(const struct sdm_codec *codec, const struct sdm_node *value,
                           struct sdm_arena *arena, void *out, GError **error)
{
    char *message = sdm_arena_alloc(arena, 1, codec->size);

    if (!decode_object(codec, value, NULL, arena, message, error)) {
        return false;
    }
    memcpy(out, message, codec->size);
    return true;
}

bool sdm_codec_decode(const struct sdm_codec *codec, const void *bytes, size_t size,
                      struct sdm_arena *arena, void *out, GError **error)
{
    const struct sdm_node *value =
        sdm_node_parse(bytes, size, &sdm_json_limits_default, arena, error);

    if (value == NULL) {
        return false;
    }
    if (value->kind != SDM_JSON_OBJECT) {
        return sdm_refuse(error, SDM_ERROR_MALFORMED, "want object, found %s",
                          sdm_json_kind_name(value->kind));
    }
    return decode_message(codec, value, arena, out, error);
}

bool sdm_codec_decode_value(const struct sdm_codec *codec, const struct sdm_json *value,
                            struct sdm_arena *arena, void *out, GError **error)
{
    enum sdm_json_kind kind = sdm_json_kind(value);
    g_autofree char *text = NULL;
    const struct sdm_node *read;
    size_t size;

    if (kind != SDM_JSON_OBJECT) {
        return sdm_refuse(error, SDM_ERROR_WRONG_TYPE, "want object, found %s",
                          sdm_json_kind_name(kind));
    }
    text = sdm_json_write(value, SDM_JSON_COMPACT, &size);
    read = sdm_node_parse(text, size, &any_limits, arena, error);
    return read != NULL && decode_message(codec, read, arena, out, error);
}

static void encode_object(const struct sdm_codec *codec, const char *in, GString *out);

static void encode_one(const struct sdm_field *field, const void *in, GString *out)
{
    int64_t number;
    int word;

    switch (field->kind) {
    case SDM_FIELD_STRING:
        sdm_json_append_string(out, in);
        break;
    case SDM_FIELD_UNSIGNED:
    case SDM_FIELD_INTEGER:
        memcpy(&number, in, sizeof number);
        sdm_json_append_integer(out, number);
        break;
    case SDM_FIELD_BOOLEAN:
        g_string_append(out, *(const bool *)in ? "true" : "false");
        break;
    case SDM_FIELD_ENUM:
        memcpy(&word, in, sizeof word);
        sdm_json_append_string(out, sdm_words_name(field->words, word));
        break;
    case SDM_FIELD_OBJECT:
        encode_object(field->codec, in, out);
        break;
    }
}

static void encode_list(const struct sdm_field *field, const char *in, GString *out)
{
    const char *items;
    size_t n;

    memcpy(&items, in + field->offset, sizeof items);
    memcpy(&n, in + field->n_offset, sizeof n);
    g_string_append_c(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            g_string_append_c(out, ',');
        }
        encode_one(field, items + i * field->size, out);
    }
    g_string_append_c(out, ']');
}

static void encode_object(const struct sdm_codec *codec, const char *in, GString *out)
{
    char before = '{';

    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct sdm_field *field = &codec->fields[i];

        if (field->has_offset != SDM_FIELD_NOWHERE && !*(const bool *)(in + field->has_offset)) {
            continue;
        }
        g_string_append_c(out, before);
        before = ',';
        sdm_json_append_string(out, field->name);
        g_string_append_c(out, ':');
        if (field->n_offset != SDM_FIELD_NOWHERE) {
            encode_list(field, in, out);
        } else {
            encode_one(field, in + field->offset, out);
        }
    }
    g_string_append(out, before == '{' ? "{}" : "}");
}

char *sdm_codec_encode(const struct sdm_codec *codec, const void *in, size_t *size)
{
    GString *out = g_string_sized_new(1024);

    encode_object(codec, in, out);
    if (size != NULL) {
        *size = out->len;
    }
    return g_string_free(out, FALSE);
}

struct sdm_json *sdm_codec_encode_value(const struct sdm_codec *codec, const void *in)
{
    size_t size;
    g_autofree char *text = sdm_codec_encode(codec, in, &size);
    struct sdm_json *value = sdm_json_parse(text, size, &any_limits, NULL);

    g_assert(value != NULL);
    return value;
}

void sdm_codec_fingerprint(const struct sdm_codec *codec, const void *in,
                           char fingerprint[SDM_FINGERPRINT_SIZE])
{
    size_t size;
    g_autofree char *text = sdm_codec_encode(codec, in, &size);
    g_autofree char *digest =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, size);

    memcpy(fingerprint, digest, SDM_FINGERPRINT_SIZE);
}
