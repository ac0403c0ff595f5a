/* The words of a command line: options of sdmctl itself anywhere, one command, its own options and
 * arguments in any order.
 *
 * Thread rule: the main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/amqp/options.h"
#include "lib/conf/conf.h"
#include "sdmctl/command.h"

/* Options of sdmctl itself, from file, environment and arguments. */
struct sdm_ctl_globals {
    struct sdm_amqp_options broker;
    char *token;
    char *reply_timeout;
    char *color;
    bool json;
    bool verbose;
    bool ascii;
};

extern const struct sdm_conf_table sdm_ctl_globals_table;

/* A command line taken apart. */
struct sdm_ctl_line {
    const struct sdm_ctl_command *command; /* NULL when none is named */
    char *unknown;                         /* the words that should have named one, or NULL */
    GPtrArray *globals;                    /* a NULL-terminated argv each */
    GPtrArray *options;
    GPtrArray *arguments;
};

/* Takes 'argv' apart, argv[0] skipped; never fails: what is wrong shows when the parts are read. */
void sdm_ctl_line_init(struct sdm_ctl_line *line, int argc, char *const *argv);
void sdm_ctl_line_done(struct sdm_ctl_line *line);

/* Reads the command's own part into 'args' (sdm_ctl_args_done()).  'want_help' receives whether
 * --help is among it.  SDM_CTL_USAGE for an option that the command does not have, a value that is
 * none, arguments too many or too few. */
bool sdm_ctl_args_read(const struct sdm_ctl_line *line, struct sdm_ctl_args *args, GError **error);
