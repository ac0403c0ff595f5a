#include "lib/json/text.h"

#include <stdbool.h>
#include <string.h>

/* The letter after the backslash, 'u' for those that have none of their own. */
static char escape_letter(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 'u';
    }
}

static void append_escaped(GString *out, unsigned char c)
{
    char letter = escape_letter(c);

    g_string_append_c(out, '\\');
    g_string_append_c(out, letter);
    if (letter == 'u') {
        g_string_append_printf(out, "%04X", c);
    }
}

static bool needs_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/* What lies between characters to escape goes over in one piece. */
static void append_valid(GString *out, const char *text, size_t length)
{
    size_t from = 0;

    for (size_t i = 0; i < length; i++) {
        if (needs_escape((unsigned char)text[i])) {
            g_string_append_len(out, text + from, (gssize)(i - from));
            append_escaped(out, (unsigned char)text[i]);
            from = i + 1;
        }
    }
    g_string_append_len(out, text + from, (gssize)(length - from));
}

void sdm_json_append_string(GString *out, const char *text)
{
    const char *end;

    g_string_append_c(out, '"');
    while (!g_utf8_validate(text, -1, &end)) {
        append_valid(out, text, (size_t)(end - text));
        g_string_append_c(out, '?');
        text = end + 1;
    }
    append_valid(out, text, (size_t)(end - text));
    g_string_append_c(out, '"');
}

void sdm_json_append_integer(GString *out, int64_t number)
{
    char digits[21];
    char *at = digits + sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--at = '-';
    }
    g_string_append_len(out, at, digits + sizeof digits - at);
}
