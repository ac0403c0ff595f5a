#include "lib/svc/builtin.h"

#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/svc/log.h"

struct section {
    void (*fill)(void *user, struct sdm_json *status);
    void *user;
};

struct sdm_builtin {
    char *program;
    const struct sdm_conf *conf;
    struct sdm_metrics *metrics;
    const char *state;
    int64_t start_us;
    GArray *sections; /* struct section */
};

struct sdm_builtin *sdm_builtin_new(const char *program, const struct sdm_conf *conf,
                                    struct sdm_metrics *metrics)
{
    struct sdm_builtin *builtin = g_new0(struct sdm_builtin, 1);

    builtin->program = g_strdup(program);
    builtin->conf = conf;
    builtin->metrics = metrics;
    builtin->state = "starting";
    builtin->start_us = g_get_monotonic_time();
    builtin->sections = g_array_new(FALSE, FALSE, sizeof(struct section));
    return builtin;
}

void sdm_builtin_free(struct sdm_builtin *builtin)
{
    if (builtin == NULL) {
        return;
    }
    g_array_unref(builtin->sections);
    g_free(builtin->program);
    g_free(builtin);
}

void sdm_builtin_set_state(struct sdm_builtin *builtin, const char *state)
{
    builtin->state = state;
}

void sdm_builtin_add_status(struct sdm_builtin *builtin,
                            void (*fill)(void *user, struct sdm_json *status), void *user)
{
    const struct section section = {fill, user};

    g_array_append_val(builtin->sections, section);
}

static struct sdm_json *handle_status(void *user, const struct sdm_json *args, GError **error)
{
    const struct sdm_builtin *builtin = user;
    struct sdm_json *status = sdm_json_new_object();

    (void)args;
    (void)error;
    sdm_json_set_string(status, "program", builtin->program);
    sdm_json_set_string(status, "version", SDM_VERSION);
    sdm_json_set_string(status, "state", builtin->state);
    sdm_json_set_integer(status, "pid", getpid());
    sdm_json_set_integer(status, "uptime_ms", (g_get_monotonic_time() - builtin->start_us) / 1000);
    for (guint i = 0; i < builtin->sections->len; i++) {
        const struct section *section = &g_array_index(builtin->sections, struct section, i);

        section->fill(section->user, status);
    }
    return status;
}

static struct sdm_json *handle_config(void *user, const struct sdm_json *args, GError **error)
{
    const struct sdm_builtin *builtin = user;
    struct sdm_json *config = sdm_json_new_object();
    size_t n_settings = builtin->conf != NULL ? sdm_conf_get_n_settings(builtin->conf) : 0;

    (void)args;
    (void)error;
    for (size_t i = 0; i < n_settings; i++) {
        struct sdm_conf_setting setting = sdm_conf_get_setting(builtin->conf, i);
        struct sdm_json *row = sdm_json_set_object(config, setting.option->name);
        g_autofree char *range = sdm_conf_describe_range(setting.option);

        sdm_json_set_string(row, "value", setting.value);
        sdm_json_set_string(row, "source", sdm_conf_source_name(setting.source));
        sdm_json_set_string(row, "default", setting.option->fallback);
        sdm_json_set_string(row, "unit", setting.option->unit);
        sdm_json_set_string(row, "range", range);
        sdm_json_set_string(row, "text", setting.option->text);
    }
    return config;
}

/* With "level" sets the level; says which it is either way. */
static struct sdm_json *handle_log(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *result;
    const char *level;

    (void)user;
    if (sdm_json_member(args, "level") != NULL &&
        (!sdm_json_get_string(args, "level", &level, error) ||
         !sdm_log_set_level_by_name(level, error))) {
        return NULL;
    }
    result = sdm_json_new_object();
    sdm_json_set_string(result, "level", sdm_log_level_names[sdm_log_get_level()]);
    return result;
}

static struct sdm_json *handle_metrics(void *user, const struct sdm_json *args, GError **error)
{
    const struct sdm_builtin *builtin = user;
    struct sdm_json *result = sdm_json_new_object();
    g_autofree char *text = sdm_metrics_render(builtin->metrics);

    (void)args;
    (void)error;
    sdm_json_set_string(result, "text", text);
    return result;
}

/* With "arm" arms these points instead of those that were, with "sabotage" these mistakes; says how
 * many points wait for their turn. */
static struct sdm_json *handle_fault_points(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *result;
    const char *list;

    (void)user;
    if (sdm_json_member(args, "arm") != NULL) {
        if (!sdm_json_get_string(args, "arm", &list, error)) {
            return NULL;
        }
        sdm_fault_disarm();
        if (!sdm_fault_arm(list, error)) {
            return NULL;
        }
    }
    if (sdm_json_member(args, "sabotage") != NULL &&
        (!sdm_json_get_string(args, "sabotage", &list, error) || !sdm_sabotage_arm(list, error))) {
        return NULL;
    }
    result = sdm_json_new_object();
    sdm_json_set_integer(result, "n_armed", sdm_fault_n_armed());
    return result;
}

const struct sdm_control_command sdm_builtin_commands[] = {
    {"status", "state, version and time since the start", handle_status},
    {"config", "every option, its value and where it came from", handle_config},
    {"log", "the log level; args {\"level\":\"debug\"} sets it", handle_log},
    {"metrics", "counters as Prometheus text", handle_metrics},
    {"fault-points", "points armed; args {\"arm\":\"NAME=crash\"} arms them (fault builds only)",
     handle_fault_points},
};

const size_t sdm_builtin_n_commands = G_N_ELEMENTS(sdm_builtin_commands);
