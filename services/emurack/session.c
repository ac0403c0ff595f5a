#include "emurack/session.h"

#include <inttypes.h>
#include <string.h>

#include "emurack/brick_controller.h"
#include "emurack/command.h"
#include "emurack/line_server.h"
#include "emurack/store.h"
#include "emurack/switch.h"
#include "lib/base/error.h"

struct sdm_emu_sessions {
    struct sdm_emu *emu;
    struct sdm_line_server *server;
};

struct session {
    struct sdm_emu_command command; /* first: a command is its session */
    struct sdm_emu_sessions *sessions;
    uint64_t epoch;
    bool opened;
};

/* Kinds as bits, for the table of requests. */
enum {
    ON_COMPUTE = 1 << SDM_EMU_COMPUTE,
    ON_MEMORY = 1 << SDM_EMU_MEMORY,
    ON_ACCELERATOR = 1 << SDM_EMU_ACCELERATOR,
    ON_SWITCH = 1 << SDM_EMU_ELECTRICAL | 1 << SDM_EMU_OPTICAL,
    ON_BRICK = ON_COMPUTE | ON_MEMORY | ON_ACCELERATOR,
    ON_ANY = ON_BRICK | ON_SWITCH,
};

struct call {
    struct sdm_emu *emu;
    struct sdm_emu_device *device;
    char *const *words;
    GString *reply;
    unsigned *wait_ms;
};

static bool read_pair(const struct call *call, uint64_t max, uint64_t *first, uint64_t *second,
                      GError **error)
{
    return sdm_emu_word_number(call->words[1], 10, max, first, error) &&
           sdm_emu_word_number(call->words[2], 10, max, second, error);
}

static bool do_connect(const struct call *call, GError **error)
{
    uint64_t a;
    uint64_t b;

    return read_pair(call, G_MAXUINT32, &a, &b, error) &&
           sdm_emu_switch_connect(call->device, (unsigned)a, (unsigned)b, error) &&
           sdm_emu_store_save(call->emu, error);
}

static bool do_disconnect(const struct call *call, GError **error)
{
    uint64_t a;
    uint64_t b;

    return read_pair(call, G_MAXUINT32, &a, &b, error) &&
           sdm_emu_switch_disconnect(call->emu, call->device, (unsigned)a, (unsigned)b, error) &&
           sdm_emu_store_save(call->emu, error);
}

static bool do_list(const struct call *call, GError **error)
{
    (void)error;
    sdm_emu_switch_list(call->device, call->reply);
    return true;
}

static bool do_power(const struct call *call, GError **error)
{
    const char *word = call->words[1];
    bool done;

    if (strcmp(word, "on") == 0) {
        done = sdm_emu_brick_power_on(call->emu, call->device, call->wait_ms, error);
    } else if (strcmp(word, "off") == 0) {
        done = sdm_emu_brick_power_off(call->emu, call->device, error);
    } else if (strcmp(word, "force-off") == 0) {
        done = sdm_emu_brick_power_force_off(call->emu, call->device, error);
    } else {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%s' is none of on, off, force-off",
                          word);
    }
    return done && sdm_emu_store_save(call->emu, error);
}

static bool do_scrub(const struct call *call, GError **error)
{
    uint64_t offset_bytes;
    uint64_t size_bytes;

    return read_pair(call, G_MAXINT64, &offset_bytes, &size_bytes, error) &&
           sdm_emu_brick_scrub(call->emu, call->device, offset_bytes, size_bytes, error) &&
           sdm_emu_store_save(call->emu, error);
}

static bool do_extents(const struct call *call, GError **error)
{
    return sdm_emu_brick_extents(call->emu, call->device, call->reply, error);
}

static bool do_status(const struct call *call, GError **error)
{
    (void)error;
    g_string_append_printf(call->reply, " kind=%s epoch=%" PRIu64 " ports=%u",
                           sdm_emu_kind_name(call->device->kind), call->device->epoch,
                           call->device->n_ports);
    sdm_emu_brick_status(call->emu, call->device, call->reply);
    return true;
}

static const struct request {
    const char *word;
    unsigned n_arguments;
    unsigned kinds;
    const char *usage;
    bool (*run)(const struct call *call, GError **error);
} requests[] = {
    {"connect", 2, ON_SWITCH, "connect A B", do_connect},
    {"disconnect", 2, ON_SWITCH, "disconnect A B", do_disconnect},
    {"list", 0, ON_SWITCH, "list", do_list},
    {"power", 1, ON_BRICK, "power on|off|force-off", do_power},
    {"scrub", 2, ON_MEMORY, "scrub OFFSET SIZE", do_scrub},
    {"extents", 0, ON_MEMORY, "extents", do_extents},
    {"status", 0, ON_ANY, "status", do_status},
};

static bool run(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                GString *reply, unsigned *wait_ms, GError **error)
{
    struct sdm_emu_device *device = command->device;
    struct call call = {command->emu, device, words, reply, wait_ms};
    const char *word = n_words == 0 ? "" : words[0];

    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        const struct request *request = &requests[i];

        if (strcmp(request->word, word) != 0) {
            continue;
        }
        if ((request->kinds & 1u << device->kind) == 0) {
            return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is of kind %s", device->id,
                              sdm_emu_kind_name(device->kind));
        }
        return sdm_emu_words_check(n_words, request->n_arguments, request->usage, error) &&
               request->run(&call, error);
    }
    return sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no request '%s'", word);
}

