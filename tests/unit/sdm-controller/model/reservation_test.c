#include "sdm-controller/model/reservation.h"

#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/error.h"

Test(reservation, a_wrong_move_names_both_states)
{
    int n_allowed = 0;

    for (int from = 0; from < SDM_N_RESERVATION_STATE; from++) {
        for (int to = 0; to < SDM_N_RESERVATION_STATE; to++) {
            g_autoptr(GError) error = NULL;
            bool moved = sdm_reservation_move(from, to, &error);

            cr_assert_eq(moved, sdm_reservation_may_move(from, to));
            n_allowed += moved;
            if (!moved) {
                cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_WRONG_STATE));
                cr_assert_not_null(strstr(error->message, sdm_reservation_state_name(from)));
                cr_assert_not_null(strstr(error->message, sdm_reservation_state_name(to)));
            }
            /* Nothing comes back from the end. */
            cr_assert_not(moved && from != to && sdm_reservation_is_over(from));
        }
    }
    cr_assert_gt(n_allowed, 0);
    cr_assert(sdm_reservation_is_over(SDM_RESERVATION_STATE_FAILED));
    cr_assert_not(sdm_reservation_is_over(SDM_RESERVATION_STATE_RELEASING));
}

Test(segment, only_these_moves)
{
    static const bool allowed[SDM_N_SEGMENT_STATE][SDM_N_SEGMENT_STATE] = {
        [SDM_SEGMENT_STATE_LIVE] =
            {[SDM_SEGMENT_STATE_SCRUBBING] = true, [SDM_SEGMENT_STATE_QUARANTINED] = true},
        [SDM_SEGMENT_STATE_SCRUBBING] = {[SDM_SEGMENT_STATE_QUARANTINED] = true},
        [SDM_SEGMENT_STATE_QUARANTINED] = {[SDM_SEGMENT_STATE_SCRUBBING] = true},
    };

    for (int from = 0; from < SDM_N_SEGMENT_STATE; from++) {
        for (int to = 0; to < SDM_N_SEGMENT_STATE; to++) {
            g_autoptr(GError) error = NULL;

            cr_assert_eq(sdm_segment_move(from, to, &error), allowed[from][to], "%d to %d", from,
                         to);
            cr_assert(allowed[from][to] ||
                      g_error_matches(error, SDM_ERROR, SDM_ERROR_WRONG_STATE));
        }
    }
}
