#include "emurack/rmc_server.h"

#include <string.h>

#include "emurack/command.h"
#include "emurack/line_server.h"
#include "emurack/rmc.h"
#include "lib/base/error.h"

static const char map_usage[] = "map ENTRY INFO START END OFFSET [shared]";

struct endpoint {
    struct sdm_emu *emu;
    struct sdm_emu_device *device;
    struct sdm_line_server *server;
};

struct sdm_emu_rmc_server {
    GPtrArray *endpoints;
};

static bool run_map(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                    GString *reply, GError **error)
{
    bool shared = n_words == 7 && strcmp(words[6], "shared") == 0;
    struct sdm_netport_entry entry;
    uint64_t index;
    uint64_t fields[4];
    const char *path;

    if (!sdm_emu_words_check(n_words, shared ? 6 : 5, map_usage, error) ||
        !sdm_emu_word_number(words[1], 10, G_MAXUINT32, &index, error)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (!sdm_emu_word_number(words[2 + i], 16, G_MAXUINT32, &fields[i], error)) {
            return false;
        }
    }
    entry = (struct sdm_netport_entry){(uint32_t)fields[0], (uint32_t)fields[1],
                                       (uint32_t)fields[2], (uint32_t)fields[3]};
    if (!sdm_emu_rmc_map(command->emu, command->device, (unsigned)index, &entry, shared, &path,
                         error)) {
        return false;
    }
    g_string_append_printf(reply, " %s", path);
    return true;
}

static bool run_unmap(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                      GError **error)
{
    uint64_t index;

    return sdm_emu_words_check(n_words, 1, "unmap ENTRY", error) &&
           sdm_emu_word_number(words[1], 10, G_MAXUINT32, &index, error) &&
           sdm_emu_rmc_unmap(command->emu, command->device, (unsigned)index, error);
}

static bool run(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                GString *reply, unsigned *wait_ms, GError **error)
{
    const char *word = n_words == 0 ? "" : words[0];

    (void)wait_ms;
    if (strcmp(word, "map") == 0) {
        return run_map(command, n_words, words, reply, error);
    }
    if (strcmp(word, "unmap") == 0) {
        return run_unmap(command, n_words, words, error);
    }
    if (strcmp(word, "list") == 0) {
        if (!sdm_emu_words_check(n_words, 0, "list", error)) {
            return false;
        }
        sdm_emu_rmc_list(command->device, reply);
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no request '%s'", word);
}

static void free_command(gpointer data)
{
    sdm_emu_command_done(data);
    g_free(data);
}

static void on_line(struct sdm_line_peer *peer, char *line, gpointer data)
{
    const struct endpoint *endpoint = data;
    struct sdm_emu_command *command = sdm_line_get_data(peer);

    if (command == NULL) {
        command = g_new0(struct sdm_emu_command, 1);
        command->emu = endpoint->emu;
        command->device = endpoint->device;
        command->run = run;
        sdm_line_set_data(peer, command, free_command);
    }
    sdm_emu_command_run(command, peer, line);
}

static void free_endpoint(gpointer data)
{
    struct endpoint *endpoint = data;

    sdm_line_server_free(endpoint->server);
    g_free(endpoint);
}

static bool add_endpoint(struct sdm_emu_rmc_server *server, struct sdm_emu *emu,
                         struct sdm_emu_device *device, GError **error)
{
    static const struct sdm_line_handler handler = {.line = on_line};
    g_autofree char *path = sdm_emu_rmc_path(emu, device, ".sock");
    struct endpoint *endpoint = g_new0(struct endpoint, 1);

    endpoint->emu = emu;
    endpoint->device = device;
    g_ptr_array_add(server->endpoints, endpoint);
    endpoint->server = sdm_line_server_new_unix(path, &handler, endpoint, error);
    return endpoint->server != NULL;
}

struct sdm_emu_rmc_server *sdm_emu_rmc_server_new(struct sdm_emu *emu, GError **error)
{
    struct sdm_emu_rmc_server *server = g_new0(struct sdm_emu_rmc_server, 1);

    server->endpoints = g_ptr_array_new_with_free_func(free_endpoint);
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        if (device->kind == SDM_EMU_COMPUTE && !add_endpoint(server, emu, device, error)) {
            sdm_emu_rmc_server_free(server);
            return NULL;
        }
    }
    return server;
}

void sdm_emu_rmc_server_free(struct sdm_emu_rmc_server *server)
{
    if (server == NULL) {
        return;
    }
    g_ptr_array_unref(server->endpoints);
    g_free(server);
}

static bool match_every(const struct sdm_line_peer *peer, gpointer data)
{
    (void)peer;
    (void)data;
    return true;
}

void sdm_emu_rmc_server_close_device(struct sdm_emu_rmc_server *server,
                                     const struct sdm_emu_device *device)
{
    for (unsigned i = 0; i < server->endpoints->len; i++) {
        const struct endpoint *endpoint = g_ptr_array_index(server->endpoints, i);

        if (endpoint->device == device) {
            sdm_line_server_close_peers(endpoint->server, match_every, NULL);
        }
    }
}