/* Notes the epoch on the device; '*higher' when it is new.  Under the mutex. */
static bool admit(struct sdm_emu *emu, struct sdm_emu_device *device, uint64_t epoch, bool *higher,
                  GError **error)
{
    uint64_t before = device->epoch;

    if (epoch < before) {
        return sdm_refuse(error, SDM_ERROR_STALE_EPOCH,
                          "epoch %" PRIu64 " is below %" PRIu64 " that '%s' has seen", epoch,
                          before, device->id);
    }
    *higher = epoch > before;
    if (!*higher) {
        return true;
    }
    /* Kept before it counts: after a restart the old leader is still refused. */
    device->epoch = epoch;
    if (!sdm_emu_store_save(emu, error)) {
        device->epoch = before;
        return false;
    }
    return true;
}

static bool is_older(const struct sdm_line_peer *peer, gpointer data)
{
    const struct session *newest = data;
    const struct session *session = sdm_line_get_data(peer);

    return session != NULL && session->opened &&
           session->command.device == newest->command.device && session->epoch < newest->epoch;
}

static bool run_open(struct sdm_emu_command *command, unsigned n_words, char *const *words,
                     GString *reply, unsigned *wait_ms, GError **error)
{
    struct session *session = (struct session *)command;
    struct call call = {command->emu, command->device, words, reply, wait_ms};
    bool higher = false;

    if (!sdm_emu_words_check(n_words, 2, "open DEVICE EPOCH", error) ||
        !sdm_emu_word_number(words[2], 10, G_MAXINT64, &session->epoch, error) ||
        !admit(command->emu, command->device, session->epoch, &higher, error)) {
        return false;
    }
    session->opened = true;
    command->run = run;
    if (higher) {
        sdm_line_server_close_peers(session->sessions->server, is_older, session);
    }
    return do_status(&call, error);
}

/* Reads "open DEVICE EPOCH" so far as to know whom it is for. */
static struct sdm_emu_device *read_open(const struct sdm_emu *emu, const char *line, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t", 4);
    struct sdm_emu_device *device;

    if (g_strcmp0(words[0], "open") != 0) {
        sdm_refuse(error, SDM_ERROR_WRONG_STATE, "the first request is: open DEVICE EPOCH");
        return NULL;
    }
    if (!sdm_emu_words_check(g_strv_length(words), 2, "open DEVICE EPOCH", error)) {
        return NULL;
    }
    device = sdm_emu_rack_find(emu->rack, words[1]);
    if (device == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device '%s'", words[1]);
    }
    return device;
}

static void free_session(gpointer data)
{
    struct session *session = data;

    sdm_emu_command_done(&session->command);
    g_free(session);
}

/* Makes the peer a session with the device that its first request names; NULL when refused. */
static struct session *prepare(struct sdm_emu_sessions *sessions, struct sdm_line_peer *peer,
                               const char *line)
{
    g_autoptr(GError) error = NULL;
    struct sdm_emu_device *device = read_open(sessions->emu, line, &error);
    struct session *session = sdm_line_get_data(peer);

    if (device == NULL) {
        sdm_emu_command_refuse(peer, error);
        return NULL;
    }
    if (session == NULL) {
        session = g_new0(struct session, 1);
        sdm_line_set_data(peer, session, free_session);
    }
    session->sessions = sessions;
    session->command.emu = sessions->emu;
    session->command.device = device;
    session->command.run = run_open;
    return session;
}

static void on_line(struct sdm_line_peer *peer, char *line, gpointer data)
{
    struct session *session = sdm_line_get_data(peer);

    if (session == NULL || !session->opened) {
        session = prepare(data, peer, line);
    }
    if (session != NULL) {
        sdm_emu_command_run(&session->command, peer, line);
    }
}

struct sdm_emu_sessions *sdm_emu_sessions_new(struct sdm_emu *emu, const char *address,
                                              GError **error)
{
    static const struct sdm_line_handler handler = {.line = on_line};
    struct sdm_emu_sessions *sessions = g_new0(struct sdm_emu_sessions, 1);

    sessions->emu = emu;
    sessions->server = sdm_line_server_new_tcp(address, &handler, sessions, error);
    if (sessions->server == NULL) {
        g_free(sessions);
        return NULL;
    }
    return sessions;
}

void sdm_emu_sessions_free(struct sdm_emu_sessions *sessions)
{
    if (sessions == NULL) {
        return;
    }
    sdm_line_server_free(sessions->server);
    g_free(sessions);
}

const char *sdm_emu_sessions_address(const struct sdm_emu_sessions *sessions)
{
    return sdm_line_server_address(sessions->server);
}

static bool is_of_device(const struct sdm_line_peer *peer, gpointer data)
{
    const struct session *session = sdm_line_get_data(peer);

    return session != NULL && session->command.device == data;
}

void sdm_emu_sessions_close_device(struct sdm_emu_sessions *sessions, struct sdm_emu_device *device)
{
    sdm_line_server_close_peers(sessions->server, is_of_device, device);
}
