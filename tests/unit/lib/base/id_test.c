#include <criterion/criterion.h>

#include <string.h>

#include <glib.h>

#include "lib/base/id.h"

Test(id, new_uuids_are_valid_and_differ)
{
    char a[SDM_UUID_SIZE];
    char b[SDM_UUID_SIZE];

    sdm_uuid_new(a);
    sdm_uuid_new(b);
    cr_assert(sdm_uuid_is_valid(a));
    cr_assert(sdm_uuid_is_valid(b));
    cr_assert_str_neq(a, b);
}

Test(id, new_uuids_begin_with_the_time)
{
    char text[SDM_UUID_SIZE];
    int64_t before_ms = g_get_real_time() / 1000;
    int64_t made_ms;

    sdm_uuid_new(text);
    cr_assert_eq(text[14], '7', "%s", text);
    cr_assert_not_null(strchr("89ab", text[19]), "%s", text);
    text[13] = '\0';
    made_ms = g_ascii_strtoll(text, NULL, 16) << 16 | g_ascii_strtoll(text + 9, NULL, 16);
    cr_assert_geq(made_ms, before_ms);
    cr_assert_leq(made_ms, g_get_real_time() / 1000);
}

Test(id, forms)
{
    static const struct {
        const char *text;
        bool uuid;
        bool id;
    } cases[] = {
        {"", false, false},
        {"mb0", false, true},
        {"0-a.b_c", false, true},
        {"-a", false, false},
        {"Brick", false, false},
        {"a b", false, false},
        {"6f1b24a0-3c5e-4d0f-9a51-0d8f5a1f2c3d", true, true},
        {"6F1b24a0-3c5e-4d0f-9a51-0d8f5a1f2c3d", false, false},
        {"6f1b24a003c5e-4d0f-9a51-0d8f5a1f2c3d", false, true},
        {"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123", false, true},
        {"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij1234", false, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        cr_assert_eq(sdm_uuid_is_valid(cases[i].text), cases[i].uuid, "%s", cases[i].text);
        cr_assert_eq(sdm_id_is_valid(cases[i].text), cases[i].id, "%s", cases[i].text);
    }
}
