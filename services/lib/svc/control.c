#include "lib/svc/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/svc/unixsock.h"

struct command {
    const struct sdm_control_command *row;
    void *user;
};

struct sdm_control {
    char *path;
    int fd;
    guint watch;
    GHashTable *commands; /* name to struct command */
    GPtrArray *clients;
};

struct client {
    struct sdm_control *control;
    int fd;
    guint watch;
    GIOCondition watched;
    GByteArray *in;
    GByteArray *out;
};

static void client_free(void *data)
{
    struct client *client = data;

    g_source_remove(client->watch);
    close(client->fd);
    g_byte_array_unref(client->in);
    g_byte_array_unref(client->out);
    g_free(client);
}

static struct sdm_json *answer_error(const GError *error)
{
    struct sdm_json *answer = sdm_json_new_object();
    struct sdm_json *detail;

    sdm_json_set_boolean(answer, "ok", false);
    detail = sdm_json_set_object(answer, "error");
    sdm_json_set_string(detail, "code", sdm_error_code_name(sdm_error_verdict(error)));
    sdm_json_set_string(detail, "text", error->message);
    return answer;
}

static struct sdm_json *handle_help(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_control *control = user;
    struct sdm_json *result = sdm_json_new_object();
    g_autoptr(GList) names =
        g_list_sort(g_hash_table_get_keys(control->commands), (GCompareFunc)(void (*)(void))strcmp);

    (void)args;
    (void)error;
    for (GList *name = names; name != NULL; name = name->next) {
        const struct command *command = g_hash_table_lookup(control->commands, name->data);

        sdm_json_set_string(result, name->data, command->row->text);
    }
    return result;
}

static struct sdm_json *carry_out(struct sdm_control *control, const char *line, size_t size,
                                  GError **error)
{
    g_autoptr(sdm_json) request = sdm_json_parse(line, size, &sdm_json_limits_default, error);
    g_autoptr(sdm_json) none = sdm_json_new_object();
    const struct command *command;
    struct sdm_json *args = none;
    const char *name;

    if (request == NULL || !sdm_json_get_string(request, "command", &name, error)) {
        return NULL;
    }
    if (sdm_json_member(request, "args") != NULL &&
        !sdm_json_get_object(request, "args", &args, error)) {
        return NULL;
    }
    command = g_hash_table_lookup(control->commands, name);
    if (command == NULL) {
        sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no command '%s' (help lists them)", name);
        return NULL;
    }
    return command->row->handle(command->user, args, error);
}

struct sdm_json *sdm_control_answer(struct sdm_control *control, const char *line, size_t size)
{
    g_autoptr(GError) error = NULL;
    struct sdm_json *result = carry_out(control, line, size, &error);
    struct sdm_json *answer;

    if (result == NULL) {
        return answer_error(error);
    }
    answer = sdm_json_new_object();
    sdm_json_set_boolean(answer, "ok", true);
    sdm_json_set_take(answer, "result", result);
    return answer;
}

/* Carries out the whole lines that have come, one after the other, while the client reads what it
 * is told. */
static void handle_lines(struct client *client)
{
    while (client->out->len == 0 && client->in->len > 0) {
        const guint8 *end = memchr(client->in->data, '\n', client->in->len);
        g_autoptr(sdm_json) answer = NULL;
        g_autofree char *text = NULL;
        size_t line_size;
        size_t size;

        if (end == NULL) {
            return;
        }
        line_size = (size_t)(end - client->in->data);
        answer = sdm_control_answer(client->control, (const char *)client->in->data, line_size);
        g_byte_array_remove_range(client->in, 0, (guint)line_size + 1);
        text = sdm_json_write(answer, SDM_JSON_COMPACT, &size);
        g_byte_array_append(client->out, (const guint8 *)text, (guint)size);
        g_byte_array_append(client->out, (const guint8 *)"\n", 1);
        if (!sdm_unixsock_send(client->fd, client->out)) {
            return;
        }
    }
}

static gboolean on_client(gint fd, GIOCondition condition, gpointer data);

/* Reads only while nothing is left to write. */
static void watch_client(struct client *client)
{
    GIOCondition wanted = client->out->len > 0 ? G_IO_OUT : G_IO_IN;

    if (client->watch != 0 && client->watched == wanted) {
        return;
    }
    if (client->watch != 0) {
        g_source_remove(client->watch);
    }
    client->watched = wanted;
    client->watch = g_unix_fd_add(client->fd, wanted | G_IO_HUP | G_IO_ERR, on_client, client);
}

