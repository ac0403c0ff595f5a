#include <criterion/criterion.h>

#include "lib/json/json.h"
#include "lib/json/text.h"

Test(text, strings_are_written_as_values_are)
{
    static const char *const rows[] = {
        "",
        "plain",
        "quote \" and \\ slash /",
        "\b\f\n\r\t",
        "\x01\x1f\x7f",
        "zw\xc3\xb6",
        "\xff",
        "a\xc3",
        "\xc3\xc3\xb6x",
        "\xed\xa0\x80",
        "end\n",
        "\xf0\x9f\x98\x80",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) text = g_string_new("x");
        g_autoptr(sdm_json) value = sdm_json_new_string(rows[i]);
        g_autofree char *want = sdm_json_write(value, SDM_JSON_COMPACT, NULL);

        sdm_json_append_string(text, rows[i]);
        cr_assert_str_eq(text->str + 1, want, "row %zu: %s, want %s", i, text->str, want);
    }
}

Test(text, integers_are_exact_to_both_ends)
{
    static const struct {
        int64_t number;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-7, "-7"},
        {10, "10"},
        {INT64_MAX, "9223372036854775807"},
        {INT64_MIN, "-9223372036854775808"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) text = g_string_new(NULL);

        sdm_json_append_integer(text, rows[i].number);
        cr_assert_str_eq(text->str, rows[i].text);
    }
}
