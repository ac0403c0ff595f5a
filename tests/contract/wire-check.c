/* Asks the codec what it thinks of messages.
 *
 *   wire-check TYPE FILE      the file's bytes as a message of that type
 *   wire-check -              one question a line: TYPE, a tab, the bytes (without a newline
 * inside), or "pattern:NAME", a tab, a JSON list with one string
 *
 * One line of answer each: "ok", a tab and the message encoded again, or "CODE text".  Exit status
 * 0 when every message was accepted, 1 when one was not, 2 when the question was wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/wire/oslo.h"
#include "lib/wire/registry.h"

static bool refuse_unknown(const char *type, GError **error)
{
    return sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no message type '%s'", type);
}

/* The message encoded again, which has to decode to the same text once more. */
static char *check_message(const char *type, const char *bytes, size_t size, GError **error)
{
    const struct sdm_codec *codec = sdm_codec_find(type);
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autofree void *message = NULL;
    g_autofree char *first = NULL;
    char *second;

    if (codec == NULL) {
        refuse_unknown(type, error);
        return NULL;
    }
    message = g_malloc(codec->size);
    if (!sdm_codec_decode(codec, bytes, size, arena, message, error)) {
        return NULL;
    }
    first = sdm_codec_encode(codec, message, NULL);
    if (!sdm_codec_decode(codec, first, strlen(first), arena, message, error)) {
        return NULL;
    }
    second = sdm_codec_encode(codec, message, NULL);
    g_assert_cmpstr(first, ==, second);
    return second;
}

static char *check_pattern(const char *name, const char *bytes, size_t size, GError **error)
{
    g_autoptr(sdm_json) list = sdm_json_parse(bytes, size, &sdm_json_limits_default, error);
    const char *text;

    if (list == NULL) {
        return NULL;
    }
    text = sdm_json_as_string(sdm_json_item(list, 0), NULL);
    for (int i = 0; i < SDM_N_PATTERNS; i++) {
        if (strcmp(sdm_pattern_name((enum sdm_pattern)i), name) == 0) {
            return g_strdup(sdm_pattern_match((enum sdm_pattern)i, text) ? "match" : "other");
        }
    }
    refuse_unknown(name, error);
    return NULL;
}

static char *check_call(const char *topic, const char *bytes, size_t size, GError **error)
{
    g_autoptr(sdm_json) read = sdm_json_new_object();
    struct sdm_oslo_call call;

    if (!sdm_oslo_decode(bytes, size, topic, &call, error)) {
        return NULL;
    }
    sdm_json_set_string(read, "type", call.type);
    sdm_json_set_string(read, "msg_id", call.msg_id);
    sdm_json_set_string(read, "reply_queue", call.reply_queue);
    sdm_json_set_string(read, "token", call.token);
    sdm_json_set_integer(read, "timeout_ms", (int64_t)call.timeout_ms);
    sdm_json_set_take(read, "args", sdm_json_ref(call.args));
    sdm_oslo_call_done(&call);
    return sdm_json_write(read, SDM_JSON_COMPACT, NULL);
}

static char *check_reply(const char *type, const char *bytes, size_t size, GError **error)
{
    return sdm_oslo_encode_reply("msg-1", type, bytes, size, error);
}

static bool answer(const char *question, const char *bytes, size_t size)
{
    static const struct {
        const char *prefix;
        char *(*check)(const char *what, const char *bytes, size_t size, GError **error);
    } rows[] = {
        {"pattern:", check_pattern},
        {"call:", check_call},
        {"reply:", check_reply},
        {"", check_message},
    };
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    size_t i = 0;

    while (!g_str_has_prefix(question, rows[i].prefix)) {
        i++;
    }
    text = rows[i].check(question + strlen(rows[i].prefix), bytes, size, &error);
    if (text != NULL) {
        printf("ok\t%s\n", text);
        return true;
    }
    printf("%s %s\n", sdm_error_code_name((enum sdm_error_code)error->code), error->message);
    return false;
}

static bool answer_lines(void)
{
    size_t room = 0;
    ssize_t length;
    char *line = NULL;
    bool accepted = true;

    while ((length = getline(&line, &room, stdin)) > 0) {
        char *tab = strchr(line, '\t');

        if (tab == NULL) {
            free(line);
            exit(2);
        }
        *tab = '\0';
        length -= tab + 1 - line;
        length -= tab[length] == '\n';
        accepted = answer(line, tab + 1, (size_t)length) && accepted;
    }
    free(line);
    return accepted;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *bytes = NULL;
    gsize size;

    if (argc == 2 && strcmp(argv[1], "-") == 0) {
        return answer_lines() ? 0 : 1;
    }
    if (argc != 3 || !g_file_get_contents(argv[2], &bytes, &size, &error)) {
        fprintf(stderr, "usage: wire-check TYPE FILE | wire-check -%s%s\n", error ? "\n" : "",
                error ? error->message : "");
        return 2;
    }
    return answer(argv[1], bytes, size) ? 0 : 1;
}
