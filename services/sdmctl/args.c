#include "sdmctl/args.h"

#include <string.h>

#include "lib/base/error.h"

static const char *const colours[] = {"auto", "always", "never", NULL};

static const struct sdm_conf_option globals[] = {
    SDM_AMQP_OPTIONS(struct sdm_ctl_globals, broker, "amqp://guest:guest@127.0.0.1:5672/%2f"),
    {"token-file", SDM_CONF_SECRET_FILE,
     .text = "file whose first line is the token to authenticate with",
     .offset = offsetof(struct sdm_ctl_globals, token)},
    {"reply-timeout", SDM_CONF_STRING, .fallback = "30s",
     .text = "how long to wait for a reply, beyond a request's own --timeout",
     .offset = offsetof(struct sdm_ctl_globals, reply_timeout)},
    {"json", SDM_CONF_BOOL, .letter = 'j',
     .text = "print each reply as the controller sent it, one a line",
     .offset = offsetof(struct sdm_ctl_globals, json)},
    {"verbose", SDM_CONF_BOOL, .letter = 'v',
     .text = "say on the standard error which requests go out, and their keys",
     .offset = offsetof(struct sdm_ctl_globals, verbose)},
    {"ascii", SDM_CONF_BOOL, .text = "draw with ASCII signs, also where the locale is UTF-8",
     .offset = offsetof(struct sdm_ctl_globals, ascii)},
    {"color", SDM_CONF_STRING, .fallback = "auto", .words = colours,
     .text = "colour the output; auto: on a terminal",
     .offset = offsetof(struct sdm_ctl_globals, color)},
};

const struct sdm_conf_table sdm_ctl_globals_table = {
    .program = "sdmctl",
    .summary = "Operates the control plane of disaggregated memory",
    .options = globals,
    .n_options = G_N_ELEMENTS(globals),
    .arguments = "COMMAND [ARGUMENT...]",
};

/* "--name=value", "--name" or "--no-name" against a name. */
static bool is_option(const char *word, const char *name)
{
    size_t length = strlen(name);

    word += 2;
    if (g_str_has_prefix(word, "no-") && strncmp(name, "no-", 3) != 0) {
        word += 3;
    }
    return strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == '=');
}

