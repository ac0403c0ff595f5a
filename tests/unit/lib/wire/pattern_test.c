#include <criterion/criterion.h>

#include <glib.h>

#include "lib/wire/pattern.h"

Test(pattern, each_form_knows_its_own)
{
    static const struct {
        const char *text;
        enum sdm_pattern pattern;
        bool matches;
    } rows[] = {
        {"", SDM_PATTERN_NONE, true},
        {"tray-1.b_2", SDM_PATTERN_ID, true},
        {"Tray", SDM_PATTERN_ID, false},
        {"01234567-89ab-cdef-0123-456789abcdef", SDM_PATTERN_UUID, true},
        {"01234567-89AB-cdef-0123-456789abcdef", SDM_PATTERN_UUID, false},
        {"Demo.1", SDM_PATTERN_PROJECT, true},
        {".demo", SDM_PATTERN_PROJECT, false},
        {"", SDM_PATTERN_PROJECT, false},
        {"a b", SDM_PATTERN_PROJECT, false},
        {":-._Ab9", SDM_PATTERN_KEY, true},
        {"a/b", SDM_PATTERN_KEY, false},
        {"2026-01-31T23:59:59.000000Z", SDM_PATTERN_TIMESTAMP, true},
        {"2026-01-31T23:59:59.00000Z", SDM_PATTERN_TIMESTAMP, false},
        {"2026-01-31 23:59:59.000000Z", SDM_PATTERN_TIMESTAMP, false},
        {"2026-01-3xT23:59:59.000000Z", SDM_PATTERN_TIMESTAMP, false},
        {"127.0.0.1:7000", SDM_PATTERN_ENDPOINT, true},
        {"[::1]:65535", SDM_PATTERN_ENDPOINT, true},
        {"host", SDM_PATTERN_ENDPOINT, false},
        {"host:", SDM_PATTERN_ENDPOINT, false},
        {":70", SDM_PATTERN_ENDPOINT, false},
        {"host:123456", SDM_PATTERN_ENDPOINT, false},
        {"host:1x", SDM_PATTERN_ENDPOINT, false},
        {"ho_st:1", SDM_PATTERN_ENDPOINT, false},
        {"fpga", SDM_PATTERN_ACCELERATOR_KIND, true},
        {"abcdefghabcdefghabcdefghabcdefghi", SDM_PATTERN_ACCELERATOR_KIND, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert_eq(sdm_pattern_match(rows[i].pattern, rows[i].text), rows[i].matches, "%s '%s'",
                     sdm_pattern_name(rows[i].pattern), rows[i].text);
    }
}

Test(pattern, lengths_end_where_the_schema_says)
{
    static const struct {
        enum sdm_pattern pattern;
        size_t longest;
        const char *tail;
    } rows[] = {
        {SDM_PATTERN_ID, 63, ""},          {SDM_PATTERN_PROJECT, 64, ""},
        {SDM_PATTERN_KEY, 64, ""},         {SDM_PATTERN_ACCELERATOR_KIND, 32, ""},
        {SDM_PATTERN_ENDPOINT, 249, ":1"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *most = g_strnfill(rows[i].longest, 'a');
        g_autofree char *fits = g_strconcat(most, rows[i].tail, NULL);
        g_autofree char *longer = g_strconcat("a", fits, NULL);

        cr_assert(sdm_pattern_match(rows[i].pattern, fits), "row %zu", i);
        cr_assert_not(sdm_pattern_match(rows[i].pattern, longer), "row %zu", i);
    }
}

Test(pattern, every_form_is_told_apart_and_described)
{
    for (int i = 0; i < SDM_N_PATTERNS; i++) {
        cr_assert_gt(strlen(sdm_pattern_text((enum sdm_pattern)i)), 5);
        for (int j = 0; j < i; j++) {
            cr_assert_str_neq(sdm_pattern_name((enum sdm_pattern)i),
                              sdm_pattern_name((enum sdm_pattern)j));
        }
    }
}
