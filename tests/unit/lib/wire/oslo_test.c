#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "lib/wire/oslo.h"

/* What Python's client sends around the JSON text of a message. */
static char *envelope(const char *version, const char *message)
{
    g_autoptr(sdm_json) value = sdm_json_new_object();

    sdm_json_set_string(value, "oslo.version", version);
    sdm_json_set_string(value, "oslo.message", message);
    return sdm_json_write(value, SDM_JSON_COMPACT, NULL);
}

static bool decode(const char *message, const char *topic, struct sdm_oslo_call *call,
                   GError **error)
{
    g_autofree char *text = envelope("2.0", message);

    return sdm_oslo_decode(text, strlen(text), topic, call, error);
}

/* True when every byte still is what the test put there. */
static bool untouched(const void *out, size_t size)
{
    const unsigned char *bytes = out;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0x5a) {
            return false;
        }
    }
    return true;
}

Test(oslo, a_call_is_read_whole)
{
    struct sdm_oslo_call call;
    g_autoptr(GError) error = NULL;
    const char *key = NULL;

    cr_assert(decode("{\"method\":\"s10.reserve\",\"args\":{\"key\":\"k1\"},\"_msg_id\":\"m1\","
                     "\"_reply_q\":\"reply_7\",\"_timeout\":2.5,\"_unique_id\":\"u\","
                     "\"_context_auth_token\":\"secret\",\"_context_sdm_token\":\"other\"}",
                     "s10", &call, &error),
              "%s", error ? error->message : "");
    cr_assert_str_eq(call.type, "s10.reserve/1");
    cr_assert_str_eq(call.msg_id, "m1");
    cr_assert_str_eq(call.reply_queue, "reply_7");
    cr_assert_str_eq(call.token, "secret");
    cr_assert_eq(call.timeout_ms, 2500);
    cr_assert(sdm_json_get_string(call.args, "key", &key, NULL));
    cr_assert_str_eq(key, "k1");
    sdm_oslo_call_done(&call);
    cr_assert_null(call.args);
}

Test(oslo, a_cast_without_anything_is_a_call_too)
{
    struct sdm_oslo_call call;

    cr_assert(decode("{\"method\":\"status\",\"_msg_id\":null,\"_timeout\":null,"
                     "\"_context_auth_token\":null,\"_context_sdm_token\":\"t\"}",
                     "s11", &call, NULL));
    cr_assert_str_eq(call.type, "s11.status/1");
    cr_assert_str_eq(call.msg_id, "");
    cr_assert_str_eq(call.reply_queue, "");
    cr_assert_str_eq(call.token, "t");
    cr_assert_eq(call.timeout_ms, 0);
    cr_assert_eq(sdm_json_kind(call.args), SDM_JSON_OBJECT);
    cr_assert_eq(sdm_json_length(call.args), 0);
    sdm_oslo_call_done(&call);
}

