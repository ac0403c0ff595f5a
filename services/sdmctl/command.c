#include "sdmctl/command.h"

#include <string.h>

G_DEFINE_QUARK(sdm - ctl - usage, sdm_ctl_usage)

GQuark sdm_ctl_tampered_quark(void)
{
    return g_quark_from_static_string("sdm-ctl-tampered");
}

bool sdm_ctl_usage(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (error != NULL) {
        *error = g_error_new_valist(SDM_CTL_USAGE, 0, format, arguments);
    }
    va_end(arguments);
    return false;
}

const struct sdm_ctl_command *sdm_ctl_find_command(const char *name)
{
    for (size_t i = 0; i < sdm_ctl_n_commands; i++) {
        if (strcmp(sdm_ctl_commands[i].name, name) == 0) {
            return &sdm_ctl_commands[i];
        }
    }
    return NULL;
}

bool sdm_ctl_is_group(const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i < sdm_ctl_n_commands; i++) {
        const char *name = sdm_ctl_commands[i].name;

        if (strncmp(name, word, length) == 0 && name[length] == ' ') {
            return true;
        }
    }
    return false;
}

static bool find_use(const struct sdm_ctl_args *args, const char *name, size_t *index)
{
    for (size_t i = 0; i < args->command->n_uses; i++) {
        if (strcmp(args->command->uses[i].parameter->name, name) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

const char *sdm_ctl_args_get(const struct sdm_ctl_args *args, const char *name)
{
    size_t index;

    return find_use(args, name, &index) ? args->values[index] : NULL;
}

void sdm_ctl_args_set(struct sdm_ctl_args *args, const char *name, const char *text)
{
    size_t index;

    if (find_use(args, name, &index)) {
        char *copy = g_strdup(text);

        g_free(args->values[index]);
        args->values[index] = copy;
    }
}

void sdm_ctl_args_done(struct sdm_ctl_args *args)
{
    for (size_t i = 0; i < SDM_CTL_MAX_USES; i++) {
        g_clear_pointer(&args->values[i], g_free);
    }
}
