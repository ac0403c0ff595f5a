#include "sdm-controller/store/event.h"

#include "lib/wire/codec.h"
#include "sdm-controller/store/outbox.h"
#include "sdm-controller/store/post.h"

static void queue(struct sdm_tx *tx, const struct sdm_work_sink *sink, const char *kind,
                  const char *topic, const struct sdm_codec *codec, const void *event)
{
    g_autofree char *routing_key = g_strdup_printf("event.%s.%s", kind, topic);
    g_autofree char *body = sdm_codec_encode(codec, event, NULL);
    struct sdm_outbox_message message = {
        .exchange = SDM_OUTBOX_EXCHANGE_EVENTS,
        .routing_key = routing_key,
        .type = codec->type,
        .body = body,
    };

    sdm_outbox_add(tx, &message);
    sdm_post_device(tx, sink, SDM_WORK_OUTBOX, 0);
}

void sdm_event_reservation(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                           const struct sdm_event_reservation *event)
{
    queue(tx, sink, "reservation", event->project, &sdm_event_reservation_codec, event);
}

void sdm_event_drift(struct sdm_tx *tx, const struct sdm_work_sink *sink, const char *device,
                     enum sdm_drift_kind kind, const char *text, enum sdm_event_drift_action action)
{
    struct sdm_event_drift event = {.kind = kind, .action = action};

    g_strlcpy(event.at, tx->now, sizeof event.at);
    g_strlcpy(event.device, device, sizeof event.device);
    g_strlcpy(event.text, text, sizeof event.text);
    queue(tx, sink, "drift", device, &sdm_event_drift_codec, &event);
}

void sdm_event_vm(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                  const struct sdm_event_vm *event)
{
    queue(tx, sink, "vm", event->has_project ? event->project : "-", &sdm_event_vm_codec, event);
}

void sdm_event_audit_head(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                          const struct sdm_event_audit_head *event)
{
    queue(tx, sink, "audit_head", event->pod, &sdm_event_audit_head_codec, event);
}
