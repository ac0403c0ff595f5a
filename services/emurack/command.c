#include "emurack/command.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"

bool sdm_emu_word_number(const char *word, unsigned base, uint64_t max, uint64_t *number,
                         GError **error)
{
    guint64 found;

    if (base == 16 && g_str_has_prefix(word, "0x")) {
        word += 2;
    }
    if (!g_ascii_string_to_unsigned(word, base, 0, max, &found, NULL)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "'%s' is no number from 0 to %" G_GUINT64_FORMAT, word, (guint64)max);
    }
    *number = found;
    return true;
}

bool sdm_emu_words_check(unsigned n_words, unsigned n_wanted, const char *usage, GError **error)
{
    if (n_words != n_wanted + 1) {
        return sdm_refuse(error, SDM_ERROR_MALFORMED, "the request is: %s", usage);
    }
    return true;
}

void sdm_emu_command_refuse(struct sdm_line_peer *peer, const GError *error)
{
    g_autofree char *text = g_strdup_printf(
        "error %s %s", sdm_error_code_name(sdm_error_verdict(error)), error->message);

    sdm_line_send(peer, g_strdelimit(text, "\n\r", ' '));
}

void sdm_emu_command_done(struct sdm_emu_command *command)
{
    g_clear_pointer(&command->line, g_free);
    if (command->reply != NULL) {
        g_string_free(command->reply, TRUE);
        command->reply = NULL;
    }
}

static void finish(struct sdm_emu_command *command, struct sdm_line_peer *peer, const char *reply)
{
    if (command->lose_reply) {
        sdm_line_close(peer);
    } else {
        sdm_line_send(peer, reply);
    }
}

static void on_awake(struct sdm_line_peer *peer)
{
    struct sdm_emu_command *command = sdm_line_get_data(peer);

    finish(command, peer, command->reply->str);
    sdm_emu_command_done(command);
}

static void log_outcome(const struct sdm_emu_command *command, const char *request,
                        const GError *error)
{
    if (error != NULL) {
        sdm_log_limited(SDM_LOG_INFO, "refused", sdm_log_text("device", command->device->id),
                        sdm_log_text("request", request), sdm_log_gerror(error));
    } else {
        sdm_log_event(SDM_LOG_DEBUG, "done", sdm_log_text("device", command->device->id),
                      sdm_log_text("request", request));
    }
}

static void execute(struct sdm_emu_command *command, struct sdm_line_peer *peer, char *line)
{
    char *words[SDM_EMU_MAX_WORDS];
    unsigned n_words = 0;
    char *rest = NULL;
    g_autofree char *request = g_strdup(line);
    GString *reply = g_string_new("ok");
    unsigned wait_ms = 0;
    g_autoptr(GError) error = NULL;
    bool done;

    for (char *word = strtok_r(line, " \t", &rest); word != NULL && n_words < SDM_EMU_MAX_WORDS;
         word = strtok_r(NULL, " \t", &rest)) {
        words[n_words++] = word;
    }
    pthread_mutex_lock(&command->emu->mutex);
    done = command->run(command, n_words, words, reply, &wait_ms, &error);
    pthread_mutex_unlock(&command->emu->mutex);
    log_outcome(command, request, error);
    if (!done) {
        g_string_free(reply, TRUE);
        if (command->lose_reply) {
            sdm_line_close(peer);
        } else {
            sdm_emu_command_refuse(peer, error);
        }
        return;
    }
    if (wait_ms > 0) {
        command->reply = reply;
        sdm_line_after(peer, wait_ms, on_awake);
        return;
    }
    finish(command, peer, reply->str);
    g_string_free(reply, TRUE);
}

static void on_delayed(struct sdm_line_peer *peer)
{
    struct sdm_emu_command *command = sdm_line_get_data(peer);
    g_autofree char *line = g_steal_pointer(&command->line);

    execute(command, peer, line);
}

/* Applies an armed fault; true when the request goes on at once. */
static bool apply_fault(struct sdm_emu_command *command, struct sdm_line_peer *peer,
                        const char *line, const struct sdm_emu_fault *fault)
{
    g_autoptr(GError) error = NULL;

    switch (fault->action) {
    case SDM_EMU_DELAY:
        command->line = g_strdup(line);
        sdm_line_after(peer, fault->delay_ms, on_delayed);
        return false;
    case SDM_EMU_REFUSE:
        sdm_refuse(&error, fault->code, "armed fault of '%s'", command->device->id);
        sdm_emu_command_refuse(peer, error);
        return false;
    case SDM_EMU_SILENCE:
        return false;
    case SDM_EMU_LOST_REPLY:
        command->lose_reply = true;
        return true;
    case SDM_EMU_BUSY:
        return true;
    }
    return true;
}

void sdm_emu_command_run(struct sdm_emu_command *command, struct sdm_line_peer *peer,
                         const char *line)
{
    g_autofree char *copy = g_strstrip(g_strdup(line));
    g_autofree char *operation = g_strndup(copy, strcspn(copy, " \t"));
    struct sdm_emu_fault fault;
    bool armed;
    bool dead;

    command->lose_reply = false;
    pthread_mutex_lock(&command->emu->mutex);
    dead = command->device->dead;
    armed =
        !dead && sdm_emu_faults_take(command->emu->faults, command->device->id, operation, &fault);
    pthread_mutex_unlock(&command->emu->mutex);
    if (dead) {
        sdm_line_close(peer);
        return;
    }
    if (armed && !apply_fault(command, peer, copy, &fault)) {
        return;
    }
    execute(command, peer, copy);
}
