#include "lib/json/node.h"

#include <math.h>
#include <string.h>

#include "lib/base/error.h"

/* Below this many members, comparing each with each is the fastest way to find one twice. */
enum { FEW_MEMBERS = 16 };

struct parser {
    struct sdm_arena *arena;
    GError **error;
    const char *begin;
    /* In a copy of the text with a zero behind it, which no token contains. */
    char *at;
    unsigned n_levels;
    unsigned max_levels;
};

static bool refuse(struct parser *parser, enum sdm_error_code code, const char *what)
{
    return sdm_refuse(parser->error, code, "byte %td: %s", parser->at - parser->begin, what);
}

static bool malformed(struct parser *parser, const char *want)
{
    return refuse(parser, SDM_ERROR_MALFORMED, want);
}

static void skip_space(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\r' ||
           *parser->at == '\t') {
        parser->at++;
    }
}

static bool read_hex(const char *at, unsigned *unit)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(at[i]);

        if (digit < 0) {
            return false;
        }
        value = value * 16 + (unsigned)digit;
    }
    *unit = value;
    return true;
}

/* After "\u": one UTF-16 unit, or a pair of them.  What it stands for is never longer in UTF-8. */
static bool read_unicode(struct parser *parser, char **out)
{
    unsigned unit;
    unsigned low;
    gunichar c;

    if (!read_hex(parser->at, &unit) || unit == 0) {
        return malformed(parser, "want four hexadecimal digits other than 0000");
    }
    parser->at += 4;
    c = unit;
    if (unit >= 0xd800 && unit <= 0xdfff) {
        if (unit >= 0xdc00 || parser->at[0] != '\\' || parser->at[1] != 'u' ||
            !read_hex(parser->at + 2, &low) || low < 0xdc00 || low > 0xdfff) {
            return malformed(parser, "want a pair of surrogates");
        }
        parser->at += 6;
        c = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    *out += g_unichar_to_utf8(c, *out);
    return true;
}

static bool read_escape(struct parser *parser, char **out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = *parser->at;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    if (letter == 'u') {
        parser->at++;
        return read_unicode(parser, out);
    }
    if (found == NULL) {
        return malformed(parser, "want an escape");
    }
    parser->at++;
    *(*out)++ = meanings[found - letters];
    return true;
}

/* At the opening quote.  Unescapes in place and puts a zero where the string ends. */
static bool read_string(struct parser *parser, const char **text, size_t *length)
{
    char *from = ++parser->at;
    char *out = from;

    while (*parser->at != '"') {
        if ((unsigned char)*parser->at < 0x20) {
            return malformed(parser, "want the end of a string");
        }
        if (*parser->at != '\\') {
            *out++ = *parser->at++;
            continue;
        }
        parser->at++;
        if (!read_escape(parser, &out)) {
            return false;
        }
    }
    parser->at++;
    *out = '\0';
    *text = from;
    *length = (size_t)(out - from);
    return true;
}

static size_t skip_digits(struct parser *parser)
{
    char *from = parser->at;

    while (g_ascii_isdigit(*parser->at)) {
        parser->at++;
    }
    return (size_t)(parser->at - from);
}

/* Behind the digits of a whole number: a fraction and an exponent, each with a digit at least. */
static bool skip_real(struct parser *parser, bool *is_real)
{
    *is_real = false;
    if (*parser->at == '.') {
        *is_real = true;
        parser->at++;
        if (skip_digits(parser) == 0) {
            return malformed(parser, "want a digit");
        }
    }
    if (*parser->at == 'e' || *parser->at == 'E') {
        *is_real = true;
        parser->at++;
        parser->at += *parser->at == '+' || *parser->at == '-';
        if (skip_digits(parser) == 0) {
            return malformed(parser, "want a digit");
        }
    }
    return true;
}

static bool read_whole(const char *from, const char *to, int64_t *number)
{
    bool negative = *from == '-';
    int64_t value = 0;

    /* Counted downwards: the lowest number has no positive of its own. */
    for (from += negative; from < to; from++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *from - '0', &value)) {
            return false;
        }
    }
    return negative ? (*number = value, true) : !__builtin_sub_overflow(0, value, number);
}

static bool read_number(struct parser *parser, struct sdm_node *node)
{
    char *from = parser->at;
    char *digits;
    bool is_real;

    parser->at += *parser->at == '-';
    digits = parser->at;
    if (skip_digits(parser) == 0) {
        return malformed(parser, "want a value");
    }
    if (*digits == '0' && parser->at > digits + 1) {
        return malformed(parser, "want no leading zero");
    }
    if (!skip_real(parser, &is_real)) {
        return false;
    }
    node->kind = is_real ? SDM_JSON_REAL : SDM_JSON_INTEGER;
    if (is_real) {
        node->real = g_ascii_strtod(from, NULL);
        return isfinite(node->real) ||
               refuse(parser, SDM_ERROR_OUT_OF_RANGE, "want a real that a double holds");
    }
    return read_whole(from, parser->at, &node->integer) ||
           sdm_refuse(parser->error, SDM_ERROR_OUT_OF_RANGE,
                      "byte %td: want an integer of 64 bits, found %.*s",
                      parser->at - parser->begin, (int)MIN(parser->at - from, 32), from);
}

