#include <criterion/criterion.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/svc/service.h"

struct config {
    struct sdm_service_options service;
    char *broker;
};

static const struct sdm_conf_option options[] = {
    SDM_SERVICE_OPTIONS(struct config, service, "", "0"),
    {"broker", SDM_CONF_URI, .fallback = "amqp://u:hunter2@127.0.0.1", .text = "the broker",
     .offset = offsetof(struct config, broker)},
};

static const struct sdm_conf_table table = {
    .program = "sdm-test",
    .summary = "Is tested",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
};

static char *folder;
static char *socket_path;
static char *pid_path;
static char *log_path;
static struct config config;
static struct sdm_conf *conf;
static struct sdm_service *service;

static void setup(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *of_socket = NULL;
    g_autofree char *of_pid = NULL;
    g_autofree char *of_log = NULL;
    char *argv[4] = {"sdm-test"};
    char *environment[] = {NULL};
    enum sdm_conf_print print;

    folder = g_dir_make_tmp("sdm-service-XXXXXX", NULL);
    socket_path = g_build_filename(folder, "socket", NULL);
    pid_path = g_build_filename(folder, "pid", NULL);
    log_path = g_build_filename(folder, "log", NULL);
    argv[1] = of_socket = g_strconcat("--control-socket=", socket_path, NULL);
    argv[2] = of_pid = g_strconcat("--pid-file=", pid_path, NULL);
    argv[3] = of_log = g_strconcat("--log-file=", log_path, NULL);
    conf = sdm_conf_load(&table, 4, argv, environment, &config, &print, &error);
    cr_assert_not_null(conf, "%s", error ? error->message : "");
    service = sdm_service_new(conf, "sdm-test", &config.service, &error);
    cr_assert_not_null(service, "%s", error ? error->message : "");
}

static void teardown(void)
{
    sdm_service_free(service);
    cr_assert_neq(access(pid_path, F_OK), 0, "the pid file stayed");
    sdm_conf_free(conf);
    unlink(log_path);
    rmdir(folder);
    g_free(folder);
    g_free(socket_path);
    g_free(pid_path);
    g_free(log_path);
}

TestSuite(service, .init = setup, .fini = teardown, .timeout = 30);

static bool raise_signal(void *user)
{
    raise(*(const int *)user);
    return false;
}

static int n_hooks;

static void count_hook(void *user)
{
    (void)user;
    n_hooks++;
}

Test(service, signals_end_it_cleanly)
{
    static const int number = SIGTERM;

    sdm_service_on_stop(service, count_hook, NULL);
    sdm_service_add_timer(service, 1, raise_signal, (void *)&number);
    cr_assert_eq(sdm_service_run(service), 0);
    cr_assert_eq(n_hooks, 1);
}

static void stop_now(void *user)
{
    (void)user;
    n_hooks++;
    sdm_service_stop(service, 3);
}

Test(service, hangup_reloads_and_reopens_the_log)
{
    static const int number = SIGHUP;
    g_autofree char *moved = g_strconcat(log_path, ".1", NULL);
    g_autofree char *text = NULL;

    cr_assert_eq(rename(log_path, moved), 0);
    unlink(moved);
    sdm_service_on_reload(service, stop_now, NULL);
    sdm_service_add_timer(service, 1, raise_signal, (void *)&number);
    cr_assert_eq(sdm_service_run(service), 3);
    cr_assert_eq(n_hooks, 1);
    cr_assert(g_file_get_contents(log_path, &text, NULL, NULL));
    cr_assert_not_null(strstr(text, "\"event\":\"reloading\""), "%s", text);
}

Test(service, a_stop_before_the_run_counts)
{
    sdm_service_stop(service, 5);
    sdm_service_stop(service, 6);
    cr_assert_eq(sdm_service_run(service), 5);
}

static int n_posted;

static void count_posted(void *user)
{
    n_posted++;
    cr_assert_eq(g_thread_self(), user, "not on the main thread");
    if (n_posted == 1000) {
        sdm_service_stop(service, 0);
    }
}

static gpointer post_many(gpointer data)
{
    for (int i = 0; i < 1000; i++) {
        sdm_service_post(service, count_posted, data);
        if (i % 100 == 0) {
            g_usleep(500);
        }
    }
    return NULL;
}

Test(service, calls_are_posted_to_the_main_thread)
{
    GThread *thread = g_thread_new("poster", post_many, g_thread_self());

    cr_assert_eq(sdm_service_run(service), 0);
    g_thread_join(thread);
    cr_assert_eq(n_posted, 1000);
}

static bool read_pipe(void *user, int fd, unsigned found)
{
    char byte;

    (void)user;
    cr_assert_eq(found, SDM_WATCH_IN);
    cr_assert_eq(read(fd, &byte, 1), 1);
    sdm_service_stop(service, byte);
    return false;
}

