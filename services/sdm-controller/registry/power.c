#include "sdm-controller/registry/power.h"

#include "lib/base/error.h"
#include "lib/wire/codec.h"
#include "sdm-controller/registry/brick.h"
#include "sdm-controller/store/answer.h"
#include "wire/error.h"

/* The reply as text: the brick as it is now, or why it is not as it was wanted. */
static char *write_reply(struct sdm_registry *registry, struct sdm_tx *tx,
                         const struct sdm_topology *topology, const struct sdm_device *device,
                         const GError *refusal, struct sdm_arena *arena, const char **type,
                         GError **error)
{
    struct sdm_error message = {0};
    struct sdm_outcome outcome = {0};

    if (refusal != NULL) {
        *type = sdm_error_codec.type;
        message.code = sdm_error_verdict(refusal);
        g_strlcpy(message.text, refusal->message, sizeof message.text);
        return sdm_codec_encode(&sdm_error_codec, &message, NULL);
    }
    if (!sdm_brick_reply(registry, tx->pg, topology, device, arena, &outcome, error)) {
        return NULL;
    }
    *type = outcome.reply_type;
    return sdm_codec_encode(outcome.reply_codec, outcome.reply, NULL);
}

static bool answer(struct sdm_registry *registry, struct sdm_tx *tx,
                   const struct sdm_topology *topology, const struct sdm_device *device,
                   const GError *refusal, struct sdm_arena *arena, GError **error)
{
    g_autofree char *body = NULL;
    struct sdm_stored_reply *rows;
    const char *type = NULL;
    size_t n;

    if (!sdm_stored_reply_pending(tx->pg, NULL, device->device_no, arena, &rows, &n, error)) {
        return false;
    }
    if (n == 0) {
        return true;
    }
    body = write_reply(registry, tx, topology, device, refusal, arena, &type, error);
    for (size_t i = 0; body != NULL && i < n; i++) {
        if (!sdm_answer_finish(tx, &rows[i], type, body, arena, error)) {
            return false;
        }
    }
    return body != NULL;
}

bool sdm_registry_power_done(struct sdm_registry *registry, struct sdm_tx *tx, int32_t device_no,
                             const GError *refusal, struct sdm_arena *arena, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device;
    struct sdm_ledger_use use = {0};
    bool on;

    sdm_ledger_lock(registry->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_use(registry->ledger, device_no, &use);
    sdm_ledger_unlock(registry->ledger);
    device = sdm_topology_device(topology, device_no);
    if (device == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", device_no);
    }
    on = (refusal == NULL) == (use.want_power == SDM_POWER_STATE_ON);
    sdm_brick_event(registry, tx, device, use.state, on ? SDM_POWER_STATE_ON : SDM_POWER_STATE_OFF,
                    refusal == NULL ? (on ? "switched on" : "switched off") : refusal->message);
    return answer(registry, tx, topology, device, refusal, arena, error);
}
