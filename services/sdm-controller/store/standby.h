/* Which controllers there are: each shows life in its own row, whether it leads or stands by.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/pg/pg.h"

/* A standby whose last beat is younger is taken for one that could serve. */
#define SDM_STANDBY_ALIVE_MS 5000

struct sdm_standby {
    const char *name;
    const char *host;
    int64_t pid;
    const char *version;
    const char *since;   /* set by the database, as the age */
    int64_t beat_age_us; /* how long ago it has shown life */
    bool sees_broker;    /* has a connection to the broker */
};

/* Shows that 'self' lives; 'is_first' of this process.  Takes rows away that have been silent for a
 * minute. */
bool sdm_standby_beat(struct sdm_pg *pg, const struct sdm_standby *self, bool is_first,
                      GError **error);

/* Takes a row away; one that is not there is gone. */
bool sdm_standby_forget(struct sdm_pg *pg, const char *name, GError **error);

/* The controllers but for the leader, by name, at most 'n_max', in the arena. */
bool sdm_standby_list(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                      struct sdm_standby **standbys, size_t *n, GError **error);

/* Whether another controller than 'name' lives and has a connection to the broker. */
bool sdm_standby_has_heir(struct sdm_pg *pg, const char *name, bool *has_heir, GError **error);
