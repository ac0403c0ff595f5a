/* The envelope of oslo.messaging, so that OpenStack services call S10 and S11 as they call each
 * other.
 *
 *   {"oslo.version": "2.0", "oslo.message": "<JSON text>"}
 *
 * with method, args, _msg_id, _reply_q, _timeout and the caller's context inside; the reply goes to
 * the default exchange, routing key _reply_q, in the same envelope.  Follows oslo.messaging 14.0,
 * _drivers/common.py and _drivers/amqpdriver.py.
 *
 * Thread rule: no state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/json/json.h"

enum {
    SDM_OSLO_TYPE_SIZE = 128,
    SDM_OSLO_ID_SIZE = 65,
    SDM_OSLO_QUEUE_SIZE = 256,
    SDM_OSLO_TOKEN_SIZE = 2049,
};

struct sdm_oslo_call {
    /* "s10.reserve/1": from the method "s10.reserve", or "reserve" with the namespace or topic s10;
     * the target's major version, 1 unless given.  Empty when no method is named, or a longer one
     * than any of ours: no type of that name exists. */
    char type[SDM_OSLO_TYPE_SIZE];
    /* Empty for a cast, which wants no reply. */
    char msg_id[SDM_OSLO_ID_SIZE];
    char reply_queue[SDM_OSLO_QUEUE_SIZE];
    /* _context_auth_token, else _context_sdm_token; empty without either. */
    char token[SDM_OSLO_TOKEN_SIZE];
    /* The caller gives up without a heartbeat in this time; 0: it watches for none. */
    uint64_t timeout_ms;
    /* The request's body: sdm_codec_decode_value() refuses what is no object. */
    struct sdm_json *args;
};

/* True when the bytes hold such an envelope, readable or not.  Cost: one search. */
bool sdm_oslo_recognise(const void *bytes, size_t size);

/* Reads a call that came with 'topic' as its routing key: "s10", "s10.pod-a", "s9" (the same as
 * "s11").  False with '*call' untouched and SDM_ERROR set: MALFORMED, MISSING_MEMBER, WRONG_TYPE,
 * OUT_OF_RANGE (an id, queue or token too long), INVALID_VALUE (another version of the envelope).
 * Nobody can be told then: where the reply goes is in what could not be read. */
bool sdm_oslo_decode(const void *bytes, size_t size, const char *topic, struct sdm_oslo_call *call,
                     GError **error);

/* Gives back what decode put there; a zeroed call is left alone. */
void sdm_oslo_call_done(struct sdm_oslo_call *call);

/* The reply to 'msg_id' with the JSON text 'body' of a message 'type' inside: the result, or the
 * failure when 'type' is "error/1" (class: the code, module "sdm", message: the text, args: the
 * text and the whole error).  g_free(); NULL with SDM_ERROR set when 'body' is no JSON object. */
char *sdm_oslo_encode_reply(const char *msg_id, const char *type, const char *body, size_t size,
                            GError **error);

/* What tells a caller with a timeout that its call is still worked on.  g_free(). */
char *sdm_oslo_encode_heartbeat(const char *msg_id);