Test(service, descriptors_are_watched)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    sdm_service_add_fd(service, ends[0], SDM_WATCH_IN, read_pipe, NULL);
    cr_assert_eq(write(ends[1], "*", 1), 1);
    cr_assert_eq(sdm_service_run(service), '*');
    close(ends[0]);
    close(ends[1]);
}

static void add_status(void *user, struct sdm_json *status)
{
    sdm_json_set_string(status, "extra", user);
}

static const char *text_of(const struct sdm_json *object, const char *name)
{
    return sdm_json_as_string(sdm_json_member(object, name), NULL);
}

static void call_level(const char *level, const char *now)
{
    g_autoptr(sdm_json) args = sdm_json_new_object();
    g_autoptr(sdm_json) log = NULL;
    g_autoptr(GError) error = NULL;

    sdm_json_set_string(args, "level", level);
    log = sdm_control_call(socket_path, "log", args, 5000, &error);
    cr_assert_not_null(log, "%s", error ? error->message : "");
    cr_assert_str_eq(text_of(log, "level"), now);
}

static gpointer call_builtins(gpointer data)
{
    g_autoptr(sdm_json) status = sdm_control_call(socket_path, "status", NULL, 5000, NULL);
    g_autoptr(sdm_json) settings = sdm_control_call(socket_path, "config", NULL, 5000, NULL);
    g_autoptr(sdm_json) metrics = sdm_control_call(socket_path, "metrics", NULL, 5000, NULL);
    const struct sdm_json *broker = sdm_json_member(settings, "broker");

    (void)data;
    cr_assert_str_eq(text_of(status, "program"), "sdm-test");
    cr_assert_str_eq(text_of(status, "version"), SDM_VERSION);
    cr_assert_str_eq(text_of(status, "state"), "running");
    cr_assert_str_eq(text_of(status, "extra"), "more");
    cr_assert_eq(sdm_json_as_integer(sdm_json_member(status, "pid")), getpid());
    cr_assert_eq(sdm_json_length(settings), G_N_ELEMENTS(options));
    cr_assert_str_eq(text_of(broker, "value"), "amqp://u:***@127.0.0.1");
    cr_assert_str_eq(text_of(broker, "source"), "default");
    cr_assert_str_eq(text_of(metrics, "text"),
                     "# HELP sdm_test_total t\n# TYPE sdm_test_total counter\nsdm_test_total 4\n");
    call_level("debug", "debug");
    cr_assert_eq(sdm_log_get_level(), SDM_LOG_DEBUG);
    sdm_service_stop(service, 0);
    return NULL;
}

Test(service, builtin_commands_answer)
{
    GThread *thread;

    sdm_counter_add(
        sdm_metrics_counter(sdm_service_get_metrics(service), "sdm_test_total", "t", NULL), 4);
    sdm_service_add_status(service, add_status, (void *)"more");
    thread = g_thread_new("client", call_builtins, NULL);
    cr_assert_eq(sdm_service_run(service), 0);
    g_thread_join(thread);
}

Test(service, the_pid_file_holds_the_pid)
{
    g_autofree char *text = NULL;
    g_autofree char *pid = g_strdup_printf("%d\n", getpid());

    cr_assert(g_file_get_contents(pid_path, &text, NULL, NULL));
    cr_assert_str_eq(text, pid);
}

static int notify_fd = -1;

static void assert_notified(const char *wanted)
{
    struct pollfd poll_fd = {.fd = notify_fd, .events = POLLIN};
    char text[256];
    ssize_t n;

    cr_assert_eq(poll(&poll_fd, 1, 5000), 1, "no %s", wanted);
    n = recv(notify_fd, text, sizeof text - 1, 0);
    cr_assert_gt(n, 0);
    text[n] = '\0';
    cr_assert_str_eq(text, wanted);
}

Test(service, systemd_is_told)
{
    g_autofree char *path = g_build_filename(folder, "notify", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static const int number = SIGINT;

    notify_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    cr_assert_eq(bind(notify_fd, (struct sockaddr *)&address, sizeof address), 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    sdm_service_add_timer(service, 1, raise_signal, (void *)&number);
    cr_assert_eq(sdm_service_run(service), 0);
    assert_notified("READY=1");
    assert_notified("STOPPING=1");
    close(notify_fd);
    unlink(path);
}

static void assert_does_not_start(const char *variable)
{
    g_autoptr(GError) error = NULL;

    g_setenv(variable, "no-such-thing", TRUE);
    service = sdm_service_new(NULL, "sdm-test", &config.service, &error);
    cr_assert_null(service);
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    cr_assert_not_null(strstr(error->message, "no-such-thing"), "%s", error->message);
}

Test(service_start, no_fault_point_that_cannot_be_read)
{
    assert_does_not_start("SDM_FAULT");
}

Test(service_start, no_sabotage_that_nobody_planted)
{
    assert_does_not_start("SDM_SABOTAGE");
}
