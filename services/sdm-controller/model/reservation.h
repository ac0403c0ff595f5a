/* Moves of reservations and segments, checked.
 *
 * The moves of a reservation and their diagram stand in sdm-controller/model/progress.h.
 *
 * Pure.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "wire/words.h"

/* True for a move that the diagram of progress.h has. */
bool sdm_reservation_may_move(enum sdm_reservation_state from, enum sdm_reservation_state to);

/* Refuses WRONG_STATE, with both states named, a move that sdm_reservation_may_move() does not
 * allow. */
bool sdm_reservation_move(enum sdm_reservation_state from, enum sdm_reservation_state to,
                          GError **error);

/* True once nothing is held any more. */
bool sdm_reservation_is_over(enum sdm_reservation_state state);

/*   live ---- given up ----> scrubbing ---- scrubbed ----> (free: no row)
 *    |                        |    ^
 *    | owner or hardware      |    | confirmed by an admin
 *    | unconfirmed            v    |
 *    +-------------------> quarantined
 */
bool sdm_segment_may_move(enum sdm_segment_state from, enum sdm_segment_state to);

/* Refuses WRONG_STATE, with both states named. */
bool sdm_segment_move(enum sdm_segment_state from, enum sdm_segment_state to, GError **error);
