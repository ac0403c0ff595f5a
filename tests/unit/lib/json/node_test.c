#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "lib/json/node.h"

static struct sdm_node *parse(const char *text, struct sdm_arena *arena, GError **error)
{
    return sdm_node_parse(text, strlen(text), &sdm_json_limits_default, arena, error);
}

/* The tree as the value that sdm_json_parse() would have given. */
static struct sdm_json *to_value(const struct sdm_node *node)
{
    struct sdm_json *value;

    switch (node->kind) {
    case SDM_JSON_STRING:
        return sdm_json_new_string(node->text);
    case SDM_JSON_INTEGER:
        return sdm_json_new_integer(node->integer);
    case SDM_JSON_REAL:
        return sdm_json_new_real(node->real);
    case SDM_JSON_BOOLEAN:
        return sdm_json_new_boolean(node->boolean);
    case SDM_JSON_NULL:
        return sdm_json_new_null();
    case SDM_JSON_OBJECT:
    case SDM_JSON_LIST:
        break;
    }
    value = node->kind == SDM_JSON_OBJECT ? sdm_json_new_object() : sdm_json_new_list();
    for (const struct sdm_node *child = node->first; child != NULL; child = child->next) {
        if (node->kind == SDM_JSON_OBJECT) {
            sdm_json_set_take(value, child->name, to_value(child));
        } else {
            sdm_json_append_take(value, to_value(child));
        }
    }
    cr_assert_eq(sdm_json_length(value), node->length);
    return value;
}

/* More than are compared each with each. */
static const char many_members[] =
    "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
    "\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}";

Test(node, trees_hold_what_values_hold)
{
    static const char *const rows[] = {
        "{}",
        "[]",
        " { \"b\" : 1 , \"a\" : [ true , false , null , \"x\" , -9223372036854775808 ] }\n",
        "[9223372036854775807,0,-0,-1,10]",
        "[1.5,-0.25,1e3,1E+3,2.5e-3,0.0]",
        "[\"\",\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"zw\xc3\xb6lf\",\"\\u00f6\\u20ac\\ud83d\\ude00x\"]",
        "{\"\":{\"\\u0061\":[[[]],{}]},\"esc\\n\":1}",
        many_members,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        g_autoptr(GError) error = NULL;
        struct sdm_node *node = parse(rows[i], arena, &error);
        g_autoptr(sdm_json) want =
            sdm_json_parse(rows[i], strlen(rows[i]), &sdm_json_limits_default, NULL);
        g_autofree char *want_text = sdm_json_write(want, SDM_JSON_COMPACT, NULL);
        g_autoptr(sdm_json) value = NULL;
        g_autofree char *text = NULL;

        cr_assert_not_null(node, "%s: %s", rows[i], error ? error->message : "");
        value = to_value(node);
        text = sdm_json_write(value, SDM_JSON_COMPACT, NULL);
        cr_assert_str_eq(text, want_text);
    }
}

