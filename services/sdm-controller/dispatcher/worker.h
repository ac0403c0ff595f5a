/* One worker of a lane: takes requests in batches, carries them out over its own connection, and
 * hands the answers over.
 *
 * While the database is away it waits with the batch that it has, and runs the same again when the
 * database is back: nothing is put back, nothing is counted, and the lane fills up behind it.
 *
 * Thread rule: everything but making it belongs to the worker's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/svc/lane.h"
#include "sdm-controller/dispatcher/auth.h"
#include "sdm-controller/dispatcher/replies.h"
#include "sdm-controller/dispatcher/route.h"

/* What all workers share; constant. */
struct sdm_worker_config {
    const char *database;
    int64_t epoch;
    struct sdm_use_cases use_cases;
    struct sdm_auth auth;
    struct sdm_replies *replies;
    /* Another leads; called from any worker, perhaps several times. */
    void (*on_superseded)(void *user);
    void *user;
};

/* A lane's handle on itself, known after sdm_lane_new(). */
struct sdm_worker_lane {
    const struct sdm_worker_config *config;
    enum sdm_lane_id id;
    struct sdm_lane *lane;
    void *owner; /* for whoever made it */
};

struct sdm_worker;

/* For struct sdm_lane_config; 'user' is a struct sdm_worker_lane. */
void *sdm_worker_new(void *user, unsigned index);
void sdm_worker_free(void *worker);
void sdm_worker_handle(void *worker, void *const *jobs, size_t n);
