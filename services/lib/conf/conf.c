#include "lib/conf/conf.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/conf/value.h"

struct setting {
    char *shown;
    enum sdm_conf_source source;
};

struct sdm_conf {
    const struct sdm_conf_table *table;
    void *values;
    struct setting *settings;
    size_t n_settings;
    char **arguments;
};

/* What the arguments say, gathered first, because --config among them names the file that they
 * overrule. */
struct given {
    struct sdm_conf *conf;
    GPtrArray *texts; /* of each option, or NULL */
    GPtrArray *names; /* of negated switches; GOption borrows them */
    char *config_file;
    gboolean help;
    gboolean version;
    gboolean print_config;
    char *document;
};

static bool find_option(const struct sdm_conf *conf, const char *name, size_t *index)
{
    for (size_t i = 0; i < conf->n_settings; i++) {
        if (strcmp(conf->table->options[i].name, name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static bool set_option(struct sdm_conf *conf, size_t index, const char *text,
                       enum sdm_conf_source source, GError **error)
{
    struct setting *setting = &conf->settings[index];

    if (!sdm_value_set(&conf->table->options[index], conf->values, text, &setting->shown, error)) {
        g_prefix_error(error, "%s: ", sdm_conf_source_name(source));
        return false;
    }
    setting->source = source;
    return true;
}

/* "--name", "-n" or "--no-name" as GOption calls it. */
static bool is_argument_of(const struct sdm_conf_option *option, const char *argument,
                           bool *negated)
{
    const char *name = argument + 2;

    *negated = false;
    if (argument[1] != '-') {
        return option->letter != 0 && argument[1] == option->letter;
    }
    if (strcmp(name, option->name) == 0) {
        return true;
    }
    *negated = option->kind == SDM_CONF_BOOL && g_str_has_prefix(name, "no-") &&
               strcmp(name + strlen("no-"), option->name) == 0;
    return *negated;
}

static gboolean take_argument(const char *argument, const char *value, gpointer data,
                              GError **error)
{
    struct given *given = data;
    bool negated = false;
    size_t i = 0;

    (void)error;
    while (!is_argument_of(&given->conf->table->options[i], argument, &negated)) {
        i++;
    }
    if (value == NULL) {
        value = negated ? "no" : "yes";
    }
    g_free(given->texts->pdata[i]);
    given->texts->pdata[i] = g_strdup(value);
    return TRUE;
}

static void add_entry(GOptionGroup *group, const char *name, char letter, bool has_value)
{
    const GOptionEntry entries[] = {
        {name, letter, has_value ? 0 : G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK,
         (gpointer)(void (*)(void))take_argument, "", NULL},
        {NULL},
    };

    g_option_group_add_entries(group, entries);
}

/* A switch takes no value, so that the word after it is never mistaken for one; its opposite has
 * a name of its own. */
static void add_option(struct given *given, GOptionGroup *group,
                       const struct sdm_conf_option *option)
{
    add_entry(group, option->name, option->letter, option->kind != SDM_CONF_BOOL);
    if (option->kind == SDM_CONF_BOOL) {
        char *negated = g_strconcat("no-", option->name, NULL);

        g_ptr_array_add(given->names, negated);
        add_entry(group, negated, 0, false);
    }
}

static GOptionContext *make_context(struct given *given)
{
    const struct sdm_conf_table *table = given->conf->table;
    GOptionContext *context = g_option_context_new(NULL);
    GOptionGroup *group = g_option_group_new("options", "", "", given, NULL);
    const GOptionEntry general[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &given->help, "", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &given->version, "", NULL},
        {NULL},
    };
    const GOptionEntry of_file[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &given->config_file, "", "FILE"},
        {"print-config", 0, 0, G_OPTION_ARG_NONE, &given->print_config, "", NULL},
        {"document", 0, 0, G_OPTION_ARG_STRING, &given->document, "", "man|markdown"},
        {NULL},
    };

    g_option_group_add_entries(group, general);
    if (!table->no_file) {
        g_option_group_add_entries(group, of_file);
    }
    for (size_t i = 0; i < given->conf->n_settings; i++) {
        add_option(given, group, &table->options[i]);
    }
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, TRUE);
    return context;
}

static bool parse_arguments(struct given *given, int argc, char *const *argv, GError **error)
{
    g_autoptr(GOptionContext) context = make_context(given);
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autoptr(GError) cause = NULL;
    g_auto(GStrv) words = NULL;
    char **rest;

    for (int i = 0; i < argc; i++) {
        g_strv_builder_add(builder, argv[i]);
    }
    words = g_strv_builder_end(builder);
    if (!g_option_context_parse_strv(context, &words, &cause)) {
        return sdm_refuse(error, SDM_ERROR_UNKNOWN_MEMBER, "%s", cause->message);
    }
    rest = words[0] != NULL ? words + 1 : words;
    if (*rest != NULL && strcmp(*rest, "--") == 0) {
        rest++;
    }
    if (*rest != NULL && given->conf->table->arguments == NULL) {
        return sdm_refuse(error, SDM_ERROR_UNKNOWN_MEMBER, "want no argument, found '%s'", *rest);
    }
    given->conf->arguments = g_strdupv(rest);
    return true;
}

static bool load_defaults(struct sdm_conf *conf, GError **error)
{
    for (size_t i = 0; i < conf->n_settings; i++) {
        const struct sdm_conf_option *option = &conf->table->options[i];

        if (option->fallback != NULL &&
            !set_option(conf, i, option->fallback, SDM_CONF_DEFAULT, error)) {
            return false;
        }
    }
    return true;
}

static bool load_key(struct sdm_conf *conf, GKeyFile *file, const char *key, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;
    size_t index;

    if (!find_option(conf, key, &index)) {
        return sdm_refuse(error, SDM_ERROR_UNKNOWN_MEMBER,
                          "%s has no option '%s' (--print-config lists them)", conf->table->program,
                          key);
    }
    text = g_key_file_get_string(file, conf->table->program, key, &cause);
    if (text == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s", cause->message);
    }
    return set_option(conf, index, text, SDM_CONF_FILE, error);
}

static bool load_groups(struct sdm_conf *conf, GKeyFile *file, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    g_auto(GStrv) keys = NULL;

    for (char **group = groups; *group != NULL; group++) {
        if (strcmp(*group, conf->table->program) != 0) {
            return sdm_refuse(error, SDM_ERROR_UNKNOWN_MEMBER, "want group [%s], found [%s]",
                              conf->table->program, *group);
        }
    }
    keys = g_key_file_get_keys(file, conf->table->program, NULL, NULL);
    for (char **key = keys; key != NULL && *key != NULL; key++) {
        if (!load_key(conf, file, *key, error)) {
            return false;
        }
    }
    return true;
}

static bool load_file(struct sdm_conf *conf, const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) cause = NULL;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &cause)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: %s", path, cause->message);
    }
    if (!load_groups(conf, file, error)) {
        g_prefix_error(error, "%s: ", path);
        return false;
    }
    return true;
}

