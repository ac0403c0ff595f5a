#include "sdm-controller/store/answer.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/wire/codec.h"
#include "lib/wire/oslo.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/outbox.h"
#include "wire/error.h"

/* How it ended: by the message itself, so that log and answer cannot differ. */
static void note_end(struct sdm_tx *tx, const struct sdm_stored_reply *row, const char *reply_type,
                     const char *body, struct sdm_arena *arena)
{
    struct sdm_error told;
    struct sdm_audit_entry entry = {
        .action = SDM_AUDIT_ANSWER,
        .project = row->project,
        .type = row->type,
        .key = row->key,
        .object_kind = row->reservation != NULL ? "reservation" : NULL,
        .object = row->reservation,
        .digest = row->fingerprint,
    };
    g_autofree char *reached = g_strdup_printf("reached %s", sdm_wait_level_name(row->wait));

    entry.summary = reached;
    if (strcmp(reply_type, sdm_error_codec.type) == 0 &&
        sdm_codec_decode(&sdm_error_codec, body, strlen(body), arena, &told, NULL)) {
        entry.outcome = sdm_error_code_name(told.code);
        entry.summary = told.text;
    }
    sdm_audit_note(tx, &entry);
}

static bool send_to(struct sdm_tx *tx, const struct sdm_reply_address *asker,
                    const char *reply_type, const char *body, GError **error)
{
    struct sdm_outbox_message message = {.exchange = "",
                                         .routing_key = asker->reply_to,
                                         .correlation_id = asker->correlation_id,
                                         .type = reply_type,
                                         .body = body};
    g_autofree char *enveloped = NULL;

    if (asker->reply_to == NULL) {
        return true;
    }
    if (asker->oslo_msg_id != NULL) {
        enveloped =
            sdm_oslo_encode_reply(asker->oslo_msg_id, reply_type, body, strlen(body), error);
        if (enveloped == NULL) {
            return false;
        }
        message.body = enveloped;
    }
    sdm_outbox_add(tx, &message);
    return true;
}

bool sdm_answer_finish(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                       const char *reply_type, const char *body, struct sdm_arena *arena,
                       GError **error)
{
    struct sdm_reply_address *askers;
    size_t n_askers;

    if (!sdm_stored_reply_finish(tx, row->project, row->key, reply_type, body, arena, &askers,
                                 &n_askers, error)) {
        return false;
    }
    if (n_askers > 0) {
        note_end(tx, row, reply_type, body, arena);
    }
    for (size_t i = 0; i < n_askers; i++) {
        if (!send_to(tx, &askers[i], reply_type, body, error)) {
            return false;
        }
    }
    return true;
}
