/* What PostgreSQL refuses, as errors.
 *
 * A connection that is lost, a server that cannot be reached, shuts down, has no room or only reads
 * gives SDM_UNAVAILABLE.  SQLSTATE SD001, our own, gives SDM_ERROR STALE_EPOCH.  Everything else is
 * in SDM_PG and carries the SQLSTATE and, for a violated constraint, its name.
 *
 * Thread rule: everything here may be called from any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

enum sdm_pg_error {
    /* The server refused a statement; see sdm_pg_sqlstate(). */
    SDM_PG_REFUSED,
    /* The connection was lost between COMMIT and its answer: read what the transaction would have
     * stored before anything is repeated. */
    SDM_PG_COMMIT_UNKNOWN,
    /* A column holds NULL or a text that is none of the wanted type. */
    SDM_PG_BAD_VALUE,
};

#define SDM_PG sdm_pg_quark()
GQuark sdm_pg_quark(void);

/* The five characters of the SQLSTATE, "23P01"; "" for every other error. */
const char *sdm_pg_sqlstate(const GError *error);

/* The name of the violated constraint, "segment_one_owner"; "" when there is none.  For a check
 * that is not named in the schema it is the name that PostgreSQL gave it. */
const char *sdm_pg_constraint(const GError *error);

/* True when the transaction may be run again from its start: serialization failure or deadlock
 * (40001, 40P01).  These are not counted as attempts. */
bool sdm_pg_is_retryable(const GError *error);
