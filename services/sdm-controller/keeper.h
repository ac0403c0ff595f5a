/* What has to happen as time goes by: requests that waited too long are told so, leases end, old
 * stored replies go, figures are counted.
 *
 * Thread rule: one thread of its own; waking from any. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "lib/svc/metrics.h"
#include "sdm-controller/model/work.h"

struct sdm_reservation_engine;

struct sdm_keeper_config {
    const char *database;
    int64_t epoch;
    struct sdm_reservation_engine *engine;
    struct sdm_work_sink sink;
    struct sdm_metrics *metrics;
    /* Another leads. */
    void (*on_superseded)(void *user);
    void *user;
};

struct sdm_keeper;
typedef struct sdm_keeper sdm_keeper;

struct sdm_keeper *sdm_keeper_new(const struct sdm_keeper_config *config);
/* Looks once at everything that is due; never blocks. */
void sdm_keeper_wake(struct sdm_keeper *keeper);
void sdm_keeper_free(struct sdm_keeper *keeper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_keeper, sdm_keeper_free)