/* "metrics-port" is SDM_METRICS_PORT. */
static const char *get_variable(char *const *environment, const char *name)
{
    g_autofree char *upper = g_ascii_strup(name, -1);
    g_autofree char *variable = g_strconcat("SDM_", g_strdelimit(upper, "-", '_'), NULL);

    return g_environ_getenv((char **)environment, variable);
}

static bool load_environment(struct sdm_conf *conf, char *const *environment, GError **error)
{
    for (size_t i = 0; i < conf->n_settings; i++) {
        const char *text = get_variable(environment, conf->table->options[i].name);

        if (text != NULL && !set_option(conf, i, text, SDM_CONF_ENVIRONMENT, error)) {
            return false;
        }
    }
    return true;
}

static bool load_given(struct sdm_conf *conf, const struct given *given, GError **error)
{
    for (size_t i = 0; i < conf->n_settings; i++) {
        const char *text = given->texts->pdata[i];

        if (text != NULL && !set_option(conf, i, text, SDM_CONF_ARGUMENT, error)) {
            return false;
        }
    }
    return true;
}

static bool load_sources(struct sdm_conf *conf, struct given *given, char *const *environment,
                         GError **error)
{
    if (!load_defaults(conf, error)) {
        return false;
    }
    if (!conf->table->no_file) {
        const char *path = given->config_file;

        if (path == NULL) {
            path = get_variable(environment, "config");
        }
        if ((path != NULL && !load_file(conf, path, error)) ||
            !load_environment(conf, environment, error)) {
            return false;
        }
    }
    return load_given(conf, given, error);
}

