#include <criterion/criterion.h>

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/svc/control.h"

static char *folder;
static char *path;
static struct sdm_control *control;
static volatile gint is_ended;

static struct sdm_json *handle_echo(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *result = sdm_json_new_object();

    (void)error;
    sdm_json_set_string(result, "user", user);
    sdm_json_set_take(result, "args", sdm_json_ref(args));
    return result;
}

static struct sdm_json *handle_refuse(void *user, const struct sdm_json *args, GError **error)
{
    (void)user;
    (void)args;
    sdm_refuse(error, SDM_ERROR_NO_SLOT, "no slot in '%s'", "vm");
    return NULL;
}

static struct sdm_json *handle_away(void *user, const struct sdm_json *args, GError **error)
{
    (void)user;
    (void)args;
    sdm_unavailable(error, "database");
    return NULL;
}

/* More than a socket's buffer holds. */
static struct sdm_json *handle_large(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *result = sdm_json_new_object();
    g_autofree char *text = g_strnfill(3 * 1024 * 1024, 'x');

    (void)user;
    (void)args;
    (void)error;
    sdm_json_set_string(result, "text", text);
    return result;
}

static const struct sdm_control_command commands[] = {
    {"echo", "says what it was told", handle_echo},
    {"refuse", "refuses", handle_refuse},
    {"away", "is away", handle_away},
    {"large", "says a lot", handle_large},
};

static void setup(void)
{
    g_autoptr(GError) error = NULL;

    folder = g_dir_make_tmp("sdm-control-XXXXXX", NULL);
    path = g_build_filename(folder, "socket", NULL);
    control = sdm_control_new(path, &error);
    cr_assert_not_null(control, "%s", error ? error->message : "");
    sdm_control_add(control, commands, G_N_ELEMENTS(commands), (void *)"me");
}

static void teardown(void)
{
    sdm_control_free(control);
    cr_assert_neq(access(path, F_OK), 0, "the socket stayed");
    rmdir(folder);
    g_free(folder);
    g_free(path);
}

TestSuite(control, .init = setup, .fini = teardown, .timeout = 30);

/* Runs 'call' on another thread while this one serves. */
static void serve(GThreadFunc call, void *data)
{
    GThread *thread;

    g_atomic_int_set(&is_ended, 0);
    thread = g_thread_new("client", call, data);
    while (!g_atomic_int_get(&is_ended)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_thread_join(thread);
}

static gpointer end_serving(void)
{
    g_atomic_int_set(&is_ended, 1);
    g_main_context_wakeup(NULL);
    return NULL;
}

Test(control, only_the_owner_may_connect)
{
    struct stat about;

    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0600, "%o", about.st_mode);
}

Test(control, bad_requests_are_answered)
{
    static const struct {
        const char *line;
        const char *code;
    } rows[] = {
        {"", "MALFORMED"},
        {"nonsense", "MALFORMED"},
        {"[1]", "WRONG_TYPE"},
        {"{}", "MISSING_MEMBER"},
        {"{\"command\":7}", "WRONG_TYPE"},
        {"{\"command\":\"dance\"}", "UNKNOWN_MESSAGE"},
        {"{\"command\":\"echo\",\"args\":[]}", "WRONG_TYPE"},
        {"{\"command\":\"refuse\"}", "NO_SLOT"},
        {"{\"command\":\"away\"}", "UNAVAILABLE"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_json) answer =
            sdm_control_answer(control, rows[i].line, strlen(rows[i].line));
        const struct sdm_json *detail = sdm_json_member(answer, "error");

        cr_assert_not(sdm_json_as_boolean(sdm_json_member(answer, "ok")), "%s", rows[i].line);
        cr_assert_str_eq(sdm_json_as_string(sdm_json_member(detail, "code"), NULL), rows[i].code,
                         "%s", rows[i].line);
    }
}