static bool is_global(const char *word, bool *takes_value)
{
    static const char *const plain[] = {"help", "version", "print-config"};
    static const char *const valued[] = {"config", "document"};

    *takes_value = false;
    if (word[1] != '-') {
        return strcmp(word, "-h") == 0 || strcmp(word, "-j") == 0 || strcmp(word, "-v") == 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(plain); i++) {
        if (is_option(word, plain[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(valued); i++) {
        *takes_value = true;
        if (is_option(word, valued[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(globals); i++) {
        *takes_value = globals[i].kind != SDM_CONF_BOOL;
        if (is_option(word, globals[i].name)) {
            return true;
        }
    }
    return false;
}

static bool takes_value(const struct sdm_ctl_command *command, const char *word)
{
    for (size_t i = 0; command != NULL && i < command->n_uses; i++) {
        const struct sdm_ctl_use *use = &command->uses[i];

        if (!use->is_argument && word[1] == '-' && is_option(word, use->parameter->name)) {
            return use->parameter->kind != SDM_CTL_FLAG;
        }
    }
    return false;
}

/* A word that is no option: of the command's name as long as that can be, then an argument. */
static void take_word(struct sdm_ctl_line *line, const char *word)
{
    g_autofree char *name = NULL;

    if (line->command != NULL) {
        g_ptr_array_add(line->arguments, g_strdup(word));
        return;
    }
    name = line->unknown != NULL ? g_strconcat(line->unknown, " ", word, NULL) : g_strdup(word);
    line->command = sdm_ctl_find_command(name);
    g_clear_pointer(&line->unknown, g_free);
    if (line->command == NULL) {
        line->unknown = g_steal_pointer(&name);
    }
}

void sdm_ctl_line_init(struct sdm_ctl_line *line, int argc, char *const *argv)
{
    *line = (struct sdm_ctl_line){
        .globals = g_ptr_array_new_with_free_func(g_free),
        .options = g_ptr_array_new_with_free_func(g_free),
        .arguments = g_ptr_array_new_with_free_func(g_free),
    };
    g_ptr_array_add(line->globals, g_strdup("sdmctl"));
    g_ptr_array_add(line->options, g_strdup("sdmctl"));
    for (int i = 1; i < argc; i++) {
        bool has_value = false;
        GPtrArray *part;

        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc) {
                take_word(line, argv[i]);
            }
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            take_word(line, argv[i]);
            continue;
        }
        part = is_global(argv[i], &has_value) ? line->globals : line->options;
        if (part == line->options) {
            has_value = takes_value(line->command, argv[i]);
        }
        g_ptr_array_add(part, g_strdup(argv[i]));
        if (has_value && strchr(argv[i], '=') == NULL && i + 1 < argc) {
            g_ptr_array_add(part, g_strdup(argv[++i]));
        }
    }
    g_ptr_array_add(line->globals, NULL);
    g_ptr_array_add(line->options, NULL);
}

void sdm_ctl_line_done(struct sdm_ctl_line *line)
{
    g_free(line->unknown);
    g_ptr_array_unref(line->globals);
    g_ptr_array_unref(line->options);
    g_ptr_array_unref(line->arguments);
}

/* What lib/conf fills: the option of use i into texts[i] or flags[i]. */
struct found {
    char *texts[SDM_CTL_MAX_USES];
    bool flags[SDM_CTL_MAX_USES];
};

/* The words of the set and NULL, as lib/conf wants them. */
static const char **copy_words(const struct sdm_words *words)
{
    const char **copy;

    if (words == NULL) {
        return NULL;
    }
    copy = g_new0(const char *, words->n_words + 1);
    for (size_t i = 0; i < words->n_words; i++) {
        copy[i] = words->words[i];
    }
    return copy;
}

static void free_options(GArray *options)
{
    for (guint i = 0; i < options->len; i++) {
        g_free((void *)g_array_index(options, struct sdm_conf_option, i).words);
    }
    g_array_unref(options);
}

static GArray *make_options(const struct sdm_ctl_command *command)
{
    GArray *options = g_array_new(FALSE, TRUE, sizeof(struct sdm_conf_option));

    for (size_t i = 0; i < command->n_uses; i++) {
        const struct sdm_ctl_parameter *parameter = command->uses[i].parameter;
        bool is_flag = parameter->kind == SDM_CTL_FLAG;
        struct sdm_conf_option option = {
            .name = parameter->name,
            .kind = is_flag ? SDM_CONF_BOOL : SDM_CONF_STRING,
            .fallback = command->uses[i].fallback,
            .text = parameter->text,
            .offset = is_flag ? offsetof(struct found, flags) + i * sizeof(bool)
                              : offsetof(struct found, texts) + i * sizeof(char *),
        };

        if (!command->uses[i].is_argument) {
            option.words = copy_words(parameter->words);
            g_array_append_val(options, option);
        }
    }
    return options;
}

static bool read_options(const struct sdm_ctl_line *line, struct sdm_ctl_args *args, GError **error)
{
    GArray *options = make_options(line->command);
    const struct sdm_conf_table table = {
        .program = "sdmctl",
        .options = (const struct sdm_conf_option *)(void *)options->data,
        .n_options = options->len,
        .no_file = true,
    };
    struct found found = {0};
    enum sdm_conf_print print;
    g_autoptr(GError) cause = NULL;
    struct sdm_conf *conf;

    conf = sdm_conf_load(&table, (int)line->options->len - 1, (char **)line->options->pdata, NULL,
                         &found, &print, &cause);
    for (size_t i = 0; conf != NULL && i < line->command->n_uses; i++) {
        if (line->command->uses[i].is_argument) {
            continue;
        }
        args->values[i] = found.flags[i] ? g_strdup("yes") : g_strdup(found.texts[i]);
    }
    sdm_conf_free(conf);
    free_options(options);
    if (conf == NULL) {
        return sdm_ctl_usage(error, "%s", cause->message);
    }
    return true;
}

static bool check_required(const struct sdm_ctl_args *args, GError **error)
{
    for (size_t i = 0; i < args->command->n_uses; i++) {
        const struct sdm_ctl_use *use = &args->command->uses[i];

        if (use->is_required && args->values[i] == NULL) {
            return sdm_ctl_usage(error, "want --%s=%s: %s", use->parameter->name,
                                 use->parameter->placeholder, use->parameter->text);
        }
    }
    return true;
}

static char *join_rest(const struct sdm_ctl_line *line, size_t first)
{
    GString *text = g_string_new(NULL);

    for (size_t i = first; i < line->arguments->len; i++) {
        g_string_append_printf(text, "%s%s", i > first ? "\n" : "",
                               (const char *)line->arguments->pdata[i]);
    }
    return g_string_free(text, FALSE);
}

static bool read_arguments(const struct sdm_ctl_line *line, struct sdm_ctl_args *args,
                           GError **error)
{
    size_t n_taken = 0;

    for (size_t i = 0; i < line->command->n_uses; i++) {
        const struct sdm_ctl_use *use = &line->command->uses[i];

        if (!use->is_argument) {
            continue;
        }
        if (n_taken == line->arguments->len) {
            if (!use->is_optional) {
                return sdm_ctl_usage(error, "want %s: %s", use->parameter->placeholder,
                                     use->parameter->text);
            }
            continue;
        }
        if (use->is_rest) {
            args->values[i] = join_rest(line, n_taken);
            n_taken = line->arguments->len;
        } else {
            args->values[i] = g_strdup(line->arguments->pdata[n_taken++]);
        }
    }
    if (n_taken < line->arguments->len) {
        return sdm_ctl_usage(error, "want no further argument, found '%s'",
                             (const char *)line->arguments->pdata[n_taken]);
    }
    return true;
}

bool sdm_ctl_args_read(const struct sdm_ctl_line *line, struct sdm_ctl_args *args, GError **error)
{
    *args = (struct sdm_ctl_args){.command = line->command};
    g_assert(line->command->n_uses <= SDM_CTL_MAX_USES);
    return read_options(line, args, error) && read_arguments(line, args, error) &&
           check_required(args, error);
}
