#include "sdm-controller/graph/order.h"

#include <criterion/criterion.h>

#include "bench/topology.h"

enum { N_KEYS = 1500 };

static uint32_t next_set(const bool *set, uint32_t from)
{
    while (from < N_KEYS && !set[from]) {
        from++;
    }
    return from;
}

/* Walks up and down from every key and compares with the plain array. */
static void check(const struct sdm_order *order, const bool *set)
{
    struct sdm_order_cursor cursor = sdm_order_end(order);
    uint64_t key;
    uint32_t n = 0;

    for (uint32_t i = 0; i <= N_KEYS; i += 37) {
        uint32_t expected = next_set(set, i);
        struct sdm_order_cursor from = sdm_order_seek(order, i);

        cr_assert_eq(sdm_order_next(order, &from, &key), expected < N_KEYS);
        cr_assert(expected == N_KEYS || key == expected, "%u", i);
        cr_assert_eq(sdm_order_contains(order, i), i < N_KEYS && set[i]);
    }
    for (uint32_t i = N_KEYS; i-- > 0;) {
        if (set[i]) {
            cr_assert(sdm_order_previous(order, &cursor, &key));
            cr_assert_eq(key, i);
            n++;
        }
    }
    cr_assert_not(sdm_order_previous(order, &cursor, &key));
    cr_assert_eq(order->n, n);
}

Test(order, is_a_sorted_set_through_growth_and_decay)
{
    bool set[N_KEYS] = {false};
    struct sdm_order order = {0};
    uint64_t random = 3;

    check(&order, set);
    for (int round = 0; round < 20; round++) {
        /* Mostly insertions first, mostly removals later, until nothing is left. */
        uint64_t inserts = round < 10 ? 80 : 20;

        for (int i = 0; i < 600; i++) {
            uint32_t key = (uint32_t)sdm_bench_below(&random, N_KEYS);

            if (!set[key] && sdm_bench_below(&random, 100) < inserts) {
                sdm_order_insert(&order, key);
                set[key] = true;
            } else if (set[key] && sdm_bench_below(&random, 100) >= inserts) {
                sdm_order_remove(&order, key);
                set[key] = false;
            }
        }
        check(&order, set);
    }
    for (uint32_t i = 0; i < N_KEYS; i++) {
        if (set[i]) {
            sdm_order_remove(&order, i);
            set[i] = false;
        }
    }
    check(&order, set);
    sdm_order_insert(&order, 5);
    set[5] = true;
    check(&order, set);
    sdm_order_done(&order);
}

Test(order, what_was_appended_is_a_set_like_any_other)
{
    for (uint32_t step = 1; step < 400; step += 57) {
        bool set[N_KEYS] = {false};
        struct sdm_order order = {0};
        uint64_t random = step;

        for (uint32_t key = 0; key < N_KEYS; key += step) {
            sdm_order_append(&order, key);
            set[key] = true;
        }
        check(&order, set);
        for (int i = 0; i < 1000; i++) {
            uint32_t key = (uint32_t)sdm_bench_below(&random, N_KEYS);

            if (set[key]) {
                sdm_order_remove(&order, key);
            } else {
                sdm_order_insert(&order, key);
            }
            set[key] = !set[key];
        }
        check(&order, set);
        sdm_order_done(&order);
    }
}
