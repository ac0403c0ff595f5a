#include "sdmctl/session.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdmctl/progress.h"

#define MAX_ATTEMPTS 5
#define RECONNECT_MS 10000
#define BACKOFF_US   200000

bool sdm_ctl_connect(struct sdm_ctl *ctl, GError **error)
{
    struct sdm_amqp_config config = {.name = "sdmctl",
                                     .connect_timeout_ms = MIN(ctl->reply_timeout_ms, 5000)};

    sdm_amqp_options_apply(&ctl->globals.broker, &config);
    if (ctl->client == NULL) {
        ctl->client = sdm_amqp_client_new(&config, error);
    }
    return ctl->client != NULL;
}

static struct sdm_amqp_delivery *publish(struct sdm_ctl *ctl, const struct sdm_ctl_call *call,
                                         const char *body, size_t size, GError **error)
{
    const struct sdm_amqp_header token = {"sdm-token", ctl->globals.token};
    char routing_key[4] = {0};
    struct sdm_amqp_message message = {
        .exchange = "sdm",
        .routing_key = routing_key,
        .type = call->type,
        .content_type = "application/json",
        .headers = &token,
        .n_headers = ctl->globals.token != NULL && ctl->globals.token[0] != '\0',
        .body = body,
        .size = size,
        .is_persistent = true,
    };

    memcpy(routing_key, call->type, strcspn(call->type, "."));
    return sdm_amqp_client_call(ctl->client, &message,
                                (unsigned)(call->wait_ms + ctl->reply_timeout_ms), error);
}

/* Takes the refusal apart; SDM_ERROR set with its code. */
static void take_refusal(struct sdm_ctl *ctl, const struct sdm_amqp_message *reply, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!sdm_codec_decode(&sdm_error_codec, reply->body, reply->size, ctl->arena, &ctl->refusal,
                          &cause)) {
        sdm_fail(error, "cannot read the refusal: %s", cause->message);
        return;
    }
    ctl->is_refused = true;
    sdm_refuse(error, ctl->refusal.code, "%s", ctl->refusal.text);
}

static void *read_reply(struct sdm_ctl *ctl, const struct sdm_ctl_call *call,
                        const struct sdm_amqp_message *reply, GError **error)
{
    const struct sdm_codec *codec = call->reply;
    g_autoptr(GError) cause = NULL;
    void *out;

    if (g_strcmp0(reply->type, sdm_error_codec.type) == 0) {
        take_refusal(ctl, reply, error);
        return NULL;
    }
    if (g_strcmp0(reply->type, codec->type) != 0) {
        sdm_fail(error, "want a reply %s, found %s", codec->type,
                 reply->type != NULL ? reply->type : "one without a type");
        return NULL;
    }
    out = sdm_arena_alloc(ctl->arena, 1, codec->size);
    if (!sdm_codec_decode(codec, reply->body, reply->size, ctl->arena, out, &cause)) {
        sdm_fail(error, "cannot read the reply %s: %s", codec->type, cause->message);
        return NULL;
    }
    return out;
}

/* Is another attempt worth it, and when it is, can there be one?  A connection that still stands
 * has said what it has to say: no time, no room, nobody listens. */
static bool may_repeat(struct sdm_ctl *ctl, const GError *error, unsigned attempt)
{
    struct sdm_amqp *amqp = sdm_amqp_client_get_connection(ctl->client);
    bool is_internal = g_error_matches(error, SDM_ERROR, SDM_ERROR_INTERNAL);

    if (attempt + 1 >= MAX_ATTEMPTS || (!is_internal && !sdm_amqp_client_was_lost(ctl->client)) ||
        (!is_internal && error->domain != SDM_UNAVAILABLE)) {
        return false;
    }
    g_usleep((gulong)BACKOFF_US << attempt);
    return sdm_amqp_wait_connected(amqp, RECONNECT_MS, false, NULL);
}

static void *attempt_call(struct sdm_ctl *ctl, const struct sdm_ctl_call *call, const char *body,
                          size_t size, GError **error)
{
    g_autoptr(sdm_ctl_progress) progress = sdm_ctl_progress_start(call->awaited);
    g_autoptr(sdm_amqp_delivery) delivery = publish(ctl, call, body, size, error);
    void *reply;

    if (delivery == NULL) {
        return NULL;
    }
    g_clear_pointer(&progress, sdm_ctl_progress_end);
    ctl->is_refused = false;
    reply = read_reply(ctl, call, &delivery->message, error);
    if (reply != NULL && ctl->globals.json) {
        fwrite(delivery->message.body, 1, delivery->message.size, stdout);
        putchar('\n');
    }
    return reply;
}

void *sdm_ctl_call(struct sdm_ctl *ctl, const struct sdm_ctl_call *call, GError **error)
{
    size_t size = 0;
    g_autofree char *body = sdm_json_write(call->body, SDM_JSON_COMPACT, &size);

    if (!sdm_ctl_connect(ctl, error)) {
        return NULL;
    }
    for (unsigned attempt = 0;; attempt++) {
        g_autoptr(GError) cause = NULL;
        void *reply;

        if (ctl->globals.verbose) {
            fprintf(stderr, "sdmctl: %s %s\n", call->type, body);
        }
        reply = attempt_call(ctl, call, body, size, &cause);
        if (reply != NULL) {
            return reply;
        }
        if (!may_repeat(ctl, cause, attempt)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return NULL;
        }
        fprintf(stderr, "sdmctl: %s; repeating with the same key\n", cause->message);
    }
}
