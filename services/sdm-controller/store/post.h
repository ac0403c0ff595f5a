/* Work that a transaction brings about, posted once it is committed.
 *
 * Thread rule: as the transaction. */
#pragma once

#include "sdm-controller/model/work.h"
#include "sdm-controller/store/tx.h"

/* Posts after the commit, never after a rollback. 'sink' outlives the transaction. */
void sdm_post_device(struct sdm_tx *tx, const struct sdm_work_sink *sink, enum sdm_work_kind kind,
                     int32_t device_no);
void sdm_post_id(struct sdm_tx *tx, const struct sdm_work_sink *sink, enum sdm_work_kind kind,
                 const char *id);
