#include "lib/svc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/json/json.h"

const char *const sdm_log_level_names[] = {"error", "warning", "info", "debug", NULL};

/* Not G_LOG_LEVEL_ERROR for errors: GLib ends the process after it. */
static const GLogLevelFlags glib_levels[] = {
    G_LOG_LEVEL_CRITICAL,
    G_LOG_LEVEL_WARNING,
    G_LOG_LEVEL_INFO,
    G_LOG_LEVEL_DEBUG,
};

/* Set before threads start, but for the level. */
static struct {
    char *program;
    char *path;
    int fd;
    _Atomic int level;
    bool is_installed;
} log_state = {.fd = STDERR_FILENO, .level = SDM_LOG_INFO};

static enum sdm_log_level level_from_glib(GLogLevelFlags level)
{
    if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0) {
        return SDM_LOG_ERROR;
    }
    if ((level & G_LOG_LEVEL_WARNING) != 0) {
        return SDM_LOG_WARNING;
    }
    return (level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO)) != 0 ? SDM_LOG_INFO : SDM_LOG_DEBUG;
}

static bool is_secret(const char *key)
{
    static const char *const words[] = {"token", "secret", "password"};

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(key, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void add_own_field(struct sdm_json *line, const GLogField *field)
{
    if (is_secret(field->key)) {
        sdm_json_set_string(line, field->key, "***");
    } else if (field->length < 0) {
        sdm_json_set_string(line, field->key, field->value);
    } else {
        int64_t number;

        memcpy(&number, field->value, sizeof number);
        sdm_json_set_integer(line, field->key, number);
    }
}

/* Our own fields are lower case, with a length only where they are numbers; GLib's and other
 * libraries' are upper case. */
static void add_field(struct sdm_json *line, const GLogField *field)
{
    if (g_ascii_islower(field->key[0])) {
        add_own_field(line, field);
    } else if (strcmp(field->key, "MESSAGE") == 0) {
        g_autofree char *text = field->length < 0 ? g_strdup(field->value)
                                                  : g_strndup(field->value, (size_t)field->length);

        sdm_json_set_string(line, "event", "message");
        sdm_json_set_string(line, "text", text);
    } else if (strcmp(field->key, "GLIB_DOMAIN") == 0 && field->length < 0) {
        sdm_json_set_string(line, "domain", field->value);
    }
}

static void write_line(const struct sdm_json *line)
{
    size_t size;
    g_autofree char *text = sdm_json_write(line, SDM_JSON_COMPACT, &size);
    ssize_t n;

    /* One write a line: lines of several threads and processes do not mix in a file opened to be
     * appended to.  A log that cannot be written has nowhere to say so. */
    text[size] = '\n';
    do {
        n = write(log_state.fd, text, size + 1);
    } while (n < 0 && errno == EINTR);
}

static GLogWriterOutput write_event(GLogLevelFlags flags, const GLogField *fields, gsize n_fields,
                                    gpointer data)
{
    enum sdm_log_level level = level_from_glib(flags);
    g_autoptr(sdm_json) line = NULL;
    g_autoptr(GDateTime) now = NULL;
    g_autofree char *time = NULL;

    (void)data;
    if ((int)level > atomic_load_explicit(&log_state.level, memory_order_relaxed)) {
        return G_LOG_WRITER_HANDLED;
    }
    now = g_date_time_new_now_utc();
    time = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
    line = sdm_json_new_object();
    sdm_json_set_string(line, "time", time);
    sdm_json_set_string(line, "level", sdm_log_level_names[level]);
    sdm_json_set_string(line, "program", log_state.program);
    for (size_t i = 0; i < n_fields; i++) {
        add_field(line, &fields[i]);
    }
    write_line(line);
    return G_LOG_WRITER_HANDLED;
}

static int open_file(const char *path, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);

    if (fd < 0) {
        sdm_set_errno(error, errno, "open log '%s'", path);
    }
    return fd;
}

bool sdm_log_open(const char *program, const char *path, enum sdm_log_level level, GError **error)
{
    int fd = path != NULL ? open_file(path, error) : STDERR_FILENO;

    if (fd < 0) {
        return false;
    }
    if (log_state.fd != STDERR_FILENO) {
        close(log_state.fd);
    }
    log_state.fd = fd;
    g_free(log_state.path);
    log_state.path = g_strdup(path);
    g_free(log_state.program);
    log_state.program = g_strdup(program);
    sdm_log_set_level(level);
    /* GLib takes a writer once in a process' life. */
    if (!log_state.is_installed) {
        g_log_set_writer_func(write_event, NULL, NULL);
        log_state.is_installed = true;
    }
    return true;
}

bool sdm_log_reopen(GError **error)
{
    SDM_AUTOCLOSE
    int fd = -1;

    if (log_state.path == NULL) {
        return true;
    }
    fd = open_file(log_state.path, error);
    if (fd < 0) {
        return false;
    }
    /* The number stays, so that a thread in the middle of a line is not disturbed. */
    if (dup3(fd, log_state.fd, O_CLOEXEC) < 0) {
        return sdm_set_errno(error, errno, "reopen log '%s'", log_state.path);
    }
    return true;
}

void sdm_log_set_level(enum sdm_log_level level)
{
    atomic_store_explicit(&log_state.level, (int)level, memory_order_relaxed);
}

enum sdm_log_level sdm_log_get_level(void)
{
    return (enum sdm_log_level)atomic_load_explicit(&log_state.level, memory_order_relaxed);
}

bool sdm_log_set_level_by_name(const char *name, GError **error)
{
    for (size_t i = 0; sdm_log_level_names[i] != NULL; i++) {
        if (strcmp(name, sdm_log_level_names[i]) == 0) {
            sdm_log_set_level((enum sdm_log_level)i);
            return true;
        }
    }
    return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                      "want error, warning, info or debug, found '%s'", name);
}

bool sdm_log_limit_pass(struct sdm_log_limit *limit, int64_t monotonic_us, int64_t *n_suppressed)
{
    int64_t second = monotonic_us / G_USEC_PER_SEC;

    if (atomic_exchange(&limit->second, second) != second) {
        atomic_store(&limit->n_in_second, 0);
    }
    if (atomic_fetch_add(&limit->n_in_second, 1) >= SDM_LOG_PER_SECOND) {
        atomic_fetch_add(&limit->n_suppressed, 1);
        return false;
    }
    *n_suppressed = atomic_exchange(&limit->n_suppressed, 0);
    return true;
}

void sdm_log_write(enum sdm_log_level level, const char *event, const struct sdm_log_field *fields,
                   size_t n_fields)
{
    /* "MESSAGE" is for GLib's own writer, where no log was opened, as in tests. */
    GLogField out[SDM_LOG_MAX_FIELDS + 3] = {{"event", event, -1}, {"MESSAGE", event, -1}};
    size_t n = log_state.is_installed ? 1 : 2;

    if (level > sdm_log_get_level()) {
        return;
    }
    for (size_t i = 0; i < n_fields && n < G_N_ELEMENTS(out); i++) {
        const struct sdm_log_field *field = &fields[i];

        if (field->key != NULL) {
            out[n++] = (GLogField){
                field->key,
                field->text != NULL ? (const void *)field->text : (const void *)&field->number,
                field->text != NULL ? -1 : (gssize)sizeof field->number,
            };
        }
    }
    g_log_structured_array(glib_levels[level], out, n);
}
