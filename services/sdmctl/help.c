#include "sdmctl/help.h"

#include <string.h>

#include "lib/conf/conf.h"
#include "sdmctl/args.h"

#define USAGE_COLUMNS 30
#define LINE_COLUMNS  96

char *sdm_ctl_usage_of(const struct sdm_ctl_use *use)
{
    const struct sdm_ctl_parameter *parameter = use->parameter;

    if (use->is_argument) {
        return g_strdup(parameter->placeholder);
    }
    if (parameter->kind == SDM_CTL_FLAG) {
        return g_strconcat("--", parameter->name, NULL);
    }
    return g_strconcat("--", parameter->name, "=", parameter->placeholder, NULL);
}

char *sdm_ctl_usage_line(const struct sdm_ctl_command *command)
{
    GString *line = g_string_new(command->name);
    bool has_options = false;

    for (size_t i = 0; i < command->n_uses; i++) {
        const struct sdm_ctl_use *use = &command->uses[i];

        if (use->is_argument) {
            g_string_append_printf(line, use->is_optional ? " [%s]" : " %s",
                                   use->parameter->placeholder);
        }
        has_options = has_options || !use->is_argument;
    }
    if (has_options) {
        g_string_append(line, " [OPTION...]");
    }
    return g_string_free(line, FALSE);
}

char *sdm_ctl_describe(const struct sdm_ctl_use *use)
{
    const struct sdm_ctl_parameter *parameter = use->parameter;
    GString *text = g_string_new(parameter->text);

    if (parameter->words != NULL) {
        g_autofree char *words = sdm_words_join(parameter->words);

        g_string_append_printf(text, " (%s)", words);
    }
    if (use->fallback != NULL) {
        g_string_append_printf(text, "; %s unless given", use->fallback);
    }
    return g_string_free(text, FALSE);
}

/* The text from column 'indent' on, broken between words; the line's begin is there already. */
static void append_wrapped(GString *out, const char *text, size_t indent)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ", -1);
    size_t column = indent;

    for (char **word = words; *word != NULL; word++) {
        if (column > indent && column + strlen(*word) >= LINE_COLUMNS) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        }
        g_string_append_printf(out, "%s%s", column > indent ? " " : "", *word);
        column += strlen(*word) + 1;
    }
    g_string_append_c(out, '\n');
}

static void append_row(GString *out, const char *left, const char *right)
{
    g_string_append_printf(out, "  %-*s", USAGE_COLUMNS - 2, left);
    if (strlen(left) > USAGE_COLUMNS - 4) {
        g_string_append_printf(out, "\n%*s", USAGE_COLUMNS, "");
    }
    append_wrapped(out, right, USAGE_COLUMNS);
}

static void append_uses(GString *out, const struct sdm_ctl_command *command, bool arguments,
                        const char *title)
{
    bool is_begun = false;

    for (size_t i = 0; i < command->n_uses; i++) {
        const struct sdm_ctl_use *use = &command->uses[i];
        g_autofree char *usage = NULL;
        g_autofree char *text = NULL;

        if (use->is_argument != arguments) {
            continue;
        }
        if (!is_begun) {
            g_string_append_printf(out, "\n%s:\n", title);
            is_begun = true;
        }
        usage = sdm_ctl_usage_of(use);
        text = sdm_ctl_describe(use);
        append_row(out, usage, text);
    }
}

char *sdm_ctl_help_command(const struct sdm_ctl_command *command)
{
    GString *out = g_string_new(NULL);
    g_autofree char *usage = sdm_ctl_usage_line(command);

    g_string_append_printf(out, "Usage: sdmctl %s\n\n%s.\n", usage, command->summary);
    if (command->details != NULL) {
        append_wrapped(out, command->details, 0);
    }
    append_uses(out, command, true, "Arguments");
    append_uses(out, command, false, "Options");
    g_string_append(out, "\nExamples:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(command->examples) && command->examples[i] != NULL; i++) {
        g_string_append_printf(out, "  %s\n", command->examples[i]);
    }
    g_string_append(out, "\n'sdmctl --help' lists the options that every command has.\n");
    return g_string_free(out, FALSE);
}

static void append_commands(GString *out, const char *prefix)
{
    for (size_t i = 0; i < sdm_ctl_n_commands; i++) {
        if (g_str_has_prefix(sdm_ctl_commands[i].name, prefix)) {
            append_row(out, sdm_ctl_commands[i].name, sdm_ctl_commands[i].summary);
        }
    }
}

char *sdm_ctl_help_group(const char *group)
{
    GString *out = g_string_new(NULL);
    g_autofree char *prefix = g_strconcat(group, " ", NULL);

    g_string_append_printf(out, "Usage: sdmctl %s COMMAND [ARGUMENT...]\n\nCommands:\n", group);
    append_commands(out, prefix);
    return g_string_free(out, FALSE);
}

char *sdm_ctl_help(void)
{
    GString *out = g_string_new("Usage: sdmctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
                                "Operates the control plane of disaggregated memory.\n\n"
                                "Commands ('sdmctl COMMAND --help' for each):\n");
    g_autofree char *options = sdm_conf_describe(&sdm_ctl_globals_table, NULL, SDM_CONF_PRINT_HELP);
    const char *rows = strstr(options, "Options:");

    append_commands(out, "");
    g_string_append_printf(out, "\n%s", rows);
    g_string_append(
        out, "\nOptions stand anywhere; each can be an environment variable (SDM_BROKER, "
             "SDM_TOKEN_FILE, ...)\nor a line under [sdmctl] in the file of --config.\n\n"
             "Exit status: 0 done; 1 refused by the controller; 2 wrong usage or input; 3 "
             "unavailable,\ntimed out, or outcome unknown: repeat with the same --key; 4 (audit "
             "verify) tampered with;\n5 the queue of requests is full, nothing was done.\n");
    return g_string_free(out, FALSE);
}
