#include "sdm-controller/model/reservation.h"

#include "lib/base/error.h"

bool sdm_reservation_may_move(enum sdm_reservation_state from, enum sdm_reservation_state to)
{
    switch (from) {
    case SDM_RESERVATION_STATE_HELD:
    case SDM_RESERVATION_STATE_ATTACHING:
    case SDM_RESERVATION_STATE_ATTACHED:
    case SDM_RESERVATION_STATE_DETACHING:
        return to != SDM_RESERVATION_STATE_RELEASED;
    case SDM_RESERVATION_STATE_RELEASING:
        return to == SDM_RESERVATION_STATE_RELEASED || to == SDM_RESERVATION_STATE_FAILED ||
               to == from;
    case SDM_RESERVATION_STATE_RELEASED:
    case SDM_RESERVATION_STATE_FAILED:
        return from == to;
    }
    return false;
}

bool sdm_reservation_move(enum sdm_reservation_state from, enum sdm_reservation_state to,
                          GError **error)
{
    if (sdm_reservation_may_move(from, to)) {
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "a reservation that is %s cannot become %s",
                      sdm_reservation_state_name(from), sdm_reservation_state_name(to));
}

bool sdm_reservation_is_over(enum sdm_reservation_state state)
{
    return state == SDM_RESERVATION_STATE_RELEASED || state == SDM_RESERVATION_STATE_FAILED;
}

bool sdm_segment_may_move(enum sdm_segment_state from, enum sdm_segment_state to)
{
    switch (from) {
    case SDM_SEGMENT_STATE_LIVE:
        return to == SDM_SEGMENT_STATE_SCRUBBING || to == SDM_SEGMENT_STATE_QUARANTINED;
    case SDM_SEGMENT_STATE_SCRUBBING:
        return to == SDM_SEGMENT_STATE_QUARANTINED;
    case SDM_SEGMENT_STATE_QUARANTINED:
        return to == SDM_SEGMENT_STATE_SCRUBBING;
    }
    return false;
}

bool sdm_segment_move(enum sdm_segment_state from, enum sdm_segment_state to, GError **error)
{
    if (sdm_segment_may_move(from, to)) {
        return true;
    }
    return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "a segment that is %s cannot become %s",
                      sdm_segment_state_name(from), sdm_segment_state_name(to));
}
