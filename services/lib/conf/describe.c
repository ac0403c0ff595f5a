/* What the option table says of itself: help, settings, manual. */
#include "lib/conf/conf.h"

#include <inttypes.h>
#include <string.h>

const char *sdm_conf_source_name(enum sdm_conf_source source)
{
    static const char *const names[] = {"default", "file", "environment", "argument"};

    return names[source];
}

char *sdm_conf_describe_range(const struct sdm_conf_option *option)
{
    switch (option->kind) {
    case SDM_CONF_STRING:
        return option->words != NULL ? g_strjoinv(", ", (char **)option->words) : g_strdup("text");
    case SDM_CONF_PATH:
        return g_strdup("path");
    case SDM_CONF_URI:
        return g_strdup("URI");
    case SDM_CONF_BOOL:
        return g_strdup("yes or no");
    case SDM_CONF_SECRET_FILE:
        return g_strdup("file of mode 0600");
    case SDM_CONF_INT:
        break;
    }
    return g_strdup_printf("%" PRId64 " to %" PRId64, option->min, option->max);
}

/* "1 to 65535 ms; default 500" */
static char *describe_domain(const struct sdm_conf_option *option)
{
    g_autofree char *range = sdm_conf_describe_range(option);

    return g_strdup_printf("%s%s%s; default %s", range, option->unit != NULL ? " " : "",
                           option->unit != NULL ? option->unit : "",
                           option->fallback != NULL ? option->fallback : "none");
}

static const struct {
    const char *usage;
    const char *text;
    bool of_file;
} general[] = {
    {"-h, --help", "show this text and end", false},
    {"--version", "show the version and end", false},
    {"--config=FILE", "read options from FILE (also SDM_CONFIG)", true},
    {"--print-config", "show every option with unit, range, default, value and source", true},
};

static void append_help_row(GString *out, const char *usage, const char *text)
{
    g_string_append_printf(out, "  %-28s %s\n", usage, text);
}

static char *describe_help(const struct sdm_conf_table *table)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "Usage: %s [OPTION...]%s%s\n\n%s.\n\nOptions:\n", table->program,
                           table->arguments != NULL ? " " : "",
                           table->arguments != NULL ? table->arguments : "", table->summary);
    for (size_t i = 0; i < G_N_ELEMENTS(general); i++) {
        if (!general[i].of_file || !table->no_file) {
            append_help_row(out, general[i].usage, general[i].text);
        }
    }
    for (size_t i = 0; i < table->n_options; i++) {
        const struct sdm_conf_option *option = &table->options[i];
        const char letter[] = {'-', option->letter, ',', ' ', '\0'};
        g_autofree char *usage = g_strconcat(option->letter != 0 ? letter : "", "--", option->name,
                                             option->kind == SDM_CONF_BOOL ? "" : "=VALUE", NULL);
        g_autofree char *domain = describe_domain(option);
        g_autofree char *text = g_strdup_printf("%s (%s)", option->text, domain);

        append_help_row(out, usage, text);
    }
    if (table->epilogue != NULL) {
        g_string_append_printf(out, "\n%s\n", table->epilogue);
    }
    return g_string_free(out, FALSE);
}

/* A file that --config reads back, each option under the comment that explains it. */
static char *describe_config(const struct sdm_conf_table *table, const struct sdm_conf *conf)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "[%s]\n", table->program);
    for (size_t i = 0; i < sdm_conf_get_n_settings(conf); i++) {
        struct sdm_conf_setting setting = sdm_conf_get_setting(conf, i);
        g_autofree char *domain = describe_domain(setting.option);

        /* A default stays a comment, so that a later version may choose a better one. */
        g_string_append_printf(out, "\n# %s\n# %s; source %s\n%s%s=%s\n", setting.option->text,
                               domain, sdm_conf_source_name(setting.source),
                               setting.source == SDM_CONF_DEFAULT ? "# " : "", setting.option->name,
                               setting.value);
    }
    return g_string_free(out, FALSE);
}

/* In a manual '-' is a hyphen unless it is escaped, and '\' and a leading '.' are commands. */
static void append_man_text(GString *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-') {
            g_string_append(out, "\\-");
        } else if (*c == '\\') {
            g_string_append(out, "\\e");
        } else if (*c == '.' && (c == text || c[-1] == '\n')) {
            g_string_append(out, "\\&.");
        } else {
            g_string_append_c(out, *c);
        }
    }
}

static void append_man_row(GString *out, const char *usage, const char *text)
{
    g_string_append(out, ".TP\n.B ");
    append_man_text(out, usage);
    g_string_append_c(out, '\n');
    append_man_text(out, text);
    g_string_append_c(out, '\n');
}

static char *describe_man(const struct sdm_conf_table *table)
{
    GString *out = g_string_new(".SH OPTIONS\n");

    for (size_t i = 0; i < G_N_ELEMENTS(general); i++) {
        if (!general[i].of_file || !table->no_file) {
            append_man_row(out, general[i].usage, general[i].text);
        }
    }
    for (size_t i = 0; i < table->n_options; i++) {
        const struct sdm_conf_option *option = &table->options[i];
        g_autofree char *usage =
            g_strconcat("--", option->name, option->kind == SDM_CONF_BOOL ? "" : "=VALUE", NULL);
        g_autofree char *domain = describe_domain(option);
        g_autofree char *text = g_strdup_printf("%s (%s).", option->text, domain);

        append_man_row(out, usage, text);
    }
    return g_string_free(out, FALSE);
}

static char *describe_markdown(const struct sdm_conf_table *table)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out,
                           "## %s\n\n%s.\n\n| option | unit | range | default | text |\n"
                           "| --- | --- | --- | --- | --- |\n",
                           table->program, table->summary);
    for (size_t i = 0; i < table->n_options; i++) {
        const struct sdm_conf_option *option = &table->options[i];
        g_autofree char *range = sdm_conf_describe_range(option);

        g_string_append_printf(out, "| `%s` | %s | %s | %s%s%s | %s |\n", option->name,
                               option->unit != NULL ? option->unit : "", range,
                               option->fallback != NULL ? "`" : "",
                               option->fallback != NULL ? option->fallback : "",
                               option->fallback != NULL ? "`" : "", option->text);
    }
    return g_string_free(out, FALSE);
}

char *sdm_conf_describe(const struct sdm_conf_table *table, const struct sdm_conf *conf,
                        enum sdm_conf_print print)
{
    switch (print) {
    case SDM_CONF_PRINT_NOTHING:
        break;
    case SDM_CONF_PRINT_HELP:
        return describe_help(table);
    case SDM_CONF_PRINT_VERSION:
        return g_strdup_printf("%s %s\n", table->program, SDM_VERSION);
    case SDM_CONF_PRINT_CONFIG:
        return describe_config(table, conf);
    case SDM_CONF_PRINT_MAN:
        return describe_man(table);
    case SDM_CONF_PRINT_MARKDOWN:
        return describe_markdown(table);
    }
    return g_strdup("");
}
