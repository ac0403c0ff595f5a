#include "lib/json/json.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "lib/base/error.h"

const struct sdm_json_limits sdm_json_limits_default = {4UL * 1024 * 1024, 32};

static const char *const kind_names[] = {
    [SDM_JSON_OBJECT] = "object",   [SDM_JSON_LIST] = "list", [SDM_JSON_STRING] = "string",
    [SDM_JSON_INTEGER] = "integer", [SDM_JSON_REAL] = "real", [SDM_JSON_BOOLEAN] = "boolean",
    [SDM_JSON_NULL] = "null",
};

/* A struct sdm_json is a json_t under a name that keeps jansson inside this file. */
static json_t *unwrap(const struct sdm_json *value)
{
    return (json_t *)value;
}

static struct sdm_json *wrap(json_t *value)
{
    return (struct sdm_json *)value;
}

/* jansson's own bound of 2048 levels is fixed when it is built; brackets outside strings are
 * counted before it recurses. */
static unsigned count_levels(const char *bytes, size_t size)
{
    unsigned level = 0;
    unsigned deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            level++;
            deepest = MAX(deepest, level);
        } else if ((c == '}' || c == ']') && level > 0) {
            level--;
        }
    }
    return deepest;
}

struct sdm_json *sdm_json_parse(const void *bytes, size_t size,
                                const struct sdm_json_limits *limits, GError **error)
{
    json_error_t why;
    json_t *value;
    unsigned n_levels;
    enum sdm_error_code code;

    if (size > limits->size_bytes) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want at most %zu bytes, found %zu",
                   limits->size_bytes, size);
        return NULL;
    }
    /* jansson steps over a zero byte behind a number. */
    if (size > 0 && memchr(bytes, '\0', size) != NULL) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want text, found a zero byte");
        return NULL;
    }
    n_levels = count_levels(bytes, size);
    if (n_levels > limits->n_levels) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want at most %u levels, found %u", limits->n_levels,
                   n_levels);
        return NULL;
    }
    value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (value == NULL) {
        code = json_error_code(&why) == json_error_numeric_overflow ? SDM_ERROR_OUT_OF_RANGE
                                                                    : SDM_ERROR_MALFORMED;
        sdm_refuse(error, code, "line %d, column %d: %s", why.line, why.column, why.text);
    }
    return wrap(value);
}

struct sdm_json *sdm_json_ref(const struct sdm_json *value)
{
    return wrap(json_incref(unwrap(value)));
}

void sdm_json_free(struct sdm_json *value)
{
    json_decref(unwrap(value));
}

static int append_text(const char *bytes, size_t size, void *text)
{
    g_string_append_len(text, bytes, (gssize)size);
    return 0;
}

char *sdm_json_write(const struct sdm_json *value, enum sdm_json_style style, size_t *size)
{
    GString *text = g_string_sized_new(512);
    size_t flags = JSON_ENCODE_ANY | (style == SDM_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT);

    /* Values hold only valid UTF-8 and finite numbers, so that there is nothing left to fail. */
    g_assert(json_dump_callback(unwrap(value), append_text, text, flags) == 0);
    if (size != NULL) {
        *size = text->len;
    }
    return g_string_free(text, FALSE);
}

enum sdm_json_kind sdm_json_kind(const struct sdm_json *value)
{
    switch (json_typeof(unwrap(value))) {
    case JSON_OBJECT:
        return SDM_JSON_OBJECT;
    case JSON_ARRAY:
        return SDM_JSON_LIST;
    case JSON_STRING:
        return SDM_JSON_STRING;
    case JSON_INTEGER:
        return SDM_JSON_INTEGER;
    case JSON_REAL:
        return SDM_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return SDM_JSON_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return SDM_JSON_NULL;
}

const char *sdm_json_kind_name(enum sdm_json_kind kind)
{
    g_assert(kind < G_N_ELEMENTS(kind_names));
    return kind_names[kind];
}

size_t sdm_json_length(const struct sdm_json *value)
{
    return json_is_object(unwrap(value)) ? json_object_size(unwrap(value))
                                         : json_array_size(unwrap(value));
}

const char *sdm_json_as_string(const struct sdm_json *value, size_t *length)
{
    if (length != NULL) {
        *length = json_string_length(unwrap(value));
    }
    return json_string_value(unwrap(value));
}

int64_t sdm_json_as_integer(const struct sdm_json *value)
{
    return json_integer_value(unwrap(value));
}

double sdm_json_as_real(const struct sdm_json *value)
{
    return json_number_value(unwrap(value));
}

bool sdm_json_as_boolean(const struct sdm_json *value)
{
    return json_is_true(unwrap(value));
}

struct sdm_json *sdm_json_member(const struct sdm_json *object, const char *name)
{
    return wrap(json_object_get(unwrap(object), name));
}

struct sdm_json *sdm_json_item(const struct sdm_json *list, size_t index)
{
    return wrap(json_array_get(unwrap(list), index));
}

bool sdm_json_next(const struct sdm_json *object, void **cursor, const char **name,
                   struct sdm_json **value)
{
    *cursor = *cursor == NULL ? json_object_iter(unwrap(object))
                              : json_object_iter_next(unwrap(object), *cursor);
    if (*cursor == NULL) {
        return false;
    }
    *name = json_object_iter_key(*cursor);
    *value = wrap(json_object_iter_value(*cursor));
    return true;
}

static struct sdm_json *get_kind(const struct sdm_json *object, const char *name,
                                 enum sdm_json_kind want, GError **error)
{
    struct sdm_json *value = sdm_json_member(object, name);
    enum sdm_json_kind found = sdm_json_kind(value != NULL ? value : object);

