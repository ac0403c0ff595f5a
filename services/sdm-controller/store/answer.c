#include "sdm-controller/store/answer.h"

#include <string.h>

#include "lib/wire/oslo.h"
#include "sdm-controller/store/outbox.h"

bool sdm_answer_finish(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                       const char *reply_type, const char *body, struct sdm_arena *arena,
                       GError **error)
{
    struct sdm_reply_address address = {0};
    struct sdm_outbox_message message = {.exchange = "", .type = reply_type, .body = body};
    g_autofree char *enveloped = NULL;
    bool finished;

    if (!sdm_stored_reply_finish(tx, row->project, row->key, reply_type, body, arena, &address,
                                 &finished, error)) {
        return false;
    }
    if (!finished || address.reply_to == NULL) {
        return true;
    }
    if (address.oslo_msg_id != NULL) {
        enveloped =
            sdm_oslo_encode_reply(address.oslo_msg_id, reply_type, body, strlen(body), error);
        if (enveloped == NULL) {
            return false;
        }
        message.body = enveloped;
    }
    message.routing_key = address.reply_to;
    message.correlation_id = address.correlation_id;
    sdm_outbox_add(tx, &message);
    return true;
}
