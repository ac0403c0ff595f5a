/* What has to happen outside the database once a transaction has been committed: work for the
 * synthesizer, and bytes, windows and circuits that go back to the ledger. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/id.h"

enum sdm_work_kind {
    /* Bring a circuit where it is wanted; 'id' is the circuit. */
    SDM_WORK_CIRCUIT,
    /* Send a compute brick its wanted state; 'device_no' is the brick. */
    SDM_WORK_AGENT,
    /* Bring a brick's power where it is wanted; 'device_no' is the brick. */
    SDM_WORK_POWER,
    /* Scrub a segment; 'id' is the segment. */
    SDM_WORK_SCRUB,
    /* Look at a reservation again; 'id' is the reservation. */
    SDM_WORK_SETTLE,
    /* An extent is free: 'device_no', 'offset_bytes', 'size_bytes'. */
    SDM_WORK_FREE_EXTENT,
    /* A NetPort window is free: 'device_no', 'entry'. */
    SDM_WORK_FREE_WINDOW,
    /* A circuit is gone: 'device_no' is its compute brick, 'peer_no' the brick at its other end. */
    SDM_WORK_DROP_CIRCUIT,
    /* A row stands in the outbox. */
    SDM_WORK_OUTBOX,
};

struct sdm_work {
    enum sdm_work_kind kind;
    char id[SDM_UUID_SIZE];
    int32_t device_no;
    int32_t peer_no;
    int32_t entry;
    int64_t offset_bytes;
    int64_t size_bytes;
};

/* Where work goes; main gives it.  'post' is called from any thread, after the commit, and does not
 * block. */
struct sdm_work_sink {
    void (*post)(void *data, const struct sdm_work *items, size_t n_items);
    void *data;
};
