/* One JSON object a line for every event: {"time","level","program","event", fields...}.
 *
 * Error: someone must act.  Warning: something is away or odd, and will mend or be retried.  Info:
 * one line a state change.  Debug: for developers.  What GLib and libraries say goes the same way,
 * as event "message".  The value of a field whose key holds "token", "secret" or "password" is
 * never written; nothing else may carry one.
 *
 * Thread rule: opening belongs to the main thread, before others start; all else to any. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum sdm_log_level { SDM_LOG_ERROR, SDM_LOG_WARNING, SDM_LOG_INFO, SDM_LOG_DEBUG };

/* "error", "warning", "info", "debug", NULL: also the words of an option. */
extern const char *const sdm_log_level_names[];

/* Sends what is logged to the file 'path', created with mode 0640 and appended to, or to standard
 * error for NULL.  'program' is copied.  Fails when the file cannot be opened. */
bool sdm_log_open(const char *program, const char *path, enum sdm_log_level level, GError **error);

/* Opens the file of this name anew, for after it has been renamed; nothing on standard error. */
bool sdm_log_reopen(GError **error);

void sdm_log_set_level(enum sdm_log_level level);
enum sdm_log_level sdm_log_get_level(void);
/* Refuses with INVALID_VALUE what is none of the names. */
bool sdm_log_set_level_by_name(const char *name, GError **error);

/* A field; keys are lower case with '_', constants of the program. */
struct sdm_log_field {
    const char *key;
    const char *text; /* NULL for a number */
    int64_t number;
};

static inline struct sdm_log_field sdm_log_text(const char *key, const char *text)
{
    return (struct sdm_log_field){key, text != NULL ? text : "", 0};
}

static inline struct sdm_log_field sdm_log_int(const char *key, int64_t number)
{
    return (struct sdm_log_field){key, NULL, number};
}

/* The message of an error, as field "error". */
static inline struct sdm_log_field sdm_log_gerror(const GError *error)
{
    return sdm_log_text("error", error != NULL ? error->message : NULL);
}

#define SDM_LOG_MAX_FIELDS 16

/* Writes one event with up to SDM_LOG_MAX_FIELDS fields:
 *     sdm_log_event(SDM_LOG_INFO, "brick-on", sdm_log_text("brick", id), sdm_log_int("mw", 9)); */
#define sdm_log_event(level, event, ...)                                                           \
    sdm_log_write((level), (event), (const struct sdm_log_field[]){{NULL}, ##__VA_ARGS__},         \
                  G_N_ELEMENTS(((const struct sdm_log_field[]){{NULL}, ##__VA_ARGS__})))

/* The same for what a peer can cause: at most SDM_LOG_PER_SECOND lines a second from this place in
 * the code; the next line that passes says in "suppressed" how many did not. */
#define sdm_log_limited(level, event, ...)                                                         \
    do {                                                                                           \
        static struct sdm_log_limit limit_of_place;                                                \
        int64_t n_suppressed_;                                                                     \
        if (sdm_log_limit_pass(&limit_of_place, g_get_monotonic_time(), &n_suppressed_)) {         \
            sdm_log_event((level), (event), sdm_log_int("suppressed", n_suppressed_),              \
                          ##__VA_ARGS__);                                                          \
        }                                                                                          \
    } while (0)

#define SDM_LOG_PER_SECOND 10

struct sdm_log_limit {
    _Atomic int64_t second;
    _Atomic int64_t n_in_second;
    _Atomic int64_t n_suppressed;
};

/* True when a line may be written at this time; '*n_suppressed' then counts those refused since
 * the last that passed. */
bool sdm_log_limit_pass(struct sdm_log_limit *limit, int64_t monotonic_us, int64_t *n_suppressed);

/* What the macros call; a field without key is skipped. */
void sdm_log_write(enum sdm_log_level level, const char *event, const struct sdm_log_field *fields,
                   size_t n_fields);