static gpointer call_all(gpointer data)
{
    g_autoptr(sdm_json) args = sdm_json_new_object();
    g_autoptr(sdm_json) echo = NULL;
    g_autoptr(sdm_json) large = NULL;
    g_autoptr(sdm_json) help = NULL;
    g_autoptr(GError) error = NULL;
    size_t length;

    (void)data;
    sdm_json_set_integer(args, "n", 7);
    echo = sdm_control_call(path, "echo", args, 5000, &error);
    cr_assert_not_null(echo, "%s", error ? error->message : "");
    cr_assert_str_eq(sdm_json_as_string(sdm_json_member(echo, "user"), NULL), "me");
    cr_assert_eq(sdm_json_as_integer(sdm_json_member(sdm_json_member(echo, "args"), "n")), 7);
    large = sdm_control_call(path, "large", NULL, 20000, &error);
    cr_assert_not_null(large, "%s", error ? error->message : "");
    sdm_json_as_string(sdm_json_member(large, "text"), &length);
    cr_assert_eq(length, 3 * 1024 * 1024);
    help = sdm_control_call(path, "help", NULL, 5000, &error);
    cr_assert_eq(sdm_json_length(help), 1 + G_N_ELEMENTS(commands));
    cr_assert_null(sdm_control_call(path, "refuse", NULL, 5000, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_NO_SLOT), "%s", error->message);
    cr_assert_str_eq(error->message, "no slot in 'vm'");
    return end_serving();
}

Test(control, calls_are_answered)
{
    serve(call_all, NULL);
}

static int connect_plainly(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static gpointer write_in_pieces(gpointer data)
{
    static const char request[] = "{\"command\":\"echo\"}\n{\"command\":\"refuse\"}\n";
    SDM_AUTOCLOSE
    int fd = connect_plainly();
    g_autoptr(GString) answers = g_string_new(NULL);
    int n_lines = 0;

    (void)data;
    for (size_t i = 0; i < strlen(request); i++) {
        cr_assert_eq(write(fd, &request[i], 1), 1);
    }
    while (n_lines < 2) {
        char byte;

        cr_assert_eq(read(fd, &byte, 1), 1);
        g_string_append_c(answers, byte);
        n_lines += byte == '\n' ? 1 : 0;
    }
    cr_assert_str_eq(answers->str,
                     "{\"ok\":true,\"result\":{\"user\":\"me\",\"args\":{}}}\n"
                     "{\"ok\":false,\"error\":{\"code\":\"NO_SLOT\",\"text\":\"no slot in "
                     "'vm'\"}}\n");
    return end_serving();
}

Test(control, requests_may_come_in_pieces_and_in_a_row)
{
    serve(write_in_pieces, NULL);
}

static gpointer write_without_end(gpointer data)
{
    SDM_AUTOCLOSE
    int fd = connect_plainly();
    g_autofree char *text = g_strnfill(64 * 1024, ' ');
    size_t n_sent = 0;

    (void)data;
    while (n_sent < 16 * SDM_CONTROL_MAX_LINE) {
        ssize_t n = send(fd, text, 64 * 1024, MSG_NOSIGNAL);

        if (n < 0) {
            break;
        }
        n_sent += (size_t)n;
    }
    cr_assert_lt(n_sent, 16 * SDM_CONTROL_MAX_LINE, "an endless line was taken");
    return end_serving();
}

Test(control, an_endless_line_ends_the_connection)
{
    serve(write_without_end, NULL);
}

Test(control, a_second_daemon_is_refused_and_a_dead_ones_socket_replaced)
{
    g_autofree char *other = g_build_filename(folder, "dead", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    SDM_AUTOCLOSE
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_control) replaced = NULL;

    cr_assert_null(sdm_control_new(path, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_ALREADY_EXISTS), "%s", error->message);
    g_clear_error(&error);
    g_strlcpy(address.sun_path, other, sizeof address.sun_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    replaced = sdm_control_new(other, &error);
    cr_assert_not_null(replaced, "%s", error ? error->message : "");
}

Test(control, a_file_in_the_way_is_left_alone)
{
    g_autofree char *other = g_build_filename(folder, "file", NULL);
    g_autoptr(GError) error = NULL;

    cr_assert(g_file_set_contents(other, "x", 1, NULL));
    cr_assert_null(sdm_control_new(other, &error));
    cr_assert_eq(access(other, F_OK), 0);
    unlink(other);
}

Test(control, nobody_there_is_unavailable)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_control_call("/nowhere/socket", "status", NULL, 100, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
    g_clear_error(&error);
    /* Nobody serves here: the connection is taken by the kernel, the answer never comes. */
    cr_assert_null(sdm_control_call(path, "status", NULL, 50, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
}
