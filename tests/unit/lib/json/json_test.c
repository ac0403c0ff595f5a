#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "lib/json/json.h"

static struct sdm_json *parse(const char *text, GError **error)
{
    return sdm_json_parse(text, strlen(text), &sdm_json_limits_default, error);
}

static char *compact(const struct sdm_json *value)
{
    return sdm_json_write(value, SDM_JSON_COMPACT, NULL);
}

Test(json, what_is_parsed_is_written_back)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        "{\"b\":1,\"a\":[true,false,null,\"x\",-9223372036854775808,9223372036854775807]}",
        "[{\"deep\":{\"er\":[[]]}},\"\\\"\\\\{[\",1.5]",
        "{\"text\":\"zw\xc3\xb6lf\"}",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_json) value = parse(rows[i], &error);
        g_autofree char *text = NULL;

        cr_assert_not_null(value, "%s: %s", rows[i], error ? error->message : "");
        text = compact(value);
        cr_assert_str_eq(text, rows[i]);
    }
}

Test(json, bad_bytes_are_refused_with_their_code)
{
    static const struct {
        const char *text;
        enum sdm_error_code code;
    } rows[] = {
        {"", SDM_ERROR_MALFORMED},
        {"nonsense", SDM_ERROR_MALFORMED},
        {"3", SDM_ERROR_MALFORMED},
        {"{\"a\":1", SDM_ERROR_MALFORMED},
        {"{\"a\":1}x", SDM_ERROR_MALFORMED},
        {"]", SDM_ERROR_MALFORMED},
        {"{\"a\":1,\"a\":2}", SDM_ERROR_MALFORMED},
        {"{\"a\":\"\\u0000\"}", SDM_ERROR_MALFORMED},
        {"{\"a\":\"\xff\"}", SDM_ERROR_MALFORMED},
        {"{\"a\":NaN}", SDM_ERROR_MALFORMED},
        {"{\"a\":9223372036854775808}", SDM_ERROR_OUT_OF_RANGE},
        {"{\"a\":-9223372036854775809}", SDM_ERROR_OUT_OF_RANGE},
        {"{\"a\":1e999}", SDM_ERROR_OUT_OF_RANGE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;

        cr_assert_null(parse(rows[i].text, &error), "%s", rows[i].text);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "%s: %s", rows[i].text,
                  error->message);
    }
}

Test(json, a_zero_byte_behind_a_number_is_seen)
{
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_json_parse("[1\0]", 4, &sdm_json_limits_default, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_MALFORMED));
}

Test(json, limits_hold_to_the_byte_and_level)
{
    static const struct sdm_json_limits limits = {16, 3};
    static const struct {
        const char *text;
        bool fits;
    } rows[] = {
        {"[[[]]]", true},
        {"[[[[]]]]", false},
        {"[[\"[[[[\",1]]", true},
        {"[[\"\\\"[[[\"]]", true},
        {"[[],[],[],[[]]]", true},
        {"[            12]", true},
        {"[             12]", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_json) value =
            sdm_json_parse(rows[i].text, strlen(rows[i].text), &limits, &error);

        cr_assert_eq(value != NULL, rows[i].fits, "%s", rows[i].text);
        cr_assert(rows[i].fits || g_error_matches(error, SDM_ERROR, SDM_ERROR_MALFORMED), "%s",
                  rows[i].text);
    }
}

Test(json, members_are_read_by_name_and_kind)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_json) value =
        parse("{\"s\":\"x\",\"i\":-7,\"r\":0.5,\"b\":true,\"o\":{\"k\":1},\"l\":[1,2]}", &error);
    const char *text = NULL;
    int64_t number = 0;
    double real = 0;
    bool flag = false;
    struct sdm_json *object = NULL;
    struct sdm_json *list = NULL;

    cr_assert(sdm_json_get_string(value, "s", &text, &error));
    cr_assert_str_eq(text, "x");
    cr_assert(sdm_json_get_integer(value, "i", &number, &error));
    cr_assert_eq(number, -7);
    cr_assert(sdm_json_get_real(value, "r", &real, &error));
    cr_assert_eq(real, 0.5);
    cr_assert(sdm_json_get_real(value, "i", &real, &error));
    cr_assert_eq(real, -7.0);
    cr_assert(sdm_json_get_boolean(value, "b", &flag, &error));
    cr_assert(flag);
    cr_assert(sdm_json_get_object(value, "o", &object, &error));
    cr_assert_eq(sdm_json_length(object), 1);
    cr_assert(sdm_json_get_list(value, "l", &list, &error));
    cr_assert_eq(sdm_json_length(list), 2);
    cr_assert_eq(sdm_json_as_integer(sdm_json_item(list, 1)), 2);
    cr_assert_null(sdm_json_item(list, 2));
    cr_assert_null(sdm_json_member(list, "l"));
}

