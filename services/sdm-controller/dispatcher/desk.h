/* The administrator's desk: looks at dead letters, sends them again, throws them away.
 *
 * A look takes the letters out and gives them back, so one at a time; it costs a round trip to the
 * broker a letter.
 *
 * Thread rule: any thread; what answers a request waits for the broker. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/base/arena.h"
#include "lib/pg/pg.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/model/caller.h"
#include "sdm-controller/model/outcome.h"
#include "wire/s11.h"

struct sdm_desk;
typedef struct sdm_desk sdm_desk;

/* 'amqp' publishes; 'counter' is asked how many letters there are, so that publishing does not
 * wait.  All are borrowed. */
struct sdm_desk *sdm_desk_new(struct sdm_amqp *amqp, struct sdm_amqp *counter,
                              struct sdm_metrics *metrics);
/* Before either connection ends. */
void sdm_desk_free(struct sdm_desk *desk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_desk, sdm_desk_free)

/* Has the letters counted once, for the metric; never blocks. */
void sdm_desk_wake(struct sdm_desk *desk);

/* Use cases that only read the database, and not even that: 'pg' is not used.  They refuse with
 *   NOT_FOUND    no such letter; of several named, nothing was done with any;
 *   WRONG_STATE  a report, which cannot be sent again;
 *   MISSING_MEMBER, INVALID_VALUE  neither letters nor all, or both;
 *   UNAVAILABLE  the queue that a letter came from does not take it: those before it are done. */
bool sdm_desk_list(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_list *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error);
bool sdm_desk_show(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_show *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error);
bool sdm_desk_requeue(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                      const struct sdm_s11_dead_requeue *request, struct sdm_arena *arena,
                      struct sdm_outcome *outcome, GError **error);
bool sdm_desk_drop(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_drop *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error);
