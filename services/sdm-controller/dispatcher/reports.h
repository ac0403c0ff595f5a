/* What agents say (S7 up), from the shared report queues to whoever takes found state.
 *
 * Reports of one compute brick come through one queue and are handled in their order by one worker.
 *
 * Thread rule: callbacks run on the report lane's threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/lane.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/dispatcher/dead.h"
#include "wire/s7.h"

/* Who takes them.  'user_id' is the name that the broker has checked, or NULL when the sender set
 * none.  Each returns false with SDM_ERROR (dropped and logged), SDM_UNAVAILABLE (tried again when
 * the part is back), or anything else (comes again, then a dead letter).  What nobody can read is a
 * dead letter at once. */
struct sdm_report_taker {
    bool (*on_report)(void *worker, const char *user_id, const struct sdm_s7_report *report,
                      GError **error);
    bool (*on_ask)(void *worker, const char *user_id, const struct sdm_s7_ask *ask, GError **error);
    /* What a worker has for itself; made and freed on its thread. */
    void *(*worker_new)(void *user, unsigned index);
    void (*worker_free)(void *worker);
    void *user;
};

struct sdm_reports;
typedef struct sdm_reports sdm_reports;

struct sdm_reports_config {
    struct sdm_amqp *amqp;
    struct sdm_dead *dead; /* borrowed */
    /* 'n_queues' names; one lane with one worker each. */
    const char *const *queues;
    unsigned n_queues;
    uint16_t prefetch;
    int64_t epoch;
    struct sdm_report_taker taker;
    struct sdm_metrics *metrics;
    /* Another leads. */
    void (*on_superseded)(void *user);
    void *user;
};

/* Starts consuming. */
struct sdm_reports *sdm_reports_new(const struct sdm_reports_config *config);
/* Takes nothing more; ends when what was taken is handled, or cannot be.  Before the connection to
 * the broker ends; again it does nothing. */
void sdm_reports_stop(struct sdm_reports *reports);
void sdm_reports_free(struct sdm_reports *reports);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_reports, sdm_reports_free)