Test(oslo, methods_become_types)
{
    static const struct {
        const char *topic;
        const char *members;
        const char *type;
    } rows[] = {
        {"s10", "\"method\":\"reserve\"", "s10.reserve/1"},
        {"s10.pod-a", "\"method\":\"group.join\"", "s10.group.join/1"},
        {"s11", "\"method\":\"s10.show\"", "s10.show/1"},
        {"s9", "\"method\":\"register\"", "s11.register/1"},
        {"s10", "\"method\":\"s9.register\"", "s11.register/1"},
        {"s10", "\"method\":\"retire\",\"namespace\":\"s11\"", "s11.retire/1"},
        {"s10", "\"method\":\"reserve\",\"version\":\"1.3\"", "s10.reserve/1"},
        {"s10", "\"method\":\"reserve\",\"version\":\"2.0\"", "s10.reserve/2"},
        {"s10", "\"method\":\"reserve\",\"version\":\"x\"", "s10.reserve/0"},
        {"s10", "\"method\":7", ""},
        {"s10", "\"namespace\":\"s11\"", ""},
        {"a-topic-longer-than-any-of-ours", "\"method\":\"reserve\"", "a-topic-longer-.reserve/1"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *message = g_strdup_printf("{%s}", rows[i].members);
        struct sdm_oslo_call call;

        cr_assert(decode(message, rows[i].topic, &call, NULL), "%s", message);
        cr_assert_str_eq(call.type, rows[i].type, "%s: %s", message, call.type);
        sdm_oslo_call_done(&call);
    }
}

Test(oslo, a_method_longer_than_any_type_names_none)
{
    g_autofree char *name = g_strnfill(SDM_OSLO_TYPE_SIZE, 'm');
    g_autofree char *message = g_strdup_printf("{\"method\":\"%s\"}", name);
    struct sdm_oslo_call call;

    cr_assert(decode(message, "s10", &call, NULL));
    cr_assert_str_eq(call.type, "");
    sdm_oslo_call_done(&call);
}

Test(oslo, arguments_of_another_kind_are_left_to_the_codec)
{
    struct sdm_oslo_call call;

    cr_assert(decode("{\"method\":\"reserve\",\"args\":[1]}", "s10", &call, NULL));
    cr_assert_eq(sdm_json_kind(call.args), SDM_JSON_LIST);
    sdm_oslo_call_done(&call);
}

Test(oslo, bad_envelopes_are_refused)
{
    g_autofree char *long_id = g_strnfill(SDM_OSLO_ID_SIZE, 'i');
    g_autofree char *too_long = g_strdup_printf("{\"_msg_id\":\"%s\"}", long_id);
    g_autofree char *token = g_strnfill(SDM_OSLO_TOKEN_SIZE, 't');
    g_autofree char *long_token = g_strdup_printf("{\"_context_sdm_token\":\"%s\"}", token);
    const struct {
        const char *version;
        const char *message;
        enum sdm_error_code code;
    } rows[] = {
        {"2.0", "nonsense", SDM_ERROR_MALFORMED},
        {"2.0", "[]", SDM_ERROR_MALFORMED},
        {"3.0", "{}", SDM_ERROR_INVALID_VALUE},
        {NULL, "{}", SDM_ERROR_WRONG_TYPE},
        {"2.0", NULL, SDM_ERROR_WRONG_TYPE},
        {"2.0", "{\"_msg_id\":7}", SDM_ERROR_WRONG_TYPE},
        {"2.0", "{\"_reply_q\":[]}", SDM_ERROR_WRONG_TYPE},
        {"2.0", "{\"_context_auth_token\":{}}", SDM_ERROR_WRONG_TYPE},
        {"2.0", too_long, SDM_ERROR_OUT_OF_RANGE},
        {"2.0", long_token, SDM_ERROR_OUT_OF_RANGE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = envelope(rows[i].version, rows[i].message);
        g_autoptr(GError) error = NULL;
        struct sdm_oslo_call call;

        memset(&call, 0x5a, sizeof call);
        cr_assert_not(sdm_oslo_decode(text, strlen(text), "s10", &call, &error), "row %zu", i);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "row %zu: %s", i,
                  error->message);
        cr_assert(untouched(&call, sizeof call), "row %zu: output touched", i);
    }
}

Test(oslo, what_is_no_envelope_is_refused)
{
    struct sdm_oslo_call call;
    g_autoptr(GError) broken = NULL;
    g_autoptr(GError) bare = NULL;

    cr_assert_not(sdm_oslo_decode("{", 1, "s10", &call, &broken));
    cr_assert_eq(broken->code, SDM_ERROR_MALFORMED);
    cr_assert_not(sdm_oslo_decode("{}", 2, "s10", &call, &bare));
    cr_assert_eq(bare->code, SDM_ERROR_MISSING_MEMBER);
}

Test(oslo, envelopes_are_told_from_messages)
{
    static const struct {
        const char *text;
        bool envelope;
    } rows[] = {
        {"{\"oslo.version\": \"2.0\", \"oslo.message\": \"{}\"}", true},
        {"{\"oslo.message\":\"{}\",\"oslo.version\":\"2.0\"}", true},
        {"{\"key\":\"k\"}", false},
        {"{\"key\":\"a \\\"oslo.version\\\" b\"}", false},
        {"", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert_eq(sdm_oslo_recognise(rows[i].text, strlen(rows[i].text)), rows[i].envelope, "%s",
                     rows[i].text);
    }
}

/* The JSON object inside an envelope that we made. */
static struct sdm_json *opened(const char *text)
{
    g_autoptr(sdm_json) value = sdm_json_parse(text, strlen(text), &sdm_json_limits_default, NULL);
    const char *version;
    const char *message;

    cr_assert(sdm_json_get_string(value, "oslo.version", &version, NULL));
    cr_assert_str_eq(version, "2.0");
    cr_assert(sdm_json_get_string(value, "oslo.message", &message, NULL));
    return sdm_json_parse(message, strlen(message), &sdm_json_limits_default, NULL);
}

static const char *string_of(const struct sdm_json *object, const char *name)
{
    const char *text = NULL;

    cr_assert(sdm_json_get_string(object, name, &text, NULL), "%s", name);
    return text;
}

Test(oslo, a_reply_carries_its_result)
{
    const char *body = "{\"done\":true}";
    g_autofree char *text = sdm_oslo_encode_reply("m1", "s10.reply/1", body, strlen(body), NULL);
    g_autoptr(sdm_json) message = opened(text);
    g_autofree char *result =
        sdm_json_write(sdm_json_member(message, "result"), SDM_JSON_COMPACT, NULL);

    cr_assert_str_eq(result, body);
    cr_assert_eq(sdm_json_kind(sdm_json_member(message, "failure")), SDM_JSON_NULL);
    cr_assert(sdm_json_as_boolean(sdm_json_member(message, "ending")));
    cr_assert_str_eq(string_of(message, "_msg_id"), "m1");
    cr_assert_eq(strlen(string_of(message, "_unique_id")), 36);
}

Test(oslo, an_error_becomes_a_failure)
{
    const char *body = "{\"code\":\"NO_CAPACITY\",\"text\":\"need 2, found 1\"}";
    g_autofree char *text = sdm_oslo_encode_reply("m1", "error/1", body, strlen(body), NULL);
    g_autoptr(sdm_json) message = opened(text);
    const char *inner = string_of(message, "failure");
    g_autoptr(sdm_json) failure =
        sdm_json_parse(inner, strlen(inner), &sdm_json_limits_default, NULL);

    cr_assert_eq(sdm_json_kind(sdm_json_member(message, "result")), SDM_JSON_NULL);
    cr_assert_str_eq(string_of(failure, "class"), "NO_CAPACITY");
    cr_assert_str_eq(string_of(failure, "module"), "sdm");
    cr_assert_str_eq(string_of(failure, "message"), "need 2, found 1");
    cr_assert_eq(sdm_json_kind(sdm_json_member(failure, "tb")), SDM_JSON_LIST);
    cr_assert_eq(sdm_json_kind(sdm_json_member(failure, "kwargs")), SDM_JSON_OBJECT);
    cr_assert_eq(sdm_json_length(sdm_json_member(failure, "args")), 2);
}

Test(oslo, an_error_without_code_is_internal)
{
    g_autofree char *text = sdm_oslo_encode_reply("m1", "error/1", "{}", 2, NULL);
    g_autoptr(sdm_json) message = opened(text);

    cr_assert_not_null(strstr(string_of(message, "failure"), "\"class\":\"INTERNAL\""));
}

Test(oslo, a_body_that_is_no_json_is_refused)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_oslo_encode_reply("m1", "s10.reply/1", "x", 1, &error));
    cr_assert_eq(error->code, SDM_ERROR_MALFORMED);
}

Test(oslo, a_heartbeat_does_not_end_the_call)
{
    g_autofree char *text = sdm_oslo_encode_heartbeat("m1");
    g_autoptr(sdm_json) message = opened(text);

    cr_assert_not(sdm_json_as_boolean(sdm_json_member(message, "ending")));
    cr_assert_eq(sdm_json_kind(sdm_json_member(message, "result")), SDM_JSON_NULL);
}
