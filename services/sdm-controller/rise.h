/* Raises a new leader's epoch above whatever its devices have seen: in a database that was restored
 * from a backup the next epoch is one that others have led under, and devices and agents would
 * refuse it, or take it for theirs.
 *
 * Switches and the management controllers of bricks are believed, each up to SDM_LEADER_RISE_MAX;
 * what an agent says is not asked.
 *
 * Thread rule: the caller's thread, which beats meanwhile. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/pg/pg.h"

struct sdm_rise_config {
    const char *holder;
    /* How long all devices together may take. */
    int64_t timeout_ms;
    int64_t beat_ms;
};

/* Asks every device in service.  Returns the epoch to lead under, which is 'epoch' unless one of
 * them has seen it or a later one; '*is_older' says whether one has.  An error of the database
 * leaves it as it is: the next beat finds what has become of it. */
int64_t sdm_rise(struct sdm_pg *pg, int64_t epoch, const struct sdm_rise_config *config,
                 bool *is_older);
