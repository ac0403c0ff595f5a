#include "sdm-controller/registry/brick.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/wire/codec.h"
#include "sdm-controller/store/answer.h"
#include "sdm-controller/store/outbox.h"
#include "sdm-controller/store/post.h"
#include "wire/error.h"
#include "wire/event.h"

enum sdm_brick_kind sdm_brick_wire_kind(const struct sdm_device *device)
{
    switch (device->kind) {
    case SDM_DEVICE_KIND_COMPUTE:
        return SDM_BRICK_KIND_COMPUTE;
    case SDM_DEVICE_KIND_MEMORY:
        return SDM_BRICK_KIND_MEMORY;
    default:
        g_assert(device->kind == SDM_DEVICE_KIND_ACCELERATOR);
        return SDM_BRICK_KIND_ACCELERATOR;
    }
}

const struct sdm_device *sdm_brick_find(struct sdm_registry *registry, const char *id,
                                        struct sdm_topology **topology, GError **error)
{
    const struct sdm_device *device;

    sdm_ledger_lock(registry->ledger);
    *topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_unlock(registry->ledger);
    device = sdm_topology_find(*topology, id);
    if (device == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick '%s'", id);
        return NULL;
    }
    if (sdm_device_kind_is_switch(device->kind)) {
        sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is a switch", id);
        return NULL;
    }
    return device;
}

static uint64_t power_mw(const struct sdm_device *device, const struct sdm_device_usage *usage)
{
    bool is_used = usage->n_ports_used > 0 || usage->live_bytes > 0;

    if (usage->have_power == SDM_POWER_STATE_OFF || usage->state == SDM_BRICK_STATE_RETIRED) {
        return 0;
    }
    return (uint64_t)(is_used ? MAX(device->active_mw, device->idle_mw) : device->idle_mw);
}

void sdm_brick_fill(const struct sdm_registry *registry, const struct sdm_topology *topology,
                    const struct sdm_device *device, const struct sdm_device_usage *usage,
                    struct sdm_wire_brick_status *status)
{
    const struct sdm_tray *tray = sdm_topology_tray(topology, device->tray_no);

    *status = (struct sdm_wire_brick_status){
        .kind = sdm_brick_wire_kind(device),
        .state = usage->state,
        .has_fence = usage->is_fenced,
        .fence = usage->fence,
        .want_power = usage->want_power,
        .have_power = usage->have_power,
        .capacity_bytes = device->capacity_bytes,
        .live_bytes = (uint64_t)usage->live_bytes,
        .scrubbing_bytes = (uint64_t)usage->scrubbing_bytes,
        .quarantined_bytes = (uint64_t)usage->quarantined_bytes,
        .local_bytes = device->local_bytes,
        .attached_bytes = (uint64_t)usage->attached_bytes,
        .n_ports = (uint64_t)device->n_ports,
        .n_ports_used = (uint64_t)usage->n_ports_used,
        .power_mw = power_mw(device, usage),
        .has_accelerator_kind = device->accelerator_kind[0] != '\0',
        .has_reservation = usage->reservation[0] != '\0',
        .want_generation = (uint64_t)usage->want_generation,
        .have_generation = (uint64_t)usage->have_generation,
        .has_connected = device->kind == SDM_DEVICE_KIND_COMPUTE,
        .connected =
            usage->report_age_us >= 0 && usage->report_age_us <= registry->agent_silence_us,
    };
    g_strlcpy(status->id, device->id, sizeof status->id);
    g_strlcpy(status->tray, tray->id, sizeof status->tray);
    g_strlcpy(status->accelerator_kind, device->accelerator_kind, sizeof status->accelerator_kind);
    g_strlcpy(status->reservation, usage->reservation, sizeof status->reservation);
}

bool sdm_brick_reply(const struct sdm_registry *registry, struct sdm_pg *pg,
                     const struct sdm_topology *topology, const struct sdm_device *device,
                     struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_brick_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_brick_reply, 1);
    int64_t device_no = device->device_no;
    struct sdm_device_usage *usage;
    size_t n;

    if (!sdm_usage_of_devices(pg, &device_no, 1, arena, &usage, &n, error)) {
        return false;
    }
    if (n == 0) {
        return sdm_fail(error, "brick '%s' is not in the database", device->id);
    }
    sdm_brick_fill(registry, topology, device, usage, &reply->brick);
    reply->done = usage->have_power == usage->want_power &&
                  !(usage->is_fenced && (usage->fence == SDM_FENCE_STATE_CUTTING ||
                                         usage->fence == SDM_FENCE_STATE_RETURNING));
    outcome->reached = reply->done ? SDM_WAIT_LEVEL_GUEST : SDM_WAIT_LEVEL_COMMITTED;
    outcome->done = reply->done;
    outcome->device_no = device->device_no;
    outcome->reply_type = sdm_s11_brick_reply_codec.type;
    outcome->reply_codec = &sdm_s11_brick_reply_codec;
    outcome->reply = reply;
    return true;
}

/* The reply as text: the brick as it is now, or why it is not as it was wanted. */
static char *write_reply(const struct sdm_registry *registry, struct sdm_tx *tx,
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
    if (!sdm_brick_reply(registry, sdm_tx_read(tx), topology, device, arena, &outcome, error)) {
        return NULL;
    }
    *type = outcome.reply_type;
    return sdm_codec_encode(outcome.reply_codec, outcome.reply, NULL);
}

bool sdm_brick_answer(const struct sdm_registry *registry, struct sdm_tx *tx,
                      const struct sdm_topology *topology, const struct sdm_device *device,
                      const char *type, const GError *refusal, struct sdm_arena *arena,
                      GError **error)
{
    g_autofree char *body = NULL;
    struct sdm_stored_reply *rows;
    const char *reply_type = NULL;
    size_t n;

    if (!sdm_stored_reply_pending(sdm_tx_read(tx), NULL, device->device_no, arena, &rows, &n,
                                  error)) {
        return false;
    }
    if (n == 0) {
        return true;
    }
    body = write_reply(registry, tx, topology, device, refusal, arena, &reply_type, error);
    for (size_t i = 0; body != NULL && i < n; i++) {
        if (strcmp(rows[i].type, type) == 0 &&
            !sdm_answer_finish(tx, &rows[i], reply_type, body, arena, error)) {
            return false;
        }
    }
    return body != NULL;
}

void sdm_brick_event(const struct sdm_registry *registry, struct sdm_tx *tx,
                     const struct sdm_device *device, enum sdm_brick_state state,
                     enum sdm_power_state power, const char *text)
{
    g_autofree char *body = NULL;
    struct sdm_event_brick event = {
        .kind = sdm_brick_wire_kind(device),
        .state = state,
        .power = power,
    };

    g_strlcpy(event.at, tx->now, sizeof event.at);
    g_strlcpy(event.brick, device->id, sizeof event.brick);
    g_strlcpy(event.text, text, sizeof event.text);
    body = sdm_codec_encode(&sdm_event_brick_codec, &event, NULL);
    sdm_outbox_add(tx, &(struct sdm_outbox_message){
                           .exchange = SDM_OUTBOX_EXCHANGE_EVENTS,
                           .routing_key = "event.brick.-",
                           .type = sdm_event_brick_codec.type,
                           .body = body,
                       });
    sdm_post_id(tx, &registry->sink, SDM_WORK_OUTBOX, "");
}
