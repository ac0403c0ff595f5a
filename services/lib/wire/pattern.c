#include "lib/wire/pattern.h"

#include <string.h>

#include <glib.h>

#include "lib/base/id.h"

static bool match_any(const char *text)
{
    (void)text;
    return true;
}

/* 1 to 'longest' characters, letters, digits or one of 'others'. */
static bool is_word(const char *text, size_t longest, const char *others)
{
    size_t length = strlen(text);

    if (length == 0 || length > longest) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(text[i]) && strchr(others, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool match_project(const char *text)
{
    return is_word(text, SDM_PROJECT_SIZE - 1, "._-") && g_ascii_isalnum(text[0]);
}

static bool match_key(const char *text)
{
    return is_word(text, 64, "._:-");
}

static bool match_accelerator_kind(const char *text)
{
    return strlen(text) <= 32 && sdm_id_is_valid(text);
}

/* Where the form has a '0', any digit stands; everything else stands for itself. */
static bool match_digits(const char *text, const char *form)
{
    if (strlen(text) != strlen(form)) {
        return false;
    }
    for (size_t i = 0; form[i] != '\0'; i++) {
        if (form[i] == '0' ? !g_ascii_isdigit(text[i]) : text[i] != form[i]) {
            return false;
        }
    }
    return true;
}

static bool match_timestamp(const char *text)
{
    return match_digits(text, "0000-00-00T00:00:00.000000Z");
}

static bool match_endpoint(const char *text)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *host = NULL;
    size_t n_digits;

    if (colon == NULL) {
        return false;
    }
    n_digits = strspn(colon + 1, "0123456789");
    if (n_digits == 0 || n_digits > 5 || colon[1 + n_digits] != '\0') {
        return false;
    }
    host = g_strndup(text, (size_t)(colon - text));
    return is_word(host, 249, ".:[]-");
}

static const struct {
    const char *name;
    const char *text;
    bool (*match)(const char *text);
} patterns[SDM_N_PATTERNS] = {
    [SDM_PATTERN_NONE] = {"string", "any text", match_any},
    [SDM_PATTERN_ID] = {"id", "1 to 63 of a-z, 0-9, '.', '_', '-', not punctuation first",
                        sdm_id_is_valid},
    [SDM_PATTERN_UUID] = {"uuid", "a UUID in lower case", sdm_uuid_is_valid},
    [SDM_PATTERN_PROJECT] = {"project",
                             "1 to 64 letters, digits, '.', '_', '-', not punctuation first",
                             match_project},
    [SDM_PATTERN_KEY] = {"key", "1 to 64 letters, digits, '.', '_', ':', '-'", match_key},
    [SDM_PATTERN_TIMESTAMP] = {"timestamp", "a time as 2026-01-31T23:59:59.000000Z",
                               match_timestamp},
    [SDM_PATTERN_ENDPOINT] = {"endpoint", "host:port", match_endpoint},
    [SDM_PATTERN_ACCELERATOR_KIND] = {"accelerator_kind",
                                      "1 to 32 of a-z, 0-9, '.', '_', '-', not punctuation first",
                                      match_accelerator_kind},
};

bool sdm_pattern_match(enum sdm_pattern pattern, const char *text)
{
    g_assert(pattern < SDM_N_PATTERNS);
    return patterns[pattern].match(text);
}

const char *sdm_pattern_name(enum sdm_pattern pattern)
{
    g_assert(pattern < SDM_N_PATTERNS);
    return patterns[pattern].name;
}

const char *sdm_pattern_text(enum sdm_pattern pattern)
{
    g_assert(pattern < SDM_N_PATTERNS);
    return patterns[pattern].text;
}
