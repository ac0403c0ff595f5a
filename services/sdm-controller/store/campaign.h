/* Waiting to lead: watches the leader's beat and takes over when it stops.
 *
 *      watching --beat seen / epoch moved--> watching (patience starts again)
 *         | patience over, or the row is stale by the database's own clock, or it is ours
 *         v
 *      end the old leader's sessions -> take over -> leading
 *         \--- it has beaten meanwhile ---> watching
 *
 * How long a beat is away is measured by our own monotonic clock, so that a step of a wall clock
 * makes no leader.  What a takeover relies on is not the time, but that the old leader's sessions
 * are ended and its epoch counts for nothing.
 *
 * Thread rule: a campaign belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/store/leader.h"

struct sdm_campaign {
    const char *holder;  /* our name; borrowed */
    int64_t patience_us; /* how long without a beat */
    bool is_watching;    /* 'seen' holds something */
    struct sdm_leader seen;
    int64_t seen_at_us; /* monotonic, when 'seen' was new */
};

/* Looks once, at monotonic time 'now_us', and takes over if it is time.  True with '*epoch' the
 * epoch won, or 0 to look again later; false with what sdm_pg_exec() gives. */
bool sdm_campaign_step(struct sdm_campaign *campaign, struct sdm_pg *pg, int64_t now_us,
                       int64_t *epoch, GError **error);
