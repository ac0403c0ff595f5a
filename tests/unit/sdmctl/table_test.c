#include <criterion/criterion.h>

#include "sdmctl/table.h"

Test(table, columns_are_as_wide_as_their_letters)
{
    static const struct sdm_ctl_screen plain = {.width = 80};
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new("NAME|>SIZE|STATE");
    g_autofree char *text = NULL;

    sdm_ctl_table_add(table, "zwölf");
    sdm_ctl_table_add_size(table, 1 << 30);
    sdm_ctl_table_add(table, NULL);
    sdm_ctl_table_add(table, "a-long-name");
    sdm_ctl_table_add_format(table, "%d", 7);
    sdm_ctl_table_add(table, "on");
    text = sdm_ctl_table_format(table, &plain, 2);
    cr_assert_str_eq(text, "  NAME         SIZE  STATE\n"
                           "  zwölf        1GiB  -\n"
                           "  a-long-name     7  on\n");
}

Test(table, nothing_without_rows)
{
    static const struct sdm_ctl_screen plain = {.width = 80};
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new("NAME|STATE");
    g_autofree char *text = sdm_ctl_table_format(table, &plain, 0);

    cr_assert_str_eq(text, "");
}

Test(table, texts_are_fitted_by_columns)
{
    static const struct {
        const char *text;
        size_t width;
        const char *fitted;
    } rows[] = {
        {"abc", 5, "abc  "}, {"abcdef", 3, "abc"},
        {"zwölf", 3, "zwö"}, {"\033[31mabcdef\033[0m", 3, "\033[31mabc\033[0m"},
        {"", 2, "  "},       {"██", 1, "█"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) out = g_string_new(NULL);

        sdm_ctl_append_fitted(out, rows[i].text, rows[i].width);
        cr_expect_str_eq(out->str, rows[i].fitted, "row %zu: '%s'", i, out->str);
    }
}
