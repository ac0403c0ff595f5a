#include "sdm-controller/graph/windows.h"

#include <criterion/criterion.h>
#include <glib.h>

#define UNIT (UINT64_C(1) << 27)

static struct sdm_window allocate(struct sdm_windows *windows, uint64_t units)
{
    struct sdm_window window = {.compute_no = 1};

    cr_assert(sdm_windows_find(windows, units * UNIT, UNIT, &window));
    cr_assert(sdm_window_validate(&window, UNIT, NULL));
    cr_assert(sdm_windows_add(windows, &window));
    return window;
}

Test(windows, the_lowest_gap_and_entry_are_taken)
{
    struct sdm_windows windows = {0};
    struct sdm_window first = allocate(&windows, 2);
    struct sdm_window second = allocate(&windows, 3);
    struct sdm_window third;

    cr_assert_eq(first.start_bytes, SDM_WINDOW_FLOOR_BYTES);
    cr_assert_eq(first.entry, 0);
    cr_assert_eq(second.start_bytes, SDM_WINDOW_FLOOR_BYTES + 2 * UNIT);
    cr_assert(sdm_windows_remove(&windows, 0));
    cr_assert_not(sdm_windows_remove(&windows, 0));
    third = allocate(&windows, 3);
    cr_assert_eq(third.entry, 0, "the entry is free again");
    cr_assert_eq(third.start_bytes, SDM_WINDOW_FLOOR_BYTES + 5 * UNIT, "the gap is too small");
    cr_assert_eq(allocate(&windows, 2).start_bytes, SDM_WINDOW_FLOOR_BYTES);
    sdm_windows_done(&windows);
}

Test(windows, none_covers_the_register_file)
{
    struct sdm_windows windows = {0};
    struct sdm_window large = allocate(&windows, 24);
    struct sdm_window small = allocate(&windows, 23);
    struct sdm_window next = allocate(&windows, 1);

    cr_assert_eq(large.start_bytes, UINT64_C(1) << 32, "does not fit below");
    cr_assert_eq(small.start_bytes, SDM_WINDOW_FLOOR_BYTES);
    cr_assert_eq(next.start_bytes, large.start_bytes + large.size_bytes);
    sdm_windows_done(&windows);
}

Test(windows, what_is_taken_is_not_added_again)
{
    struct sdm_windows windows = {0};
    struct sdm_window window = allocate(&windows, 4);
    struct sdm_window overlap_left = {1, 9, window.start_bytes + 3 * UNIT, UNIT};
    struct sdm_window overlap_right = {1, 9, window.start_bytes - UNIT, 2 * UNIT};
    struct sdm_window same_entry = {1, window.entry, window.start_bytes + 8 * UNIT, UNIT};

    cr_assert_not(sdm_windows_add(&windows, &overlap_left));
    cr_assert_not(sdm_windows_add(&windows, &overlap_right));
    cr_assert_not(sdm_windows_add(&windows, &same_entry));
    cr_assert_eq(windows.n, 1);
    sdm_windows_done(&windows);
}

Test(windows, end_when_entries_or_addresses_end)
{
    struct sdm_windows windows = {0};
    struct sdm_window window;

    cr_assert_not(sdm_windows_find(&windows, UINT64_C(1) << 44, UNIT, &window));
    cr_assert_not(sdm_windows_find(&windows, UINT64_MAX - 4096, UNIT, &window));
    for (int i = 0; i < SDM_WINDOW_N_ENTRIES; i++) {
        cr_assert_eq(allocate(&windows, 1).entry, i);
    }
    cr_assert_not(sdm_windows_find(&windows, UNIT, UNIT, &window));
    cr_assert(sdm_windows_remove(&windows, 4095));
    cr_assert_eq(allocate(&windows, 1).entry, 4095);
    sdm_windows_done(&windows);
}