Test(json, absent_and_other_members_are_refused)
{
    g_autoptr(sdm_json) value = parse("{\"s\":\"x\",\"i\":1,\"n\":null}", NULL);
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) wrong = NULL;
    g_autoptr(GError) none = NULL;
    const char *text = "kept";
    int64_t number = 5;
    double real = 5;
    bool flag = true;
    struct sdm_json *found = value;

    cr_assert_not(sdm_json_get_string(value, "absent", &text, &missing));
    cr_assert(g_error_matches(missing, SDM_ERROR, SDM_ERROR_MISSING_MEMBER));
    cr_assert_not(sdm_json_get_integer(value, "s", &number, &wrong));
    cr_assert(g_error_matches(wrong, SDM_ERROR, SDM_ERROR_WRONG_TYPE));
    cr_assert_str_eq(wrong->message, "s: want integer, found string");
    cr_assert_not(sdm_json_get_string(sdm_json_member(value, "i"), "s", &text, &none));
    cr_assert_str_eq(none->message, "want object, found integer");
    cr_assert_not(sdm_json_get_real(value, "s", &real, NULL));
    cr_assert_not(sdm_json_get_boolean(value, "i", &flag, NULL));
    cr_assert_not(sdm_json_get_object(value, "n", &found, NULL));
    cr_assert_not(sdm_json_get_list(value, "n", &found, NULL));
    cr_assert_str_eq(text, "kept");
    cr_assert(number == 5 && real == 5 && flag && found == value);
}

Test(json, objects_are_built_in_order)
{
    g_autoptr(sdm_json) value = sdm_json_new_object();
    struct sdm_json *list;
    g_autofree char *text = NULL;
    g_autofree char *pretty = NULL;
    size_t size = 0;

    sdm_json_set_string(value, "z", "last\xff\xfe");
    sdm_json_set_integer(value, "a", 1);
    sdm_json_set_real(value, "r", 0.25);
    sdm_json_set_boolean(value, "b", false);
    sdm_json_set_format(value, "f", "%d-%s", 7, "x");
    sdm_json_set_string(value, "n", NULL);
    sdm_json_set_integer(sdm_json_set_object(value, "o"), "k", 2);
    list = sdm_json_set_list(value, "l");
    sdm_json_append_take(list, sdm_json_new_boolean(true));
    sdm_json_append_take(list, sdm_json_new_list());
    sdm_json_set_integer(sdm_json_append_object(list), "m", 3);
    text = sdm_json_write(value, SDM_JSON_COMPACT, &size);
    cr_assert_str_eq(text, "{\"z\":\"last\?\?\",\"a\":1,\"r\":0.25,\"b\":false,\"f\":\"7-x\","
                           "\"n\":null,\"o\":{\"k\":2},\"l\":[true,[],{\"m\":3}]}");
    cr_assert_eq(size, strlen(text));
    pretty = sdm_json_write(list, SDM_JSON_PRETTY, NULL);
    cr_assert_str_eq(pretty, "[\n  true,\n  [],\n  {\n    \"m\": 3\n  }\n]");
}

Test(json, members_are_walked_in_their_order)
{
    g_autoptr(sdm_json) value = parse("{\"b\":1,\"a\":2,\"c\":3}", NULL);
    g_autoptr(GString) seen = g_string_new("");
    void *cursor = NULL;
    const char *name;
    struct sdm_json *member;

    while (sdm_json_next(value, &cursor, &name, &member)) {
        g_string_append_printf(seen, "%s%d", name, (int)sdm_json_as_integer(member));
    }
    cr_assert_str_eq(seen->str, "b1a2c3");
}

Test(json, a_reference_outlives_its_parent)
{
    struct sdm_json *value = parse("{\"l\":[\"x\"]}", NULL);
    g_autoptr(sdm_json) list = sdm_json_ref(sdm_json_member(value, "l"));
    size_t length = 0;

    sdm_json_free(value);
    cr_assert_str_eq(sdm_json_as_string(sdm_json_item(list, 0), &length), "x");
    cr_assert_eq(length, 1);
    cr_assert_null(sdm_json_as_string(list, &length));
    cr_assert_eq(length, 0);
}

Test(json, kinds_have_names)
{
    g_autoptr(sdm_json) value = parse("[{},[],\"\",1,1.0,true,false,null]", NULL);
    static const char *const want[] = {"object", "list",    "string",  "integer",
                                       "real",   "boolean", "boolean", "null"};

    for (size_t i = 0; i < G_N_ELEMENTS(want); i++) {
        cr_assert_str_eq(sdm_json_kind_name(sdm_json_kind(sdm_json_item(value, i))), want[i]);
    }
}
