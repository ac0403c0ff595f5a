#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "sdmctl/quantity.h"

Test(quantity, sizes_are_read)
{
    static const struct {
        const char *text;
        uint64_t size_bytes;
    } rows[] = {
        {"0", 0},
        {"1", 1},
        {"512B", 512},
        {"134217728", 134217728},
        {"128MiB", 134217728},
        {"128M", 134217728},
        {"1GiB", UINT64_C(1) << 30},
        {"1.5GiB", UINT64_C(3) << 29},
        {"0.25K", 256},
        {"1.000000000GiB", UINT64_C(1) << 30},
        {"2TiB", UINT64_C(2) << 40},
        {"1024PiB", UINT64_C(1) << 60},
        {"1152921504606846976", UINT64_C(1) << 60},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t found = 0;

        cr_assert(sdm_ctl_size_parse(rows[i].text, &found, &error), "%s: %s", rows[i].text,
                  error != NULL ? error->message : "");
        cr_assert_eq(found, rows[i].size_bytes, "%s", rows[i].text);
    }
}

Test(quantity, other_sizes_are_refused)
{
    static const struct {
        const char *text;
        enum sdm_error_code code;
    } rows[] = {
        {"", SDM_ERROR_INVALID_VALUE},
        {"GiB", SDM_ERROR_INVALID_VALUE},
        {"-1", SDM_ERROR_INVALID_VALUE},
        {" 1", SDM_ERROR_INVALID_VALUE},
        {"1 GiB", SDM_ERROR_INVALID_VALUE},
        {"1GB", SDM_ERROR_INVALID_VALUE},
        {"1gib", SDM_ERROR_INVALID_VALUE},
        {"1.GiB", SDM_ERROR_INVALID_VALUE},
        {"0.3B", SDM_ERROR_INVALID_VALUE},
        {"0.3GiB", SDM_ERROR_INVALID_VALUE},
        {"0x10", SDM_ERROR_INVALID_VALUE},
        {"1.0000000000GiB", SDM_ERROR_INVALID_VALUE},
        {"1152921504606846977", SDM_ERROR_OUT_OF_RANGE},
        {"1025PiB", SDM_ERROR_OUT_OF_RANGE},
        {"18446744073709551615PiB", SDM_ERROR_OUT_OF_RANGE},
        {"18446744073709551616", SDM_ERROR_INVALID_VALUE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t found = 7;

        cr_assert_not(sdm_ctl_size_parse(rows[i].text, &found, &error), "%s", rows[i].text);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "%s: %s", rows[i].text,
                  error->message);
        cr_assert_eq(found, 7, "%s", rows[i].text);
    }
}

Test(quantity, durations_are_read)
{
    static const struct {
        const char *text;
        uint64_t duration_ms;
    } rows[] = {
        {"500ms", 500},    {"90s", 90000},
        {"90", 90000},     {"2m", 120000},
        {"2min", 120000},  {"2h", 7200000},
        {"1d", 86400000},  {"1h30m", 5400000},
        {"1s500ms", 1500}, {"3660d", UINT64_C(3660) * 86400000},
        {"0", 0},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t found = 7;

        cr_assert(sdm_ctl_duration_parse(rows[i].text, &found, &error), "%s", rows[i].text);
        cr_assert_eq(found, rows[i].duration_ms, "%s", rows[i].text);
    }
}

Test(quantity, other_durations_are_refused)
{
    static const char *const rows[] = {"",   "s",  "1.5h",  "-1s", "1 s",
                                       "1y", "h1", "3661d", "1h-", "99999999999999999999s"};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        uint64_t found = 7;

        cr_assert_not(sdm_ctl_duration_parse(rows[i], &found, &error), "%s", rows[i]);
        cr_assert_eq(error->domain, SDM_ERROR, "%s", rows[i]);
        cr_assert_eq(found, 7, "%s", rows[i]);
    }
}

Test(quantity, sizes_are_written)
{
    static const struct {
        uint64_t size_bytes;
        const char *text;
        const char *exact;
    } rows[] = {
        {0, "0", "0"},
        {1, "1B", "1B"},
        {1023, "1023B", "1023B"},
        {1536, "1.5KiB", "1.5KiB"},
        {134217728, "128MiB", "128MiB"},
        {UINT64_C(5) << 28, "1.25GiB", "1.25GiB"},
        {UINT64_C(3) << 29, "1.5GiB", "1.5GiB"},
        {(UINT64_C(1) << 30) + (1 << 27), "1152MiB", "1152MiB"},
        {UINT64_C(123456789012345), "~112.3TiB", "123456789012345B"},
        {UINT64_C(1) << 60, "1024PiB", "1024PiB"},
    };
    char text[SDM_CTL_QUANTITY_SIZE];

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint64_t back;

        cr_expect_str_eq(sdm_ctl_size_format(rows[i].size_bytes, text), rows[i].text);
        cr_expect_str_eq(sdm_ctl_size_format_exact(rows[i].size_bytes, text), rows[i].exact);
        cr_expect(sdm_ctl_size_parse(text, &back, NULL));
        cr_expect_eq(back, rows[i].size_bytes, "%s", text);
    }
}

Test(quantity, other_figures_are_written)
{
    char text[SDM_CTL_QUANTITY_SIZE];

    cr_expect_str_eq(sdm_ctl_duration_format(0, text), "0s");
    cr_expect_str_eq(sdm_ctl_duration_format(60000, text), "1min");
    cr_expect_str_eq(sdm_ctl_duration_format(90500, text), "1min 30s 500ms");
    cr_expect_str_eq(sdm_ctl_duration_format(UINT64_MAX, text), text);
    cr_expect_str_eq(sdm_ctl_power_format(12345, text), "12.3W");
    cr_expect_str_eq(sdm_ctl_bandwidth_format(10000, text), "10Gbit/s");
    cr_expect_str_eq(sdm_ctl_bandwidth_format(2500, text), "2.5Gbit/s");
    cr_expect_str_eq(sdm_ctl_bandwidth_format(950, text), "950Mbit/s");
}
