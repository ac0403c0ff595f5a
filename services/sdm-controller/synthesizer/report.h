/* S7 up: what agents say of their compute bricks.
 *
 * Thread rule: a reporter belongs to one worker. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/synthesizer/synthesizer.h"
#include "wire/s7.h"

/* Takes a report over 'pg', a connection of the caller's: marks what was found, moves on what
 * waited for it, names what is found and was never given.  'user_id' is the broker's word for who
 * sent it, NULL where it has none.
 *
 * Refuses NOT_FOUND for a compute brick that is not there, FORBIDDEN when another agent's user sent
 * it, STALE_EPOCH when the agent has obeyed a later leader. */
bool sdm_synthesizer_on_report(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                               const char *user_id, const struct sdm_s7_report *report,
                               GError **error);

/* An agent asks for its wanted state.  Refuses as above. */
bool sdm_synthesizer_on_ask(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                            const char *user_id, const struct sdm_s7_ask *ask, GError **error);
