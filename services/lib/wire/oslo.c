#include "lib/wire/oslo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/id.h"

static const char version_member[] = "oslo.version";
static const char message_member[] = "oslo.message";
static const char envelope_version[] = "2.0";

bool sdm_oslo_recognise(const void *bytes, size_t size)
{
    /* Inside a JSON string the closing quote would be escaped: both quotes make it a member's name.
     */
    static const char quoted[] = "\"oslo.version\"";

    return memmem(bytes, size, quoted, sizeof quoted - 1) != NULL;
}

/* The JSON object inside the envelope, or NULL with 'error' set. */
static struct sdm_json *open_envelope(const void *bytes, size_t size, GError **error)
{
    g_autoptr(sdm_json) envelope = sdm_json_parse(bytes, size, &sdm_json_limits_default, error);
    const char *version;
    const char *message;

    if (envelope == NULL || !sdm_json_get_string(envelope, version_member, &version, error) ||
        !sdm_json_get_string(envelope, message_member, &message, error)) {
        return NULL;
    }
    if (!g_str_has_prefix(version, "2.")) {
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "%s: want 2.0, found '%.16s'", version_member,
                   version);
        return NULL;
    }
    return sdm_json_parse(message, strlen(message), &sdm_json_limits_default, error);
}

/* A string that may be absent or null, which leaves 'out' empty. */
static bool read_string(const struct sdm_json *message, const char *name, char *out, size_t size,
                        GError **error)
{
    const struct sdm_json *member = sdm_json_member(message, name);
    const char *text;

    out[0] = '\0';
    if (member == NULL || sdm_json_kind(member) == SDM_JSON_NULL) {
        return true;
    }
    if (!sdm_json_get_string(message, name, &text, error)) {
        return false;
    }
    if (g_strlcpy(out, text, size) >= size) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%s: want at most %zu bytes, found %zu",
                          name, size - 1, strlen(text));
    }
    return true;
}

/* Seconds, whole or not; what is no number of them means none. */
static uint64_t read_timeout(const struct sdm_json *message)
{
    const struct sdm_json *member = sdm_json_member(message, "_timeout");
    double seconds = member != NULL ? sdm_json_as_real(member) : 0;

    return seconds > 0 ? (uint64_t)(MIN(seconds, 31536000.0) * 1000) : 0;
}

/* The interface that a routing key or namespace stands for: what comes before its first dot. */
static void read_interface(const char *topic, char *out, size_t size)
{
    size_t length = strcspn(topic, ".");

    g_strlcpy(out, topic, MIN(length + 1, size));
    if (strcmp(out, "s9") == 0) {
        g_strlcpy(out, "s11", size);
    }
}

static bool names_interface(const char *method)
{
    static const char *const interfaces[] = {"s7.", "s9.", "s10.", "s11."};

    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++) {
        if (g_str_has_prefix(method, interfaces[i])) {
            return true;
        }
    }
    return false;
}

static const char *optional_string(const struct sdm_json *message, const char *name)
{
    const struct sdm_json *member = sdm_json_member(message, name);

    return member != NULL ? sdm_json_as_string(member, NULL) : NULL;
}

/* Never fails: a method that cannot be one of ours leaves the type empty. */
static void read_type(const struct sdm_json *message, const char *topic, char *out, size_t size)
{
    const char *method = optional_string(message, "method");
    const char *namespace = optional_string(message, "namespace");
    const char *version = optional_string(message, "version");
    unsigned long major = version != NULL ? strtoul(version, NULL, 10) : 1;
    char interface[16];
    int length;

    out[0] = '\0';
    if (method == NULL) {
        return;
    }
    if (names_interface(method)) {
        read_interface(method, interface, sizeof interface);
        method = strchr(method, '.') + 1;
    } else {
        read_interface(namespace != NULL ? namespace : topic, interface, sizeof interface);
    }
    length = snprintf(out, size, "%s.%s/%lu", interface, method, major);
    if (length < 0 || (size_t)length >= size) {
        out[0] = '\0';
    }
}