Test(node, bad_text_is_refused_where_it_is_bad)
{
    static const struct {
        const char *text;
        const char *message;
        enum sdm_error_code code;
    } rows[] = {
        {"", "want an object or a list, found nothing", SDM_ERROR_MALFORMED},
        {" 3", "byte 1: want an object or a list", SDM_ERROR_MALFORMED},
        {"[1", "byte 2: want ',' or ']'", SDM_ERROR_MALFORMED},
        {"[1,]", "byte 3: want a value", SDM_ERROR_MALFORMED},
        {"[,1]", "byte 1: want a value", SDM_ERROR_MALFORMED},
        {"{\"a\":1 \"b\":2}", "byte 7: want ',' or '}'", SDM_ERROR_MALFORMED},
        {"{\"a\":1,}", "byte 7: want a member", SDM_ERROR_MALFORMED},
        {"{a:1}", "byte 1: want a member", SDM_ERROR_MALFORMED},
        {"{\"a\"}", "byte 4: want ':'", SDM_ERROR_MALFORMED},
        {"{\"a\n\":1}", "byte 3: want the end of a string", SDM_ERROR_MALFORMED},
        {"[\"a", "byte 3: want the end of a string", SDM_ERROR_MALFORMED},
        {"[\"\\x\"]", "byte 3: want an escape", SDM_ERROR_MALFORMED},
        {"[\"\\", "byte 3: want an escape", SDM_ERROR_MALFORMED},
        {"[\"\\u12g4\"]", "byte 4: want four hexadecimal digits other than 0000",
         SDM_ERROR_MALFORMED},
        {"[\"\\u0000\"]", "byte 4: want four hexadecimal digits other than 0000",
         SDM_ERROR_MALFORMED},
        {"[\"\\ud800x\"]", "byte 8: want a pair of surrogates", SDM_ERROR_MALFORMED},
        {"[\"\\ude00\"]", "byte 8: want a pair of surrogates", SDM_ERROR_MALFORMED},
        {"[\"\\ud800\\u0041\"]", "byte 8: want a pair of surrogates", SDM_ERROR_MALFORMED},
        {"[01]", "byte 3: want no leading zero", SDM_ERROR_MALFORMED},
        {"[-]", "byte 2: want a value", SDM_ERROR_MALFORMED},
        {"[1.]", "byte 3: want a digit", SDM_ERROR_MALFORMED},
        {"[1e+]", "byte 4: want a digit", SDM_ERROR_MALFORMED},
        {"[nul]", "byte 1: want a value", SDM_ERROR_MALFORMED},
        {"[truex]", "byte 5: want a value", SDM_ERROR_MALFORMED},
        {"[NaN]", "byte 1: want a value", SDM_ERROR_MALFORMED},
        {"{} x", "byte 3: want the end", SDM_ERROR_MALFORMED},
        {"[\"\xff\"]", "want UTF-8", SDM_ERROR_MALFORMED},
        {"{\"a\":1,\"a\":2}", "byte 13: want each member once", SDM_ERROR_MALFORMED},
        {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,"
         "\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"a\":1}",
         "byte 103: want each member once", SDM_ERROR_MALFORMED},
        {"[9223372036854775808]", "byte 20: want an integer of 64 bits, found 9223372036854775808",
         SDM_ERROR_OUT_OF_RANGE},
        {"[-9223372036854775809]",
         "byte 21: want an integer of 64 bits, found -9223372036854775809", SDM_ERROR_OUT_OF_RANGE},
        {"[92233720368547758070]",
         "byte 21: want an integer of 64 bits, found 92233720368547758070", SDM_ERROR_OUT_OF_RANGE},
        {"[1e999]", "byte 6: want a real that a double holds", SDM_ERROR_OUT_OF_RANGE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        g_autoptr(GError) error = NULL;

        cr_assert_null(parse(rows[i].text, arena, &error), "%s", rows[i].text);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "%s", rows[i].text);
        cr_assert_str_eq(error->message, rows[i].message, "%s: %s", rows[i].text, error->message);
    }
}

Test(node, zeros_and_a_missing_end_are_seen)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    static const char zero[] = "[\"a\0b\"]";

    cr_assert_null(sdm_node_parse(zero, sizeof zero - 1, &sdm_json_limits_default, arena, NULL));
    cr_assert_null(sdm_node_parse("[]]", 1, &sdm_json_limits_default, arena, NULL));
    cr_assert_not_null(sdm_node_parse("[]]", 2, &sdm_json_limits_default, arena, NULL));
    cr_assert_null(sdm_node_parse(NULL, 0, &sdm_json_limits_default, arena, NULL));
}

Test(node, limits_hold_to_the_byte_and_level)
{
    static const struct sdm_json_limits limits = {16, 3};
    static const struct {
        const char *text;
        bool fits;
    } rows[] = {
        {"[[[]]]", true},          {"[[[[]]]]", false},        {"[[\"[[[[\",1]]", true},
        {"[[],[],[],[[]]]", true}, {"[            12]", true}, {"[             12]", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_node *node =
            sdm_node_parse(rows[i].text, strlen(rows[i].text), &limits, arena, NULL);

        cr_assert_eq(node != NULL, rows[i].fits, "%s", rows[i].text);
    }
}
