/* What has to happen outside the database once a transaction has been committed. */
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
    /* Scrub a segment and free it; 'id' is the segment. */
    SDM_WORK_SCRUB,
    /* Move a reservation on; 'id' is the reservation. */
    SDM_WORK_SETTLE,
    /* Compare a switch with what circuits want of it; 'device_no' is the switch. */
    SDM_WORK_AUDIT,
    /* A row stands in the outbox. */
    SDM_WORK_OUTBOX,
    /* Cut a compute brick off; 'device_no' is the brick. */
    SDM_WORK_FENCE,
    /* Ask a brick or switch whether it is there; 'device_no' is the device. */
    SDM_WORK_PROBE,
    /* Compare what is mapped of a memory brick with what is known; 'device_no' is the brick. */
    SDM_WORK_EXTENTS,
};
#define SDM_N_WORK_KIND 10

struct sdm_work {
    enum sdm_work_kind kind;
    char id[SDM_UUID_SIZE];
    int32_t device_no;
};

/* Where work goes; main gives it.  'post' is called from any thread, after the commit, and does not
 * block.  The same work posted twice is done once or twice. */
struct sdm_work_sink {
    void (*post)(void *data, const struct sdm_work *work);
    void *data;
};
