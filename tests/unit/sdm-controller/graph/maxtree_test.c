#include "sdm-controller/graph/maxtree.h"

#include <criterion/criterion.h>

#include "bench/topology.h"

Test(maxtree, finds_the_first_that_suffices)
{
    static const uint32_t sizes[] = {0, 1, 2, 3, 7, 8, 100};

    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        uint32_t n = sizes[s];
        uint64_t values[100] = {0};
        struct sdm_maxtree tree;
        uint64_t random = s;

        sdm_maxtree_init(&tree, n);
        for (int i = 0; i < 500; i++) {
            uint32_t from = (uint32_t)sdm_bench_below(&random, n + 1);
            uint32_t end = (uint32_t)sdm_bench_below(&random, n + 1);
            uint64_t wanted = 1 + sdm_bench_below(&random, 12);
            uint32_t expected = from;

            if (n > 0) {
                uint32_t at = (uint32_t)sdm_bench_below(&random, n);

                values[at] = sdm_bench_below(&random, 10);
                sdm_maxtree_set(&tree, at, values[at]);
            }
            while (expected < end && values[expected] < wanted) {
                expected++;
            }
            cr_assert_eq(sdm_maxtree_find(&tree, from, end, wanted), from < end ? expected : end,
                         "%u: %u to %u", n, from, end);
        }
        sdm_maxtree_done(&tree);
    }
}

Test(maxtree, filled_at_once_is_as_set_one_by_one)
{
    static const uint32_t sizes[] = {0, 1, 2, 3, 7, 8, 100};

    for (size_t s = 0; s < G_N_ELEMENTS(sizes); s++) {
        uint32_t n = sizes[s];
        uint64_t values[100] = {0};
        struct sdm_maxtree filled;
        struct sdm_maxtree set;
        uint64_t random = s;

        sdm_maxtree_init(&filled, n);
        sdm_maxtree_init(&set, n);
        for (uint32_t i = 0; i < n; i++) {
            values[i] = sdm_bench_below(&random, 10);
            sdm_maxtree_set(&set, i, values[i]);
        }
        sdm_maxtree_fill(&filled, values, n);
        cr_assert_arr_eq(&filled.nodes[1], &set.nodes[1], (2 * set.size - 1) * sizeof *set.nodes);
        sdm_maxtree_done(&filled);
        sdm_maxtree_done(&set);
    }
}
