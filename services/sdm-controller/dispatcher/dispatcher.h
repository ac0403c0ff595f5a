/* The door of the controller: requests from the broker to their lanes and use cases, and answers
 * back.
 *
 *   queue ──▶ I/O thread ──▶ lane ──▶ worker: read, authenticate, find stored answers,
 *                                     use cases in one transaction, commit
 *     ◀── acknowledged ◀── confirmed ◀── answers
 *
 * Thread rule: the main thread makes, stops and frees it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/lane.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/dispatcher/auth.h"
#include "sdm-controller/dispatcher/dead.h"
#include "sdm-controller/dispatcher/route.h"

struct sdm_dispatcher_config {
    struct sdm_amqp *amqp;
    struct sdm_dead *dead; /* borrowed */
    const char *database;
    int64_t epoch;
    struct sdm_use_cases use_cases;
    struct sdm_auth auth;
    struct sdm_metrics *metrics;
    unsigned n_workers; /* of the reservation lane */
    size_t batch_max;   /* requests a transaction */
    uint16_t prefetch;  /* requests taken and not answered, a queue */
    /* Another leads; any thread. */
    void (*on_superseded)(void *user);
    void *user;
};

struct sdm_dispatcher;
typedef struct sdm_dispatcher sdm_dispatcher;

/* Starts lanes and consuming. */
struct sdm_dispatcher *sdm_dispatcher_new(const struct sdm_dispatcher_config *config);

/* False with SDM_UNAVAILABLE set while requests that were taken wait for a part that is away. */
bool sdm_dispatcher_check(struct sdm_dispatcher *dispatcher, GError **error);

/* Takes no more requests and finishes those taken; while the database is away they are left to come
 * again. */
void sdm_dispatcher_stop(struct sdm_dispatcher *dispatcher);

/* After the connection to the broker has ended. */
void sdm_dispatcher_free(struct sdm_dispatcher *dispatcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_dispatcher, sdm_dispatcher_free)

struct sdm_lane *sdm_dispatcher_lane(const struct sdm_dispatcher *dispatcher, enum sdm_lane_id id);
