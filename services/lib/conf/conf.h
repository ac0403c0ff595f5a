/* One table of options to one struct: defaults, then file, then environment, then arguments; the
 * later wins.  The same table gives --help, --version, --print-config and the manual.
 *
 * A program declares a plain struct, a row a member, and calls sdm_conf_start() first in main():
 *
 *     struct config { char *broker; int64_t prefetch; bool quiet; };
 *     static const struct sdm_conf_option options[] = {
 *         {"broker", SDM_CONF_URI, .fallback = "amqp://127.0.0.1", .text = "where the broker is",
 *          .offset = offsetof(struct config, broker)},
 *         {"prefetch", SDM_CONF_INT, .unit = "messages", .fallback = "512", .min = 1, .max = 65535,
 *          .text = "unacknowledged deliveries", .offset = offsetof(struct config, prefetch)},
 *     };
 *
 * An option "metrics-port" is --metrics-port=N as an argument, SDM_METRICS_PORT in the environment
 * and metrics-port=N in the file, under a group named after the program.
 *
 * Thread rule: everything here belongs to the main thread, before others start; a loaded
 * 'struct sdm_conf' is immutable and may then be read from any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

enum sdm_conf_kind {
    SDM_CONF_STRING, /* char *; one of 'words' if the row has any */
    SDM_CONF_PATH,   /* char *; completed as a file name */
    SDM_CONF_URI,    /* char *; passwords in it are masked when it is printed */
    SDM_CONF_BOOL,   /* bool; yes, no, true, false, on, off, 1, 0; as arguments --name, --no-name */
    SDM_CONF_INT,    /* int64_t, 'min' to 'max'; K, M, G, T after it count in powers of 1024 */
    SDM_CONF_SECRET_FILE, /* char *: the first line of the named file, which only its owner may
                             read; printed is the name, never the content */
};

struct sdm_conf_option {
    const char *name; /* lower case, words joined by '-' */
    enum sdm_conf_kind kind;
    char letter;              /* -l as an argument, or 0 */
    const char *unit;         /* "ms", "bytes"; NULL for none */
    const char *fallback;     /* as it would stand in a file; NULL: NULL, false or 0 */
    int64_t min;              /* of SDM_CONF_INT */
    int64_t max;              /* of SDM_CONF_INT */
    const char *const *words; /* of SDM_CONF_STRING: NULL-terminated, or NULL for any */
    size_t offset;            /* of the member in the program's struct */
    const char *text;         /* one sentence without a full stop */
};

struct sdm_conf_table {
    const char *program; /* "sdm-controller"; names the group of the file too */
    const char *summary; /* one sentence: what the program is for */
    const struct sdm_conf_option *options;
    size_t n_options;
    /* What follows the options in the usage line, such as "COMMAND [ARG...]"; NULL refuses any.
     * Options end at the first word that is none. */
    const char *arguments;
    const char *epilogue; /* printed after the options by --help, such as examples; may be NULL */
    bool no_file;         /* no --config, --print-config nor environment: a sub-command's table */
};

enum sdm_conf_source { SDM_CONF_DEFAULT, SDM_CONF_FILE, SDM_CONF_ENVIRONMENT, SDM_CONF_ARGUMENT };

struct sdm_conf;
typedef struct sdm_conf sdm_conf;

/* Fills 'values', the program's struct, from all four sources.  'argv' is only read; argv[0] is
 * skipped.  Prints what --help, --version, --print-config or a mistake in the options asks for.
 *
 * Returns a new configuration (sdm_conf_free()), which owns the strings in 'values'; or NULL when
 * the program shall end with '*exit_status': 0 after printing, 2 after a mistake. */
struct sdm_conf *sdm_conf_start(const struct sdm_conf_table *table, int argc, char *const *argv,
                                void *values, int *exit_status);

/* What --help and its like ask for instead of running. */
enum sdm_conf_print {
    SDM_CONF_PRINT_NOTHING,
    SDM_CONF_PRINT_HELP,
    SDM_CONF_PRINT_VERSION,
    SDM_CONF_PRINT_CONFIG,
    SDM_CONF_PRINT_MAN,
    SDM_CONF_PRINT_MARKDOWN,
};

/* As sdm_conf_start(), but prints nothing: 'environ' is NULL-terminated NAME=VALUE as of
 * environ(7), '*print' says what shall be printed.  Members without a value are zeroed.
 *
 * Returns NULL with SDM_ERROR set:
 *   UNKNOWN_MEMBER  an option, key or group that the table does not have, or a stray argument;
 *   INVALID_VALUE   a value that is none of the kind, an unreadable file, a secret others can read;
 *   OUT_OF_RANGE    a number outside its range. */
struct sdm_conf *sdm_conf_load(const struct sdm_conf_table *table, int argc, char *const *argv,
                               char *const *environment, void *values, enum sdm_conf_print *print,
                               GError **error);
void sdm_conf_free(struct sdm_conf *conf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_conf, sdm_conf_free)

/* What came after the options: NULL-terminated, owned by 'conf'. */
char *const *sdm_conf_get_arguments(const struct sdm_conf *conf);

/* One option as --print-config and the control socket show it. */
struct sdm_conf_setting {
    const struct sdm_conf_option *option;
    const char *value; /* masked if it is a secret; "" for none; owned by 'conf' */
    enum sdm_conf_source source;
};

size_t sdm_conf_get_n_settings(const struct sdm_conf *conf);
/* 'index' is below sdm_conf_get_n_settings(). */
struct sdm_conf_setting sdm_conf_get_setting(const struct sdm_conf *conf, size_t index);

/* "default", "file", "environment" or "argument". */
const char *sdm_conf_source_name(enum sdm_conf_source source);

/* "1 to 65535", "info, debug", "yes or no": what the option accepts; the caller frees it. */
char *sdm_conf_describe_range(const struct sdm_conf_option *option);

/* The text that --help and its like print; 'conf' is needed for SDM_CONF_PRINT_CONFIG only.  The
 * caller frees it. */
char *sdm_conf_describe(const struct sdm_conf_table *table, const struct sdm_conf *conf,
                        enum sdm_conf_print print);