    if (value == NULL && found == SDM_JSON_OBJECT) {
        sdm_refuse(error, SDM_ERROR_MISSING_MEMBER, "%s: want a member, found none", name);
        return NULL;
    }
    if (value == NULL) {
        sdm_refuse(error, SDM_ERROR_WRONG_TYPE, "want object, found %s", kind_names[found]);
        return NULL;
    }
    if (found != want && !(want == SDM_JSON_REAL && found == SDM_JSON_INTEGER)) {
        sdm_refuse(error, SDM_ERROR_WRONG_TYPE, "%s: want %s, found %s", name, kind_names[want],
                   kind_names[found]);
        return NULL;
    }
    return value;
}

bool sdm_json_get_string(const struct sdm_json *object, const char *name, const char **found,
                         GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_STRING, error);

    if (value != NULL) {
        *found = sdm_json_as_string(value, NULL);
    }
    return value != NULL;
}

bool sdm_json_get_integer(const struct sdm_json *object, const char *name, int64_t *found,
                          GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_INTEGER, error);

    if (value != NULL) {
        *found = sdm_json_as_integer(value);
    }
    return value != NULL;
}

bool sdm_json_get_real(const struct sdm_json *object, const char *name, double *found,
                       GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_REAL, error);

    if (value != NULL) {
        *found = sdm_json_as_real(value);
    }
    return value != NULL;
}

bool sdm_json_get_boolean(const struct sdm_json *object, const char *name, bool *found,
                          GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_BOOLEAN, error);

    if (value != NULL) {
        *found = sdm_json_as_boolean(value);
    }
    return value != NULL;
}

bool sdm_json_get_object(const struct sdm_json *object, const char *name, struct sdm_json **found,
                         GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_OBJECT, error);

    if (value != NULL) {
        *found = value;
    }
    return value != NULL;
}

bool sdm_json_get_list(const struct sdm_json *object, const char *name, struct sdm_json **found,
                       GError **error)
{
    struct sdm_json *value = get_kind(object, name, SDM_JSON_LIST, error);

    if (value != NULL) {
        *found = value;
    }
    return value != NULL;
}

struct sdm_json *sdm_json_new_object(void)
{
    return wrap(json_object());
}

struct sdm_json *sdm_json_new_list(void)
{
    return wrap(json_array());
}

struct sdm_json *sdm_json_new_string(const char *text)
{
    g_autofree char *repaired = NULL;
    const char *wrong;

    if (text == NULL) {
        return sdm_json_new_null();
    }
    if (!g_utf8_validate(text, -1, &wrong)) {
        repaired = g_strdup(text);
        wrong = repaired + (wrong - text);
        do {
            repaired[wrong - repaired] = '?';
        } while (!g_utf8_validate(repaired, -1, &wrong));
        text = repaired;
    }
    return wrap(json_string_nocheck(text));
}

struct sdm_json *sdm_json_new_integer(int64_t number)
{
    return wrap(json_integer(number));
}

struct sdm_json *sdm_json_new_real(double number)
{
    g_assert(isfinite(number));
    return wrap(json_real(number));
}

struct sdm_json *sdm_json_new_boolean(bool flag)
{
    return wrap(json_boolean(flag));
}

struct sdm_json *sdm_json_new_null(void)
{
    return wrap(json_null());
}

void sdm_json_set_take(struct sdm_json *object, const char *name, struct sdm_json *value)
{
    g_assert(json_object_set_new(unwrap(object), name, unwrap(value)) == 0);
}

void sdm_json_append_take(struct sdm_json *list, struct sdm_json *value)
{
    g_assert(json_array_append_new(unwrap(list), unwrap(value)) == 0);
}

void sdm_json_set_string(struct sdm_json *object, const char *name, const char *text)
{
    sdm_json_set_take(object, name, sdm_json_new_string(text));
}

void sdm_json_set_format(struct sdm_json *object, const char *name, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    sdm_json_set_string(object, name, text);
}

void sdm_json_set_integer(struct sdm_json *object, const char *name, int64_t number)
{
    sdm_json_set_take(object, name, sdm_json_new_integer(number));
}

void sdm_json_set_real(struct sdm_json *object, const char *name, double number)
{
    sdm_json_set_take(object, name, sdm_json_new_real(number));
}

void sdm_json_set_boolean(struct sdm_json *object, const char *name, bool flag)
{
    sdm_json_set_take(object, name, sdm_json_new_boolean(flag));
}

struct sdm_json *sdm_json_set_object(struct sdm_json *object, const char *name)
{
    struct sdm_json *value = sdm_json_new_object();

    sdm_json_set_take(object, name, value);
    return value;
}

struct sdm_json *sdm_json_set_list(struct sdm_json *object, const char *name)
{
    struct sdm_json *value = sdm_json_new_list();

    sdm_json_set_take(object, name, value);
    return value;
}

struct sdm_json *sdm_json_append_object(struct sdm_json *list)
{
    struct sdm_json *value = sdm_json_new_object();

    sdm_json_append_take(list, value);
    return value;
}
