/* Who leads: one row with an epoch that counts takeovers and a beat that shows life.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/store/tx.h"

/* The version of sql/ that this program was built for. */
#define SDM_SCHEMA_VERSION 11

#define SDM_HOLDER_SIZE 256

struct sdm_leader {
    int64_t epoch;
    char holder[SDM_HOLDER_SIZE]; /* name of the controller; "" before the first */
    char since[SDM_TIMESTAMP_SIZE];
    int64_t beat_us;     /* time of the last beat, by the database's clock */
    int64_t beat_age_us; /* how long ago that was, by the same clock */
};

/* Refuses with WRONG_STATE a database whose schema is another version than SDM_SCHEMA_VERSION. */
bool sdm_leader_check_schema(struct sdm_pg *pg, GError **error);

bool sdm_leader_read(struct sdm_pg *pg, struct sdm_leader *leader, GError **error);

/* Shows that the leader of 'epoch' lives; STALE_EPOCH when another leads. */
bool sdm_leader_beat(struct sdm_pg *pg, int64_t epoch, GError **error);

/* Makes the row of 'epoch' look as if it had not beaten for long, so that the next that looks takes
 * over at once.  Does nothing when another leads. */
bool sdm_leader_resign(struct sdm_pg *pg, int64_t epoch, GError **error);

/* The application_name of a leader's session, by which a successor finds and ends it; 'part' says
 * which of its sessions it is.  g_free(). */
char *sdm_leader_session_name(int64_t epoch, const char *part);

/* Ends every session of leaders up to 'epoch' in this database and says how many there were; a
 * stopped process thereby loses the transactions it has open. */
bool sdm_leader_end_sessions(struct sdm_pg *pg, int64_t epoch, int64_t *n_ended, GError **error);

/* Becomes the leader after 'seen', unless it has beaten or lost its place since it was read; 'seen'
 * is no controller any more (store/standby.h).
 * Waits for transactions that hold the old epoch.  True with '*epoch' the new one, or 0 when 'seen'
 * is no longer what stands there. */
bool sdm_leader_take_over(struct sdm_pg *pg, const struct sdm_leader *seen, const char *holder,
                          int64_t *epoch, GError **error);

/* Most that the epoch rises above the database's for what a device says. */
#define SDM_LEADER_RISE_MAX (INT64_C(1) << 20)

/* Raises the epoch of the leader of 'epoch', which is 'holder', to one above 'above'; STALE_EPOCH
 * when another leads meanwhile. */
bool sdm_leader_rise(struct sdm_pg *pg, int64_t epoch, int64_t above, const char *holder,
                     int64_t *risen, GError **error);
