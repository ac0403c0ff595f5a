/* The counters of one connection.  Thread rule: any. */
#pragma once

#include "lib/svc/metrics.h"

struct sdm_metering {
    struct sdm_gauge *connected;
    struct sdm_counter *connects;
    struct sdm_counter *losses;
    struct sdm_counter *published;
    struct sdm_counter *outcomes[4]; /* by enum sdm_amqp_outcome */
    struct sdm_counter *delivered;
    struct sdm_counter *settled[3]; /* by enum sdm_amqp_verdict */
    struct sdm_counter *ack_frames;
    struct sdm_counter *late;
    struct sdm_gauge *blocked;
    struct sdm_histogram *confirm;
};

void sdm_metering_init(struct sdm_metering *metering, struct sdm_metrics *metrics,
                       const char *connection);
