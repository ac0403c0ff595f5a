#include "lib/conf/value.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/error.h"

/* Longer than any token or password, short enough to notice a wrong file. */
#define SECRET_MAX_BYTES 65536

static char **string_member(const struct sdm_conf_option *option, void *values)
{
    return (char **)(void *)((char *)values + option->offset);
}

void sdm_value_init(const struct sdm_conf_option *option, void *values)
{
    char *member = (char *)values + option->offset;

    switch (option->kind) {
    case SDM_CONF_BOOL:
        *(bool *)member = false;
        break;
    case SDM_CONF_INT:
        *(int64_t *)(void *)member = 0;
        break;
    case SDM_CONF_STRING:
    case SDM_CONF_PATH:
    case SDM_CONF_URI:
    case SDM_CONF_SECRET_FILE:
        *string_member(option, values) = NULL;
        break;
    }
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"yes", "true", "on", "1", NULL};
    static const char *const no[] = {"no", "false", "off", "0", NULL};

    if (g_strv_contains(yes, text)) {
        *value = true;
        return true;
    }
    if (g_strv_contains(no, text)) {
        *value = false;
        return true;
    }
    return false;
}

static bool parse_int(const char *text, int64_t *value)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    const char *unit;
    int64_t number;

    errno = 0;
    number = g_ascii_strtoll(text, &end, 10);
    if (end == text || errno != 0 || g_ascii_isspace(text[0])) {
        return false;
    }
    if (*end != '\0') {
        unit = strchr(units, *end);
        if (unit == NULL || end[1] != '\0' ||
            __builtin_mul_overflow(number, INT64_C(1) << (10 * (unit - units + 1)), &number)) {
            return false;
        }
    }
    *value = number;
    return true;
}

/* "...?password=word&..." and "... password=word ..." become "...=***": libpq takes a password
 * there too, in quotes where it has spaces. */
static char *mask_parameters(const char *text)
{
    g_autoptr(GRegex) regex = g_regex_new("(password\\s*=\\s*)('(\\\\.|[^'])*'?|[^&\\s]*)",
                                          G_REGEX_CASELESS | G_REGEX_RAW, 0, NULL);

    return g_regex_replace(regex, text, -1, 0, "\\1***", 0, NULL);
}

/* "amqp://user:word@host/" becomes "amqp://user:***@host/". */
static char *mask_authority(const char *uri)
{
    const char *start = strstr(uri, "://");
    const char *at;
    const char *colon;

    if (start == NULL) {
        return g_strdup(uri);
    }
    start += strlen("://");
    at = memrchr(start, '@', strcspn(start, "/?#"));
    if (at == NULL) {
        return g_strdup(uri);
    }
    colon = memchr(start, ':', (size_t)(at - start));
    if (colon == NULL) {
        return g_strdup(uri);
    }
    return g_strdup_printf("%.*s***%s", (int)(colon + 1 - uri), uri, at);
}

static char *mask_uri(const char *uri)
{
    g_autofree char *masked = mask_authority(uri);

    return mask_parameters(masked);
}

static bool set_string(const struct sdm_conf_option *option, void *values, const char *text,
                       GError **error)
{
    char **member = string_member(option, values);

    if (option->words != NULL && !g_strv_contains(option->words, text)) {
        g_autofree char *words = sdm_conf_describe_range(option);

        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: want %s, found '%s'", option->name,
                          words, text);
    }
    g_free(*member);
    *member = g_strdup(text);
    return true;
}

static bool set_int(const struct sdm_conf_option *option, void *values, const char *text,
                    GError **error)
{
    int64_t number;

    if (!parse_int(text, &number)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: want a number, found '%s'",
                          option->name, text);
    }
    if (number < option->min || number > option->max) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                          "%s: want %" PRId64 " to %" PRId64 ", found %" PRId64, option->name,
                          option->min, option->max, number);
    }
    memcpy((char *)values + option->offset, &number, sizeof number);
    return true;
}

static bool set_bool(const struct sdm_conf_option *option, void *values, const char *text,
                     GError **error)
{
    bool value;

    if (!parse_bool(text, &value)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: want yes or no, found '%s'",
                          option->name, text);
    }
    memcpy((char *)values + option->offset, &value, sizeof value);
    return true;
}

static bool set_secret(const struct sdm_conf_option *option, void *values, const char *path,
                       GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *content = NULL;
    char **member = string_member(option, values);
    struct stat about;
    gsize length;

    if (stat(path, &about) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: %s: %s", option->name, path,
                          g_strerror(errno));
    }
    if ((about.st_mode & 0077) != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "%s: %s: want a mode that only the owner can read, found %04o",
                          option->name, path, (unsigned)about.st_mode & 07777U);
    }
    if (about.st_size > SECRET_MAX_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%s: %s: want at most %d bytes",
                          option->name, path, SECRET_MAX_BYTES);
    }
    if (!g_file_get_contents(path, &content, &length, &cause)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: %s", option->name, cause->message);
    }
    content[strcspn(content, "\r\n")] = '\0';
    g_free(*member);
    *member = g_steal_pointer(&content);
    return true;
}

bool sdm_value_set(const struct sdm_conf_option *option, void *values, const char *text,
                   char **shown, GError **error)
{
    bool ok = false;

    switch (option->kind) {
    case SDM_CONF_STRING:
    case SDM_CONF_PATH:
    case SDM_CONF_URI:
        ok = set_string(option, values, text, error);
        break;
    case SDM_CONF_BOOL:
        ok = set_bool(option, values, text, error);
        break;
    case SDM_CONF_INT:
        ok = set_int(option, values, text, error);
        break;
    case SDM_CONF_SECRET_FILE:
        ok = set_secret(option, values, text, error);
        break;
    }
    if (ok) {
        g_free(*shown);
        *shown = option->kind == SDM_CONF_URI ? mask_uri(text) : g_strdup(text);
    }
    return ok;
}

void sdm_value_clear(const struct sdm_conf_option *option, void *values)
{
    if (option->kind != SDM_CONF_BOOL && option->kind != SDM_CONF_INT) {
        g_clear_pointer(string_member(option, values), g_free);
    }
}
