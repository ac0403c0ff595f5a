#include "sdm-controller/fabric/driver.h"

#include <stdio.h>

#include "lib/base/error.h"

static bool request(struct sdm_session *session, int64_t timeout_ms, GError **error,
                    const char *format, ...) G_GNUC_PRINTF(4, 5);

static bool request(struct sdm_session *session, int64_t timeout_ms, GError **error,
                    const char *format, ...)
{
    g_autofree char *line = NULL;
    g_autofree char *answer = NULL;
    va_list args;

    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    answer = sdm_session_request(session, line, timeout_ms, error);
    return answer != NULL;
}

static bool line_connect(struct sdm_session *session, struct sdm_port_pair pair, int64_t timeout_ms,
                         GError **error)
{
    return request(session, timeout_ms, error, "connect %d %d", pair.a, pair.b);
}

static bool line_disconnect(struct sdm_session *session, struct sdm_port_pair pair,
                            int64_t timeout_ms, GError **error)
{
    return request(session, timeout_ms, error, "disconnect %d %d", pair.a, pair.b);
}

static bool line_list(struct sdm_session *session, GArray *pairs, int64_t timeout_ms,
                      GError **error)
{
    g_autofree char *answer = sdm_session_request(session, "list", timeout_ms, error);
    g_auto(GStrv) words = NULL;

    if (answer == NULL) {
        return false;
    }
    words = g_strsplit(answer, " ", -1);
    /* The first word is the number of connections. */
    for (char **word = words[0] == NULL ? words : words + 1; *word != NULL; word++) {
        struct sdm_port_pair pair;

        if (**word == '\0') {
            continue;
        }
        if (sscanf(*word, "%d-%d", &pair.a, &pair.b) != 2) {
            return sdm_unavailable(error, "want A-B in the answer to 'list', found '%s'", *word);
        }
        g_array_append_val(pairs, pair);
    }
    return true;
}

static bool line_power(struct sdm_session *session, bool on, int64_t timeout_ms, GError **error)
{
    return request(session, timeout_ms, error, "power %s", on ? "on" : "off");
}

static bool line_force_off(struct sdm_session *session, int64_t timeout_ms, GError **error)
{
    return request(session, timeout_ms, error, "power force-off");
}

static bool line_is_off(struct sdm_session *session, bool *off, int64_t timeout_ms, GError **error)
{
    g_autofree char *answer = sdm_session_request(session, "status", timeout_ms, error);
    g_auto(GStrv) words = NULL;

    if (answer == NULL) {
        return false;
    }
    words = g_strsplit(answer, " ", -1);
    *off = g_strv_contains((const char *const *)words, "power=off");
    return true;
}

static bool read_extent(const char *word, GArray *extents, GError **error)
{
    g_auto(GStrv) fields = g_strsplit(word, ":", -1);
    struct sdm_fabric_extent extent = {0};

    if (g_strv_length(fields) < 4 ||
        !g_ascii_string_to_unsigned(fields[0], 10, 0, G_MAXINT64, &extent.offset_bytes, NULL) ||
        !g_ascii_string_to_unsigned(fields[1], 10, 1, G_MAXINT64, &extent.size_bytes, NULL)) {
        return sdm_unavailable(error,
                               "want OFFSET:SIZE:USERS:BRICKS in the answer to 'extents', "
                               "found '%.200s'",
                               word);
    }
    extent.users = g_strdup(fields[3]);
    g_array_append_val(extents, extent);
    return true;
}

static bool line_extents(struct sdm_session *session, GArray *extents, int64_t timeout_ms,
                         GError **error)
{
    g_autofree char *answer = sdm_session_request(session, "extents", timeout_ms, error);
    g_auto(GStrv) words = NULL;

    if (answer == NULL) {
        return false;
    }
    words = g_strsplit(answer, " ", -1);
    /* The first word is their number. */
    for (char **word = words[0] == NULL ? words : words + 1; *word != NULL; word++) {
        if (**word != '\0' && !read_extent(*word, extents, error)) {
            return false;
        }
    }
    return true;
}

static bool line_scrub(struct sdm_session *session, int64_t offset_bytes, int64_t size_bytes,
                       int64_t timeout_ms, GError **error)
{
    return request(session, timeout_ms, error, "scrub %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                   offset_bytes, size_bytes);
}

const struct sdm_switch_driver sdm_optical_switch_line_driver = {"optical-line", line_connect,
                                                                 line_disconnect, line_list};
const struct sdm_switch_driver sdm_electrical_switch_line_driver = {"electrical-line", line_connect,
                                                                    line_disconnect, line_list};
const struct sdm_brick_driver sdm_brick_line_driver = {"brick-line", line_power,   line_force_off,
                                                       line_is_off,  line_extents, line_scrub};