static gboolean on_client(gint fd, GIOCondition condition, gpointer data)
{
    struct client *client = data;
    bool is_open = true;

    (void)fd;
    if ((condition & G_IO_OUT) != 0) {
        is_open = sdm_unixsock_send(client->fd, client->out);
    } else {
        is_open = sdm_unixsock_receive(client->fd, client->in);
    }
    if (is_open) {
        handle_lines(client);
    }
    if (!is_open || client->in->len > SDM_CONTROL_MAX_LINE) {
        g_ptr_array_remove_fast(client->control->clients, client);
        return G_SOURCE_CONTINUE;
    }
    watch_client(client);
    return G_SOURCE_CONTINUE;
}

static gboolean on_connection(gint fd, GIOCondition condition, gpointer data)
{
    struct sdm_control *control = data;
    int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *client;

    (void)condition;
    if (client_fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (control->clients->len >= SDM_CONTROL_MAX_CLIENTS) {
        close(client_fd);
        return G_SOURCE_CONTINUE;
    }
    client = g_new0(struct client, 1);
    client->control = control;
    client->fd = client_fd;
    client->in = g_byte_array_new();
    client->out = g_byte_array_new();
    g_ptr_array_add(control->clients, client);
    watch_client(client);
    return G_SOURCE_CONTINUE;
}

struct sdm_control *sdm_control_new(const char *path, GError **error)
{
    static const struct sdm_control_command help[] = {
        {"help", "the commands and what they are for", handle_help},
    };
    int fd = sdm_unixsock_listen(path, error);
    struct sdm_control *control;

    if (fd < 0) {
        return NULL;
    }
    control = g_new0(struct sdm_control, 1);
    control->path = g_strdup(path);
    control->fd = fd;
    control->commands = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    control->clients = g_ptr_array_new_with_free_func(client_free);
    control->watch = g_unix_fd_add(fd, G_IO_IN, on_connection, control);
    sdm_control_add(control, help, G_N_ELEMENTS(help), control);
    return control;
}

void sdm_control_free(struct sdm_control *control)
{
    if (control == NULL) {
        return;
    }
    g_ptr_array_unref(control->clients);
    g_source_remove(control->watch);
    unlink(control->path);
    close(control->fd);
    g_hash_table_unref(control->commands);
    g_free(control->path);
    g_free(control);
}

void sdm_control_add(struct sdm_control *control, const struct sdm_control_command *commands,
                     size_t n_commands, void *user)
{
    for (size_t i = 0; i < n_commands; i++) {
        struct command *command = g_new0(struct command, 1);

        command->row = &commands[i];
        command->user = user;
        g_hash_table_replace(control->commands, (gpointer)commands[i].name, command);
    }
}

static char *write_request(const char *command, const struct sdm_json *args)
{
    g_autoptr(sdm_json) request = sdm_json_new_object();
    g_autofree char *text = NULL;

    sdm_json_set_string(request, "command", command);
    if (args != NULL) {
        sdm_json_set_take(request, "args", sdm_json_ref(args));
    }
    text = sdm_json_write(request, SDM_JSON_COMPACT, NULL);
    return g_strconcat(text, "\n", NULL);
}

static struct sdm_json *read_answer(const GByteArray *line, GError **error)
{
    g_autoptr(sdm_json) answer =
        sdm_json_parse(line->data, line->len, &sdm_json_limits_default, error);
    enum sdm_error_code code = SDM_ERROR_INTERNAL;
    struct sdm_json *detail;
    const char *name;
    const char *text;
    bool ok;

    if (answer == NULL || !sdm_json_get_boolean(answer, "ok", &ok, error)) {
        return NULL;
    }
    if (ok) {
        struct sdm_json *result = sdm_json_member(answer, "result");

        return result != NULL ? sdm_json_ref(result) : sdm_json_new_object();
    }
    if (sdm_json_get_object(answer, "error", &detail, error) &&
        sdm_json_get_string(detail, "code", &name, error) &&
        sdm_json_get_string(detail, "text", &text, error)) {
        sdm_error_code_from_name(name, &code);
        sdm_refuse(error, code, "%s", text);
    }
    return NULL;
}

struct sdm_json *sdm_control_call(const char *path, const char *command,
                                  const struct sdm_json *args, unsigned timeout_ms, GError **error)
{
    g_autofree char *request = write_request(command, args);
    g_autoptr(GByteArray) line = g_byte_array_new();
    SDM_AUTOCLOSE
    int fd = sdm_unixsock_connect(path, error);

    if (fd < 0 || !sdm_unixsock_exchange(fd, request, line, timeout_ms, error)) {
        return NULL;
    }
    return read_answer(line, error);
}
