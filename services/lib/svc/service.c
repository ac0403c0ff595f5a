#include "lib/svc/service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>
#include <systemd/sd-daemon.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/svc/builtin.h"
#include "lib/svc/mailbox.h"

struct hook {
    void (*call)(void *user);
    void *user;
};

struct posted {
    struct sdm_mail mail; /* first */
    struct hook hook;
};

struct sdm_service {
    char *pid_file;
    GMainLoop *loop;
    struct sdm_mailbox *mailbox;
    struct sdm_metrics *metrics;
    struct sdm_health *health;
    struct sdm_control *control;
    struct sdm_builtin *builtin;
    GArray *reload_hooks; /* struct hook */
    GArray *stop_hooks;   /* struct hook */
    GArray *sources;      /* guint, of the service's own watches */
    int exit_status;
    bool is_stopping;
};

static void run_posted(struct sdm_service *service)
{
    struct sdm_mail *mail = sdm_mailbox_take(service->mailbox);

    while (mail != NULL) {
        struct posted *posted = (struct posted *)mail;

        mail = mail->next;
        posted->hook.call(posted->hook.user);
        g_free(posted);
    }
}

static gboolean on_mail(gint fd, GIOCondition condition, gpointer data)
{
    struct sdm_service *service = data;

    (void)fd;
    (void)condition;
    sdm_mailbox_wake(service->mailbox);
    do {
        run_posted(service);
    } while (!sdm_mailbox_sleep(service->mailbox));
    return G_SOURCE_CONTINUE;
}

static void run_hooks(const GArray *hooks)
{
    for (guint i = 0; i < hooks->len; i++) {
        const struct hook *hook = &g_array_index(hooks, struct hook, i);

        hook->call(hook->user);
    }
}

/* On the main thread, whoever asked for it. */
static void begin_stop(struct sdm_service *service)
{
    if (service->is_stopping) {
        return;
    }
    service->is_stopping = true;
    sdm_builtin_set_state(service->builtin, "stopping");
    sdm_health_end(service->health, "stopping");
    sd_notify(0, "STOPPING=1");
    sdm_log_event(SDM_LOG_INFO, "stopping");
    run_hooks(service->stop_hooks);
    g_main_loop_quit(service->loop);
}

static gboolean on_stop_signal(gpointer data)
{
    begin_stop(data);
    return G_SOURCE_CONTINUE;
}

static gboolean on_hangup(gpointer data)
{
    struct sdm_service *service = data;
    g_autoptr(GError) error = NULL;

    if (!sdm_log_reopen(&error)) {
        sdm_log_event(SDM_LOG_ERROR, "log-not-reopened", sdm_log_gerror(error));
    }
    sdm_log_event(SDM_LOG_INFO, "reloading");
    run_hooks(service->reload_hooks);
    return G_SOURCE_CONTINUE;
}

static gboolean on_health_due(gpointer data)
{
    struct sdm_service *service = data;

    sdm_health_ask(service->health);
    return G_SOURCE_CONTINUE;
}

static gboolean on_watchdog(gpointer data)
{
    (void)data;
    sd_notify(0, "WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

static bool write_pid_file(struct sdm_service *service, const char *path, GError **error)
{
    g_autofree char *text = g_strdup_printf("%ld\n", (long)getpid());

    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error)) {
        return false;
    }
    service->pid_file = g_strdup(path);
    return true;
}

static void add_source(struct sdm_service *service, guint id)
{
    g_array_append_val(service->sources, id);
}

static void add_sources(struct sdm_service *service)
{
    static const int stop_signals[] = {SIGTERM, SIGINT};
    uint64_t watchdog_us = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < G_N_ELEMENTS(stop_signals); i++) {
        add_source(service, g_unix_signal_add(stop_signals[i], on_stop_signal, service));
    }
    add_source(service, g_unix_signal_add(SIGHUP, on_hangup, service));
    add_source(service,
               g_unix_fd_add(sdm_mailbox_get_fd(service->mailbox), G_IO_IN, on_mail, service));
    if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
        add_source(service, g_timeout_add((guint)(watchdog_us / 2000), on_watchdog, NULL));
    }
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool open_parts(struct sdm_service *service, const struct sdm_conf *conf,
                       const char *program, const struct sdm_service_options *options,
                       GError **error)
{
    const char *log_file = is_given(options->log_file) ? options->log_file : NULL;

    if (!sdm_fault_arm_from_environment(error) ||
        !sdm_log_open(program, log_file, SDM_LOG_INFO, error) ||
        !sdm_log_set_level_by_name(options->log_level, error)) {
        return false;
    }
    service->mailbox = sdm_mailbox_new(error);
    if (service->mailbox == NULL) {
        return false;
    }
    sdm_mailbox_sleep(service->mailbox);
    add_sources(service);
    if (is_given(options->control_socket)) {
        service->control = sdm_control_new(options->control_socket, error);
        if (service->control == NULL) {
            return false;
        }
    }
    service->builtin = sdm_builtin_new(program, conf, service->metrics);
    sdm_service_add_commands(service, sdm_builtin_commands, sdm_builtin_n_commands,
                             service->builtin);
    return !is_given(options->pid_file) || write_pid_file(service, options->pid_file, error);
}

struct sdm_service *sdm_service_new(const struct sdm_conf *conf, const char *program,
                                    const struct sdm_service_options *options, GError **error)
{
    g_autoptr(sdm_service) service = g_new0(struct sdm_service, 1);

    service->loop = g_main_loop_new(NULL, FALSE);
    service->metrics = sdm_metrics_new();
    service->health = sdm_health_new();
    service->reload_hooks = g_array_new(FALSE, FALSE, sizeof(struct hook));
    service->stop_hooks = g_array_new(FALSE, FALSE, sizeof(struct hook));
    service->sources = g_array_new(FALSE, FALSE, sizeof(guint));
    if (!open_parts(service, conf, program, options, error)) {
        return NULL;
    }
    return g_steal_pointer(&service);
}

