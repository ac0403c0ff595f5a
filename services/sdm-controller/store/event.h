/* Events of reservations and drift, written with what they tell of.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/model/work.h"
#include "sdm-controller/store/tx.h"
#include "wire/event.h"

/* Queues event.reservation/1, routing key event.reservation.<project>. */
void sdm_event_reservation(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                           const struct sdm_event_reservation *event);

/* Queues event.drift/1, routing key event.drift.<device>, with the transaction's time. */
void sdm_event_drift(struct sdm_tx *tx, const struct sdm_work_sink *sink, const char *device,
                     enum sdm_drift_kind kind, const char *text,
                     enum sdm_event_drift_action action);

/* Queues event.vm/1, routing key event.vm.<project>, '-' for none. */
void sdm_event_vm(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                  const struct sdm_event_vm *event);

/* Queues event.audit_head/1, routing key event.audit_head.<pod>. */
void sdm_event_audit_head(struct sdm_tx *tx, const struct sdm_work_sink *sink,
                          const struct sdm_event_audit_head *event);
