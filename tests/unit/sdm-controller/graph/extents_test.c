#include "sdm-controller/graph/extents.h"

#include <criterion/criterion.h>
#include <string.h>

#include "bench/topology.h"

enum { N_BYTES = 64 };

static bool all_are(const bool *used, uint64_t offset, uint64_t size, bool value)
{
    for (uint64_t i = offset; i < offset + size; i++) {
        if (i >= N_BYTES || used[i] != value) {
            return false;
        }
    }
    return true;
}

static void check(const struct sdm_extents *extents, const bool *used)
{
    uint64_t largest = 0;
    uint64_t free = 0;
    uint64_t run = 0;
    uint32_t n = 0;

    for (int i = 0; i < N_BYTES; i++) {
        run = used[i] ? 0 : run + 1;
        free += !used[i];
        n += run == 1;
        largest = MAX(largest, run);
    }
    cr_assert_eq(extents->free_bytes, free);
    cr_assert_eq(extents->largest_bytes, largest);
    cr_assert_eq(extents->n, n);
    for (uint64_t size = 1; size <= largest; size++) {
        const struct sdm_free_extent *best = sdm_extents_best(extents, size);
        const struct sdm_free_extent *first = sdm_extents_first(extents, size);

        cr_assert(best->size_bytes >= size && first->size_bytes >= best->size_bytes);
        cr_assert(first->offset_bytes <= best->offset_bytes ||
                  best->size_bytes < first->size_bytes);
    }
    cr_assert_null(sdm_extents_best(extents, largest + 1));
    cr_assert_null(sdm_extents_first(extents, largest + 1));
}

Test(extents, are_what_a_byte_map_says)
{
    for (uint64_t seed = 1; seed < 20; seed++) {
        bool used[N_BYTES] = {false};
        struct sdm_extents extents;
        uint64_t random = seed;

        sdm_extents_init(&extents, N_BYTES);
        for (int i = 0; i < 300; i++) {
            uint64_t offset = sdm_bench_below(&random, N_BYTES);
            uint64_t size = 1 + sdm_bench_below(&random, 9);
            bool is_free = all_are(used, offset, size, false);

            cr_assert_eq(sdm_extents_is_free(&extents, offset, size), is_free);
            if (sdm_bench_below(&random, 2) == 0) {
                cr_assert_eq(sdm_extents_take(&extents, offset, size), is_free);
                if (is_free) {
                    memset(used + offset, true, size);
                }
            } else if (all_are(used, offset, size, true)) {
                cr_assert(sdm_extents_give(&extents, offset, size));
                memset(used + offset, false, size);
            } else if (offset + size <= N_BYTES) {
                cr_assert_not(sdm_extents_give(&extents, offset, size));
            }
            check(&extents, used);
        }
        sdm_extents_done(&extents);
    }
}