static bool choose_print(const struct given *given, enum sdm_conf_print *print, GError **error)
{
    *print = given->help           ? SDM_CONF_PRINT_HELP
             : given->version      ? SDM_CONF_PRINT_VERSION
             : given->print_config ? SDM_CONF_PRINT_CONFIG
                                   : SDM_CONF_PRINT_NOTHING;
    if (given->document == NULL) {
        return true;
    }
    if (strcmp(given->document, "man") == 0) {
        *print = SDM_CONF_PRINT_MAN;
    } else if (strcmp(given->document, "markdown") == 0) {
        *print = SDM_CONF_PRINT_MARKDOWN;
    } else {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "document: want man or markdown, found '%s'", given->document);
    }
    return true;
}

/* --help and its like answer also where the configuration is broken. */
static bool needs_values(enum sdm_conf_print print)
{
    return print == SDM_CONF_PRINT_NOTHING || print == SDM_CONF_PRINT_CONFIG;
}

struct sdm_conf *sdm_conf_load(const struct sdm_conf_table *table, int argc, char *const *argv,
                               char *const *environment, void *values, enum sdm_conf_print *print,
                               GError **error)
{
    g_autoptr(sdm_conf) conf = g_new0(struct sdm_conf, 1);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *config_file = NULL;
    g_autofree char *document = NULL;
    struct given given = {.conf = conf, .texts = texts, .names = names};
    enum sdm_conf_print wanted = SDM_CONF_PRINT_NOTHING;
    bool ok;

    conf->table = table;
    conf->values = values;
    conf->n_settings = table->n_options;
    conf->settings = g_new0(struct setting, conf->n_settings + 1);
    g_ptr_array_set_size(texts, (int)conf->n_settings);
    for (size_t i = 0; i < table->n_options; i++) {
        sdm_value_init(&table->options[i], values);
    }
    ok = parse_arguments(&given, argc, argv, error) && choose_print(&given, &wanted, error);
    config_file = given.config_file;
    document = given.document;
    if (!ok || (needs_values(wanted) && !load_sources(conf, &given, environment, error))) {
        return NULL;
    }
    *print = wanted;
    return g_steal_pointer(&conf);
}

void sdm_conf_free(struct sdm_conf *conf)
{
    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; i < conf->n_settings; i++) {
        sdm_value_clear(&conf->table->options[i], conf->values);
        g_free(conf->settings[i].shown);
    }
    g_free(conf->settings);
    g_strfreev(conf->arguments);
    g_free(conf);
}

struct sdm_conf *sdm_conf_start(const struct sdm_conf_table *table, int argc, char *const *argv,
                                void *values, int *exit_status)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_conf) conf = NULL;
    g_autofree char *text = NULL;
    enum sdm_conf_print print;

    conf = sdm_conf_load(table, argc, argv, environ, values, &print, &error);
    if (conf == NULL) {
        fprintf(stderr, "%s: %s\nTry '%s --help'.\n", table->program, error->message,
                table->program);
        *exit_status = 2;
        return NULL;
    }
    if (print == SDM_CONF_PRINT_NOTHING) {
        return g_steal_pointer(&conf);
    }
    text = sdm_conf_describe(table, conf, print);
    fputs(text, stdout);
    *exit_status = 0;
    return NULL;
}

char *const *sdm_conf_get_arguments(const struct sdm_conf *conf)
{
    return conf->arguments;
}

size_t sdm_conf_get_n_settings(const struct sdm_conf *conf)
{
    return conf->n_settings;
}

struct sdm_conf_setting sdm_conf_get_setting(const struct sdm_conf *conf, size_t index)
{
    const struct setting *setting = &conf->settings[index];

    g_assert(index < conf->n_settings);
    return (struct sdm_conf_setting){
        .option = &conf->table->options[index],
        .value = setting->shown != NULL ? setting->shown : "",
        .source = setting->source,
    };
}
