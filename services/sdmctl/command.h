/* What a subcommand is: one row of a table, from which the parser, the request, --help, the manual
 * and the completion are made.
 *
 * Thread rule: tables are constant; arguments belong to the main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/wire/codec.h"
#include "lib/wire/words.h"

struct sdm_ctl;

/* How a parameter's text becomes a member of a request. */
enum sdm_ctl_kind {
    SDM_CTL_TEXT,         /* as it stands */
    SDM_CTL_LIST,         /* words joined by ',', or each on a line */
    SDM_CTL_FLAG,         /* an option without a value */
    SDM_CTL_WORD,         /* one of 'words' */
    SDM_CTL_SIZE,         /* "1GiB", in bytes */
    SDM_CTL_SECONDS,      /* "2h", in whole seconds */
    SDM_CTL_MILLISECONDS, /* "90s", in milliseconds */
    SDM_CTL_NUMBER,
    SDM_CTL_VM,   /* a UUID, or a name that is looked up */
    SDM_CTL_FILE, /* "-" is the standard input */
};

struct sdm_ctl_parameter {
    const char *name; /* "size": --size=SIZE as an option */
    enum sdm_ctl_kind kind;
    const struct sdm_words *words; /* of SDM_CTL_WORD */
    const char *placeholder;       /* "SIZE" */
    const char *text;              /* one fragment */
    const char *ids; /* completed from: "brick", "rack", "reservation", "vm" or NULL */
};

/* A parameter of one command. */
struct sdm_ctl_use {
    const struct sdm_ctl_parameter *parameter;
    /* Where its value goes: "request.size_bytes"; NULL: nowhere, the command reads it itself. */
    const char *member;
    /* As it would be given when it is absent; NULL for none. */
    const char *fallback;
    bool is_argument; /* a word at its place, not an option */
    bool is_optional; /* of an argument: may be absent */
    bool is_required; /* of an option: has to be there */
    bool is_rest;     /* of an argument: all words that follow, each on a line */
};

#define SDM_CTL_MAX_USES 20

/* One value a use, in the order of the command's uses; NULL when absent, "yes" of a given flag. */
struct sdm_ctl_args {
    const struct sdm_ctl_command *command;
    char *values[SDM_CTL_MAX_USES];
};

struct sdm_ctl_command {
    const char *name; /* "rack show" */
    const char *summary;
    const char *details; /* a paragraph for --help and the manual, or NULL */
    const struct sdm_ctl_use *uses;
    size_t n_uses;
    const char *type;              /* the request's, or NULL */
    const struct sdm_codec *reply; /* what the request's schema names as its reply */
    bool (*run)(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
    /* Prints the reply, a struct of that codec. */
    void (*print)(struct sdm_ctl *ctl, const void *reply);
    const char *examples[4];
};

extern const struct sdm_ctl_command sdm_ctl_commands[];
extern const size_t sdm_ctl_n_commands;

/* Mistakes in how sdmctl was called, or in a file that was given to it. */
#define SDM_CTL_USAGE sdm_ctl_usage_quark()
GQuark sdm_ctl_usage_quark(void);

/* Sets an SDM_CTL_USAGE error; returns false. */
bool sdm_ctl_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* The audit log is not what it was; what is wrong with it has been said. */
#define SDM_CTL_TAMPERED sdm_ctl_tampered_quark()
GQuark sdm_ctl_tampered_quark(void);

/* The command of that name ("rack show"), or NULL. */
const struct sdm_ctl_command *sdm_ctl_find_command(const char *name);
/* Is there a command of more words that begins with this one? */
bool sdm_ctl_is_group(const char *word);

/* The value of the parameter 'name', or NULL; also NULL when the command has no such parameter. */
const char *sdm_ctl_args_get(const struct sdm_ctl_args *args, const char *name);
/* Replaces it; 'text' is copied, NULL takes it away. */
void sdm_ctl_args_set(struct sdm_ctl_args *args, const char *name, const char *text);
void sdm_ctl_args_done(struct sdm_ctl_args *args);