void sdm_service_free(struct sdm_service *service)
{
    if (service == NULL) {
        return;
    }
    for (guint i = 0; i < service->sources->len; i++) {
        g_source_remove(g_array_index(service->sources, guint, i));
    }
    if (service->mailbox != NULL) {
        run_posted(service);
    }
    sdm_control_free(service->control);
    sdm_builtin_free(service->builtin);
    sdm_mailbox_free(service->mailbox);
    sdm_metrics_free(service->metrics);
    sdm_health_free(service->health);
    if (service->pid_file != NULL) {
        unlink(service->pid_file);
    }
    g_free(service->pid_file);
    g_array_unref(service->reload_hooks);
    g_array_unref(service->stop_hooks);
    g_array_unref(service->sources);
    g_main_loop_unref(service->loop);
    g_free(service);
}

struct sdm_metrics *sdm_service_get_metrics(struct sdm_service *service)
{
    return service->metrics;
}

struct sdm_health *sdm_service_get_health(struct sdm_service *service)
{
    return service->health;
}

void sdm_service_add_commands(struct sdm_service *service,
                              const struct sdm_control_command *commands, size_t n_commands,
                              void *user)
{
    if (service->control != NULL) {
        sdm_control_add(service->control, commands, n_commands, user);
    }
}

void sdm_service_add_status(struct sdm_service *service,
                            void (*fill)(void *user, struct sdm_json *status), void *user)
{
    sdm_builtin_add_status(service->builtin, fill, user);
}

void sdm_service_on_reload(struct sdm_service *service, void (*reload)(void *user), void *user)
{
    const struct hook hook = {reload, user};

    g_array_append_val(service->reload_hooks, hook);
}

void sdm_service_on_stop(struct sdm_service *service, void (*stop)(void *user), void *user)
{
    const struct hook hook = {stop, user};

    g_array_append_val(service->stop_hooks, hook);
}

int sdm_service_run(struct sdm_service *service)
{
    /* Something may have asked for a stop while the parts were made. */
    on_mail(-1, 0, service);
    if (!service->is_stopping) {
        sdm_builtin_set_state(service->builtin, "running");
        sdm_health_ask(service->health);
        add_source(service, g_timeout_add(SDM_HEALTH_INTERVAL_MS, on_health_due, service));
        sdm_log_event(SDM_LOG_INFO, "ready", sdm_log_text("version", SDM_VERSION));
        sd_notify(0, "READY=1");
        g_main_loop_run(service->loop);
    }
    sdm_log_event(SDM_LOG_INFO, "stopped", sdm_log_int("exit_status", service->exit_status));
    return service->exit_status;
}

struct stop_request {
    struct sdm_service *service;
    int exit_status;
};

static void stop_posted(void *user)
{
    g_autofree struct stop_request *request = user;

    if (request->service->exit_status == 0) {
        request->service->exit_status = request->exit_status;
    }
    begin_stop(request->service);
}

void sdm_service_stop(struct sdm_service *service, int exit_status)
{
    struct stop_request *request = g_new(struct stop_request, 1);

    *request = (struct stop_request){service, exit_status};
    sdm_service_post(service, stop_posted, request);
}

void sdm_service_post(struct sdm_service *service, void (*call)(void *user), void *user)
{
    struct posted *posted = g_new0(struct posted, 1);

    posted->hook = (struct hook){call, user};
    sdm_mailbox_post(service->mailbox, &posted->mail);
}

struct timer {
    bool (*tick)(void *user);
    void *user;
};

static gboolean on_timer(gpointer data)
{
    struct timer *timer = data;

    return timer->tick(timer->user) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

unsigned sdm_service_add_timer(struct sdm_service *service, unsigned interval_ms,
                               bool (*tick)(void *user), void *user)
{
    struct timer *timer = g_new0(struct timer, 1);

    (void)service;
    *timer = (struct timer){tick, user};
    return g_timeout_add_full(G_PRIORITY_DEFAULT, interval_ms, on_timer, timer, g_free);
}

struct watch {
    bool (*ready)(void *user, int fd, unsigned found);
    void *user;
};

static gboolean on_fd(gint fd, GIOCondition condition, gpointer data)
{
    struct watch *watch = data;
    unsigned found = 0;

    if ((condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) != 0) {
        found |= SDM_WATCH_IN;
    }
    if ((condition & G_IO_OUT) != 0) {
        found |= SDM_WATCH_OUT;
    }
    return watch->ready(watch->user, fd, found) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

unsigned sdm_service_add_fd(struct sdm_service *service, int fd, unsigned wanted,
                            bool (*ready)(void *user, int fd, unsigned found), void *user)
{
    struct watch *watch = g_new0(struct watch, 1);
    GIOCondition condition = G_IO_HUP | G_IO_ERR;

    (void)service;
    *watch = (struct watch){ready, user};
    if ((wanted & SDM_WATCH_IN) != 0) {
        condition |= G_IO_IN;
    }
    if ((wanted & SDM_WATCH_OUT) != 0) {
        condition |= G_IO_OUT;
    }
    return g_unix_fd_add_full(G_PRIORITY_DEFAULT, fd, condition, on_fd, watch, g_free);
}

void sdm_service_remove(struct sdm_service *service, unsigned id)
{
    (void)service;
    g_source_remove(id);
}
