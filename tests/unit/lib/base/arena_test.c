#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "lib/base/arena.h"

Test(arena, gives_zeroed_aligned_memory_that_does_not_overlap)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    char *previous = NULL;
    size_t previous_size = 0;

    for (size_t size = 1; size < 100000; size = size * 3 + 1) {
        char *memory = sdm_arena_alloc(arena, size, 1);

        cr_assert_eq((uintptr_t)memory % _Alignof(max_align_t), 0, "size %zu", size);
        for (size_t i = 0; i < size; i++) {
            cr_assert_eq(memory[i], 0, "size %zu, byte %zu", size, i);
        }
        for (size_t i = 0; i < previous_size; i++) {
            cr_assert_eq(previous[i], 0x5a, "size %zu, byte %zu", size, i);
        }
        memset(memory, 0x5a, size);
        previous = memory;
        previous_size = size;
    }
}

Test(arena, copies_strings)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    char source[] = "brick";
    char *copy = sdm_arena_strdup(arena, source);

    source[0] = 'x';
    cr_assert_str_eq(copy, "brick");
    cr_assert_null(sdm_arena_strdup(arena, NULL));
    cr_assert_not_null(sdm_arena_alloc(arena, 0, 8));
}

Test(arena, gives_zeroed_memory_again_after_a_reset)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();

    sdm_arena_reset(arena);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 40000; size = size * 3 + 1) {
            char *memory = sdm_arena_alloc(arena, size, 1);

            for (size_t i = 0; i < size; i++) {
                cr_assert_eq(memory[i], 0, "round %d, size %zu, byte %zu", round, size, i);
            }
            memset(memory, 0x5a, size);
        }
        sdm_arena_reset(arena);
    }
}
