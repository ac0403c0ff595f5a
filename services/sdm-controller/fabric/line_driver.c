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
const struct sdm_brick_driver sdm_brick_line_driver = {"brick-line", line_power, line_scrub};
