/* What works behind the door: the synthesizer with its hardware sessions, and the reports of
 * agents, each given what it needs of the broker and the registry.
 *
 * Thread rule: the main thread makes and frees it; posting from any thread. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/pg/pg.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/config.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/registry/registry.h"

struct sdm_backstage_config {
    const struct sdm_controller_options *options;
    int64_t epoch;
    /* Devices have seen later epochs than the database. */
    bool is_older;
    struct sdm_amqp *amqp;
    const struct sdm_broker_topology *topology;
    struct sdm_dead *dead; /* borrowed */
    struct sdm_registry *registry;
    struct sdm_metrics *metrics;
    /* Another leads; from any thread. */
    void (*on_superseded)(void *user);
    void *user;
};

struct sdm_backstage;
typedef struct sdm_backstage sdm_backstage;

/* Starts the workers; sdm_backstage_look() follows once posting leads here. */
struct sdm_backstage *sdm_backstage_new(const struct sdm_backstage_config *config);

/* Begins to take reports, and to look at what agents and memory bricks have. */
bool sdm_backstage_look(struct sdm_backstage *backstage, GError **error);
/* True when all that are expected to answer have. */
bool sdm_backstage_has_looked(const struct sdm_backstage *backstage);

/* Ends the look, and takes up what the database knows to be outstanding. */
bool sdm_backstage_resume(struct sdm_backstage *backstage, GError **error);

/* A memory brick is new to the database; from any thread. */
void sdm_backstage_registered(struct sdm_backstage *backstage, int32_t brick_no);

void sdm_backstage_post(struct sdm_backstage *backstage, const struct sdm_work *work);

/* Looks once at what is outstanding, for what was lost on the way; never blocks. */
void sdm_backstage_wake(struct sdm_backstage *backstage);

/* Takes no more reports; before the connection to the broker ends. */
void sdm_backstage_stop(struct sdm_backstage *backstage);
/* After the connection to the broker has ended. */
void sdm_backstage_free(struct sdm_backstage *backstage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_backstage, sdm_backstage_free)