static bool read_literal(struct parser *parser, struct sdm_node *node)
{
    static const struct {
        const char *word;
        size_t length;
        enum sdm_json_kind kind;
        bool value;
    } rows[] = {
        {"true", 4, SDM_JSON_BOOLEAN, true},
        {"false", 5, SDM_JSON_BOOLEAN, false},
        {"null", 4, SDM_JSON_NULL, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (strncmp(parser->at, rows[i].word, rows[i].length) == 0) {
            parser->at += rows[i].length;
            node->kind = rows[i].kind;
            node->boolean = rows[i].value;
            /* "nullx" is no literal followed by something else. */
            return !g_ascii_isalnum(*parser->at) || malformed(parser, "want a value");
        }
    }
    return malformed(parser, "want a value");
}

static bool has_twice(const struct sdm_node *object)
{
    g_autoptr(GHashTable) seen = NULL;

    if (object->length > FEW_MEMBERS) {
        seen = g_hash_table_new(g_str_hash, g_str_equal);
    }
    for (const struct sdm_node *one = object->first; one != NULL; one = one->next) {
        if (seen != NULL && !g_hash_table_add(seen, (gpointer)one->name)) {
            return true;
        }
        for (const struct sdm_node *two = one->next; seen == NULL && two != NULL; two = two->next) {
            if (strcmp(one->name, two->name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool read_value(struct parser *parser, struct sdm_node *node);

static bool read_name(struct parser *parser, struct sdm_node *member)
{
    size_t length;

    skip_space(parser);
    if (*parser->at != '"') {
        return malformed(parser, "want a member");
    }
    if (!read_string(parser, &member->name, &length)) {
        return false;
    }
    skip_space(parser);
    if (*parser->at != ':') {
        return malformed(parser, "want ':'");
    }
    parser->at++;
    return true;
}

/* At the opening bracket: everything to the closing one. */
static bool read_container(struct parser *parser, struct sdm_node *node)
{
    bool object = *parser->at == '{';
    char close = object ? '}' : ']';
    struct sdm_node **end = &node->first;

    node->kind = object ? SDM_JSON_OBJECT : SDM_JSON_LIST;
    if (++parser->n_levels > parser->max_levels) {
        return malformed(parser, "want fewer levels");
    }
    parser->at++;
    skip_space(parser);
    while (*parser->at != close || node->length > 0) {
        struct sdm_node *child = SDM_ARENA_NEW(parser->arena, struct sdm_node, 1);

        if ((object && !read_name(parser, child)) || !read_value(parser, child)) {
            return false;
        }
        *end = child;
        end = &child->next;
        node->length++;
        skip_space(parser);
        if (*parser->at == close) {
            break;
        }
        if (*parser->at != ',') {
            return malformed(parser, object ? "want ',' or '}'" : "want ',' or ']'");
        }
        parser->at++;
    }
    parser->at++;
    parser->n_levels--;
    return !object || !has_twice(node) || malformed(parser, "want each member once");
}

static bool read_value(struct parser *parser, struct sdm_node *node)
{
    skip_space(parser);
    switch (*parser->at) {
    case '{':
    case '[':
        return read_container(parser, node);
    case '"':
        node->kind = SDM_JSON_STRING;
        return read_string(parser, &node->text, &node->length);
    case 't':
    case 'f':
    case 'n':
        return read_literal(parser, node);
    default:
        return read_number(parser, node);
    }
}

struct sdm_node *sdm_node_parse(const void *bytes, size_t size,
                                const struct sdm_json_limits *limits, struct sdm_arena *arena,
                                GError **error)
{
    struct parser parser = {.arena = arena, .error = error, .max_levels = limits->n_levels};
    struct sdm_node *root;
    char *text;

    if (size > limits->size_bytes) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want at most %zu bytes, found %zu",
                   limits->size_bytes, size);
        return NULL;
    }
    if (size == 0) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want an object or a list, found nothing");
        return NULL;
    }
    /* Refuses zeros too, so that the one behind the copy ends every loop. */
    if (!g_utf8_validate_len(bytes, size, NULL)) {
        sdm_refuse(error, SDM_ERROR_MALFORMED, "want UTF-8");
        return NULL;
    }
    text = sdm_arena_alloc(arena, size + 1, 1);
    memcpy(text, bytes, size);
    parser.begin = parser.at = text;
    root = SDM_ARENA_NEW(arena, struct sdm_node, 1);
    skip_space(&parser);
    if (*parser.at != '{' && *parser.at != '[') {
        malformed(&parser, "want an object or a list");
        return NULL;
    }
    if (!read_value(&parser, root)) {
        return NULL;
    }
    skip_space(&parser);
    if (parser.at != text + size) {
        malformed(&parser, "want the end");
        return NULL;
    }
    return root;
}
