#include "sdm-controller/dispatcher/request.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/wire/oslo.h"
#include "wire/error.h"

struct sdm_request *sdm_request_new_take(struct sdm_amqp_delivery *delivery, int64_t now_us)
{
    struct sdm_request *request = g_new0(struct sdm_request, 1);

    request->delivery = delivery;
    request->received_us = now_us;
    request->type = "";
    return request;
}

void sdm_request_free(struct sdm_request *request)
{
    if (request == NULL) {
        return;
    }
    g_clear_error(&request->refusal);
    g_clear_pointer(&request->arena, sdm_arena_free);
    sdm_amqp_delivery_free(request->delivery);
    g_free(request->reply);
    g_free(request);
}

const struct sdm_route *sdm_request_peek_route(const struct sdm_amqp_delivery *delivery)
{
    return delivery->message.type != NULL ? sdm_route_find(delivery->message.type) : NULL;
}

static bool read_body(struct sdm_request *request, const struct sdm_oslo_call *call, GError **error)
{
    const struct sdm_codec *codec = request->route->codec;
    const struct sdm_amqp_message *message = &request->delivery->message;

    request->message = sdm_arena_alloc(request->arena, 1, codec->size);
    return call != NULL
               ? sdm_codec_decode_value(codec, call->args, request->arena, request->message, error)
               : sdm_codec_decode(codec, message->body, message->size, request->arena,
                                  request->message, error);
}

/* A request on behalf of another project is an admin's, and is that project's from here on. */
static bool read_members(struct sdm_request *request, GError **error)
{
    struct sdm_request_members *members = &request->members;

    request->is_read = true;
    sdm_route_members(request->route->codec, request->message, members);
    if (members->project != NULL && strcmp(members->project, request->caller.project) != 0) {
        if (request->caller.role != SDM_ROLE_ADMIN) {
            return sdm_refuse(error, SDM_ERROR_FORBIDDEN, "want project '%s', the token is of '%s'",
                              members->project, request->caller.project);
        }
        g_strlcpy(request->caller.project, members->project, sizeof request->caller.project);
    }
    if (request->route->write != NULL) {
        sdm_codec_fingerprint(request->route->codec, request->message, request->fingerprint);
    }
    return true;
}

static bool read_typed(struct sdm_request *request, const char *token,
                       const struct sdm_oslo_call *call, const struct sdm_auth *auth,
                       GError **error)
{
    static const char *const roles[] = {"reader", "member", "admin"};

    /* First, because the audit log wants to know what a stranger asked for. */
    request->route = sdm_route_find(request->type);
    if (!auth->authenticate(auth->self, token, &request->caller, error)) {
        return false;
    }
    if (request->route == NULL) {
        return sdm_refuse(error, SDM_ERROR_UNKNOWN_MESSAGE, "no message '%s'", request->type);
    }
    if (request->caller.role < request->route->role) {
        return sdm_refuse(error, SDM_ERROR_FORBIDDEN, "%s needs role %s, '%s' is %s", request->type,
                          roles[request->route->role], request->caller.user,
                          roles[request->caller.role]);
    }
    return read_body(request, call, error) && read_members(request, error);
}

static bool read_oslo(struct sdm_request *request, const struct sdm_auth *auth, GError **error)
{
    const struct sdm_amqp_message *message = &request->delivery->message;
    struct sdm_oslo_call call = {0};
    bool ok;

    if (!sdm_oslo_decode(message->body, message->size, message->routing_key, &call, error)) {
        return false;
    }
    /* A cast has no id and gets no reply. */
    request->address = (struct sdm_reply_address){0};
    if (call.msg_id[0] != '\0' && call.reply_queue[0] != '\0') {
        request->address.reply_to = sdm_arena_strdup(request->arena, call.reply_queue);
        request->address.oslo_msg_id = sdm_arena_strdup(request->arena, call.msg_id);
    }
    request->type = sdm_arena_strdup(request->arena, call.type);
    ok = read_typed(request, call.token, &call, auth, error);
    sdm_oslo_call_done(&call);
    return ok;
}

void sdm_request_open(struct sdm_request *request)
{
    const struct sdm_amqp_message *message = &request->delivery->message;

    request->arena = sdm_arena_new();
    request->address.reply_to = message->reply_to;
    request->address.correlation_id = message->correlation_id;
    request->type = message->type != NULL ? message->type : "";
}

bool sdm_request_read(struct sdm_request *request, const struct sdm_auth *auth, GError **error)
{
    const struct sdm_amqp_message *message = &request->delivery->message;

    sdm_request_open(request);
    if (message->type == NULL && sdm_oslo_recognise(message->body, message->size)) {
        return read_oslo(request, auth, error);
    }
    return read_typed(request, sdm_amqp_message_get_header(message, "sdm-token"), NULL, auth,
                      error);
}

#ifdef SDM_FAULTS
bool sdm_request_fault(const struct sdm_request *request, GError **error)
{
    g_autofree char *point = g_strconcat("request.", request->type, NULL);

    return sdm_fault(point, error);
}
#else
bool sdm_request_fault(const struct sdm_request *request, GError **error)
{
    (void)request;
    (void)error;
    return false;
}
#endif

void sdm_request_reset(struct sdm_request *request)
{
    request->state = SDM_REQUEST_NEW;
    request->is_stored = false;
    request->outcome = (struct sdm_outcome){0};
    request->reply_type = NULL;
    request->refusal_code = NULL;
    request->refusal_text = NULL;
    g_clear_pointer(&request->reply, g_free);
}

static void set_reply(struct sdm_request *request, const char *type, char *body)
{
    g_free(request->reply);
    request->reply_type = type;
    request->reply = body;
    request->state = SDM_REQUEST_ANSWERED;
}

void sdm_request_answer(struct sdm_request *request)
{
    const struct sdm_outcome *outcome = &request->outcome;

    set_reply(request, outcome->reply_type,
              sdm_codec_encode(outcome->reply_codec, outcome->reply, NULL));
}

void sdm_request_answer_error(struct sdm_request *request, const GError *error)
{
    struct sdm_error message = {0};

    if (request->outcome.refusal != NULL) {
        message = *request->outcome.refusal;
    }
    message.code = sdm_error_verdict(error);
    /* What failed inside is for the log; the requester is told that it did. */
    g_strlcpy(message.text,
              error->domain == SDM_ERROR || error->domain == SDM_UNAVAILABLE
                  ? error->message
                  : "the request could not be carried out; repeat it with the same key",
              sizeof message.text);
    request->refusal_code = sdm_error_code_name(message.code);
    request->refusal_text = sdm_arena_strdup(request->arena, message.text);
    set_reply(request, sdm_error_codec.type, sdm_codec_encode(&sdm_error_codec, &message, NULL));
}

void sdm_request_answer_stored(struct sdm_request *request, const struct sdm_stored_reply *stored)
{
    set_reply(request, stored->reply_type, g_strdup(stored->reply));
    request->reply_type = sdm_arena_strdup(request->arena, stored->reply_type);
}