static bool read_call(const struct sdm_json *message, const char *topic, struct sdm_oslo_call *call,
                      GError **error)
{
    const struct sdm_json *args = sdm_json_member(message, "args");

    if (sdm_json_kind(message) != SDM_JSON_OBJECT) {
        return sdm_refuse(error, SDM_ERROR_MALFORMED, "%s: want object, found list",
                          message_member);
    }
    if (!read_string(message, "_msg_id", call->msg_id, sizeof call->msg_id, error) ||
        !read_string(message, "_reply_q", call->reply_queue, sizeof call->reply_queue, error) ||
        !read_string(message, "_context_auth_token", call->token, sizeof call->token, error)) {
        return false;
    }
    if (call->token[0] == '\0' &&
        !read_string(message, "_context_sdm_token", call->token, sizeof call->token, error)) {
        return false;
    }
    read_type(message, topic, call->type, sizeof call->type);
    call->timeout_ms = read_timeout(message);
    call->args = args != NULL ? sdm_json_ref(args) : sdm_json_new_object();
    return true;
}

bool sdm_oslo_decode(const void *bytes, size_t size, const char *topic, struct sdm_oslo_call *call,
                     GError **error)
{
    g_autoptr(sdm_json) message = open_envelope(bytes, size, error);
    struct sdm_oslo_call read;

    if (message == NULL || !read_call(message, topic, &read, error)) {
        return false;
    }
    *call = read;
    return true;
}

void sdm_oslo_call_done(struct sdm_oslo_call *call)
{
    g_clear_pointer(&call->args, sdm_json_free);
}

static char *seal_envelope(const struct sdm_json *message)
{
    g_autoptr(sdm_json) envelope = sdm_json_new_object();
    g_autofree char *text = sdm_json_write(message, SDM_JSON_COMPACT, NULL);

    sdm_json_set_string(envelope, version_member, envelope_version);
    sdm_json_set_string(envelope, message_member, text);
    return sdm_json_write(envelope, SDM_JSON_COMPACT, NULL);
}

/* 'result' is moved in; 'failure' may be NULL. */
static char *encode(const char *msg_id, struct sdm_json *result, const char *failure, bool ending)
{
    g_autoptr(sdm_json) message = sdm_json_new_object();
    char unique_id[SDM_UUID_SIZE];

    sdm_uuid_new(unique_id);
    sdm_json_set_take(message, "result", result);
    sdm_json_set_string(message, "failure", failure);
    sdm_json_set_boolean(message, "ending", ending);
    sdm_json_set_string(message, "_msg_id", msg_id);
    sdm_json_set_string(message, "_unique_id", unique_id);
    return seal_envelope(message);
}

/* What oslo.messaging raises at the caller as RemoteError(class, message). */
static char *write_failure(struct sdm_json *body)
{
    g_autoptr(sdm_json) failure = sdm_json_new_object();
    const char *code = optional_string(body, "code");
    const char *text = optional_string(body, "text");
    struct sdm_json *args;

    sdm_json_set_string(failure, "class", code != NULL ? code : "INTERNAL");
    sdm_json_set_string(failure, "module", "sdm");
    sdm_json_set_string(failure, "message", text != NULL ? text : "");
    sdm_json_set_list(failure, "tb");
    args = sdm_json_set_list(failure, "args");
    sdm_json_append_take(args, sdm_json_new_string(text != NULL ? text : ""));
    sdm_json_append_take(args, sdm_json_ref(body));
    sdm_json_set_object(failure, "kwargs");
    return sdm_json_write(failure, SDM_JSON_COMPACT, NULL);
}

char *sdm_oslo_encode_reply(const char *msg_id, const char *type, const char *body, size_t size,
                            GError **error)
{
    g_autoptr(sdm_json) value = sdm_json_parse(body, size, &sdm_json_limits_default, error);
    g_autofree char *failure = NULL;

    if (value == NULL) {
        return NULL;
    }
    if (strcmp(type, "error/1") != 0) {
        return encode(msg_id, sdm_json_ref(value), NULL, true);
    }
    failure = write_failure(value);
    return encode(msg_id, sdm_json_new_null(), failure, true);
}

char *sdm_oslo_encode_heartbeat(const char *msg_id)
{
    return encode(msg_id, sdm_json_new_null(), NULL, false);
}
