#include <criterion/criterion.h>

#include <glib.h>

#include "lib/amqp/ring.h"

Test(ring, keeps_values_by_number_while_it_grows_and_turns)
{
    struct sdm_ring ring;
    uint64_t next = 1;
    uint64_t oldest = 1;

    sdm_ring_init(&ring, 1);
    for (int turn = 0; turn < 200; turn++) {
        for (int i = 0; i < turn; i++) {
            cr_assert_eq(sdm_ring_push(&ring, GSIZE_TO_POINTER(next)), next);
            next++;
        }
        for (uint64_t number = oldest; number < next; number++) {
            cr_assert_eq(GPOINTER_TO_SIZE(*sdm_ring_at(&ring, number)), number);
        }
        for (int i = 0; i < turn - 1; i++) {
            cr_assert_eq(GPOINTER_TO_SIZE(sdm_ring_pop(&ring)), oldest);
            oldest++;
        }
        cr_assert_eq(sdm_ring_length(&ring), next - oldest);
        cr_assert_null(sdm_ring_at(&ring, oldest - 1));
        cr_assert_null(sdm_ring_at(&ring, next));
    }
    sdm_ring_done(&ring);
    cr_assert_eq(sdm_ring_length(&ring), 0);
}
