#include <criterion/criterion.h>

#include <string.h>

#include "sdm-agent/session/record.h"

#define WINDOW "00000000-0000-4000-8000-000000000001"

static struct sdm_want_window window_at(enum sdm_window_level level)
{
    struct sdm_want_window window = {.entry = 5, .level = level};

    strcpy(window.window, WINDOW);
    return window;
}

static bool is_busy(const struct sdm_records *records, int64_t now_us, int64_t *until_us)
{
    g_autofree struct sdm_busy *busy = g_new0(struct sdm_busy, 1);
    int64_t first_us;
    bool result;

    busy->windows = g_hash_table_new(g_str_hash, g_str_equal);
    first_us = sdm_records_busy(records, now_us, busy);
    result = g_hash_table_contains(busy->windows, WINDOW) || busy->entries[5];
    g_hash_table_unref(busy->windows);
    if (until_us != NULL) {
        *until_us = first_us;
    }
    return result;
}

Test(record, rests_longer_after_each_failure_and_not_after_new_orders)
{
    g_autoptr(sdm_records) records = sdm_records_new();
    struct sdm_want_window window = window_at(SDM_WINDOW_LEVEL_MAPPED);
    struct sdm_want want = {&window, 1};
    struct sdm_step step = {.kind = SDM_STEP_MAP, .entry = 5, .window = WINDOW};
    g_autoptr(GError) error = g_error_new_literal(SDM_ERROR, SDM_ERROR_NO_PATH, "no path");
    struct sdm_record *record;
    int64_t before_us = 0;
    int64_t until_us;

    sdm_records_want(records, &want, false, 1000);
    record = sdm_records_find(records, WINDOW);
    cr_assert_not_null(record);
    for (unsigned i = 0; i < 5; i++) {
        int64_t now_us = 1000000 * (i + 1);

        sdm_record_begin(record, &step);
        cr_expect(is_busy(records, now_us, NULL));
        sdm_record_fail(record, SDM_STEP_MAP, error, now_us);
        cr_expect(is_busy(records, now_us, &until_us));
        cr_expect_gt(until_us - now_us, before_us, "failure %u", i);
        cr_expect_not(is_busy(records, until_us, NULL));
        before_us = until_us - now_us;
    }
    cr_expect_eq(record->failing_since_us, 1000000);
    sdm_records_want(records, &want, true, 7000000);
    cr_expect(is_busy(records, 5000000, NULL));
    sdm_records_want(records, &want, false, 7000000);
    cr_expect_not(is_busy(records, 5000000, NULL));
    cr_expect_eq(record->wanted_us, 1000);
    window.level = SDM_WINDOW_LEVEL_ABSENT;
    sdm_records_want(records, &want, false, 8000000);
    cr_expect_eq(record->wanted_us, 8000000);
    cr_expect_not(record->has_error);
}

Test(record, a_pending_guest_rests_until_it_is_heard)
{
    g_autoptr(sdm_records) records = sdm_records_new();
    struct sdm_record *record = sdm_records_get(records, WINDOW, 5);
    const char *window = WINDOW;
    const char *other = "00000000-0000-4000-8000-000000000002";
    struct sdm_step step = {.kind = SDM_STEP_DETACH_DIMM, .entry = 5, .window = WINDOW};

    sdm_record_begin(record, &step);
    sdm_record_end_pending(record, 1000);
    cr_expect(is_busy(records, 2000, NULL));
    sdm_records_wake(records, &other, 1);
    cr_expect(is_busy(records, 2000, NULL));
    sdm_records_wake(records, &window, 1);
    cr_expect_not(is_busy(records, 2000, NULL));
}

Test(record, what_is_no_longer_wanted_is_forgotten_once_it_is_done)
{
    g_autoptr(sdm_records) records = sdm_records_new();
    struct sdm_want_window window = window_at(SDM_WINDOW_LEVEL_MAPPED);
    struct sdm_want want = {&window, 1};
    struct sdm_want nothing = {NULL, 0};
    struct sdm_step step = {.kind = SDM_STEP_UNMAP, .entry = 5, .window = WINDOW};

    sdm_records_want(records, &want, false, 1);
    sdm_record_begin(sdm_records_find(records, WINDOW), &step);
    sdm_records_want(records, &nothing, false, 2);
    cr_assert_not_null(sdm_records_find(records, WINDOW));
    sdm_record_end(sdm_records_find(records, WINDOW), 7, 9);
    sdm_records_want(records, &nothing, false, 3);
    cr_expect_null(sdm_records_find(records, WINDOW));
}

Test(record, entries_that_nothing_explains_have_their_own)
{
    g_autoptr(sdm_records) records = sdm_records_new();
    struct sdm_record *record = sdm_records_get(records, "", 5);
    struct sdm_step step = {.kind = SDM_STEP_UNMAP, .entry = 5};

    cr_expect_eq(sdm_records_get(records, "", 5), record);
    cr_expect_neq(sdm_records_get(records, "", 6), record);
    sdm_record_begin(record, &step);
    cr_expect(is_busy(records, 1, NULL));
}
