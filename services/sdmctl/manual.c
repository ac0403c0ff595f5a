/* The manual page, from the same tables as --help. */
#include "sdmctl/help.h"

#include <string.h>

#include "lib/conf/conf.h"
#include "sdmctl/args.h"

static const char head[] =
    ".\\\" Made by 'sdmctl --document=man'; the tables are in services/sdmctl.\n"
    ".TH SDMCTL 1 \"\" \"sdm\" \"SDM\"\n"
    ".SH NAME\n"
    "sdmctl \\- operates the control plane of disaggregated memory\n"
    ".SH SYNOPSIS\n"
    ".B sdmctl\n"
    "[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n"
    ".SH DESCRIPTION\n"
    ".B sdmctl\n"
    "sends requests to sdm\\-controller over the broker and shows the replies: as tables for "
    "people,\n"
    "with\n"
    ".B \\-\\-json\n"
    "as they came, one a line, for programs.\n"
    "Options may stand before, between and behind the words of a command.\n"
    ".PP\n"
    "Sizes are written 134217728, 512MiB or 1.5GiB (powers of 1024); durations 500ms, 90s, 2h or\n"
    "1h30m, without a unit seconds.\n"
    ".PP\n"
    "Every request that changes something carries an idempotency key, a random one unless\n"
    ".B \\-\\-key\n"
    "gives it.\n"
    "After a lost connection, or when the controller says INTERNAL,\n"
    ".B sdmctl\n"
    "repeats the request with its key a few times; when that is in vain, it prints the command "
    "line\n"
    "that repeats it safely.\n";

static const char tail[] =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nThe request was carried out.\n"
    ".TP\n.B 1\nThe controller (or the daemon asked by ctl) refused it; nothing has changed.\n"
    ".TP\n.B 2\nWrong usage, or an input file that cannot be read; nothing was sent.\n"
    ".TP\n.B 3\nThe broker or the controller is away, the wait level was not reached in time, or\n"
    "the outcome is unknown: repeat it with the same key.\n"
    ".TP\n.B 4\nThe audit log was tampered with; the standard output says where.\n"
    ".TP\n.B 5\nThe queue of requests is full: the broker did not take it, and nothing was done.\n"
    ".SH ENVIRONMENT\n"
    "Each option of sdmctl itself is read from a variable, too: SDM_BROKER, SDM_BROKER_CA_FILE,\n"
    "SDM_TOKEN_FILE, SDM_REPLY_TIMEOUT, SDM_JSON, SDM_VERBOSE, SDM_ASCII, SDM_COLOR; SDM_CONFIG "
    "names\n"
    "a file with a group [sdmctl].\n"
    "COLUMNS, TERM and NO_COLOR act as elsewhere.\n"
    ".SH SEE ALSO\n"
    "docs/PROTOCOL.md for the messages, their members and the codes of refusals.\n";

/* '-' is a hyphen unless it is escaped; '\' and a leading '.' or ''' are commands. */
static void append_text(GString *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-') {
            g_string_append(out, "\\-");
        } else if (*c == '\\') {
            g_string_append(out, "\\e");
        } else if ((*c == '.' || *c == '\'') && (c == text || c[-1] == '\n')) {
            g_string_append_printf(out, "\\&%c", *c);
        } else {
            g_string_append_c(out, *c);
        }
    }
}

static void append_command(GString *out, const struct sdm_ctl_command *command)
{
    g_autofree char *usage = sdm_ctl_usage_line(command);

    g_string_append(out, ".SS ");
    append_text(out, usage);
    g_string_append_c(out, '\n');
    append_text(out, command->summary);
    g_string_append(out, ".\n");
    if (command->details != NULL) {
        append_text(out, command->details);
        g_string_append_c(out, '\n');
    }
    for (size_t i = 0; i < command->n_uses; i++) {
        g_autofree char *name = sdm_ctl_usage_of(&command->uses[i]);
        g_autofree char *text = sdm_ctl_describe(&command->uses[i]);

        g_string_append(out, ".TP\n.B ");
        append_text(out, name);
        g_string_append_c(out, '\n');
        append_text(out, text);
        g_string_append_c(out, '\n');
    }
    g_string_append(out, ".PP\nExamples:\n.PP\n.nf\n");
    for (size_t i = 0; i < G_N_ELEMENTS(command->examples) && command->examples[i] != NULL; i++) {
        g_string_append(out, "    ");
        append_text(out, command->examples[i]);
        g_string_append_c(out, '\n');
    }
    g_string_append(out, ".fi\n");
}

char *sdm_ctl_manual(void)
{
    GString *out = g_string_new(head);
    g_autofree char *options = sdm_conf_describe(&sdm_ctl_globals_table, NULL, SDM_CONF_PRINT_MAN);

    g_string_append(out, options);
    g_string_append(out, ".SH COMMANDS\n");
    for (size_t i = 0; i < sdm_ctl_n_commands; i++) {
        append_command(out, &sdm_ctl_commands[i]);
    }
    g_string_append(out, tail);
    return g_string_free(out, FALSE);
}
