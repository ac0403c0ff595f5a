#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "lib/wire/codec.h"
#include "sample/sample.h"

#define SMALLEST "\"id\":\"a\",\"size_bytes\":1,\"point\":{\"x\":0}"

/* Every kind of member, in the schema's order: the encoder gives the same text. */
static const char full_text[] =
    "{\"id\":\"brick-1\",\"text\":\"zw\xc3\xb6lf\",\"size_bytes\":1152921504606846976,\"flag\":"
    "true,"
    "\"colour\":\"x-ray\",\"switch\":\"none\",\"point\":{\"x\":-9223372036854775808,\"y\":-5},"
    "\"choice\":{\"colour\":\"green\"},\"ids\":[\"a\",\"b.c\"],\"points\":[{\"x\":1},{\"x\":2,"
    "\"y\":3}],"
    "\"numbers\":[0,9],\"colours\":[\"red\",\"red\"],\"flags\":[true,false]}";

static bool decode(const char *text, struct sdm_arena *arena, struct sample_sample_full *out,
                   GError **error)
{
    return sdm_codec_decode(&sample_sample_full_codec, text, strlen(text), arena, out, error);
}

/* True when every byte still is what the test put there. */
static bool untouched(const void *out, size_t size)
{
    const unsigned char *bytes = out;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0x5a) {
            return false;
        }
    }
    return true;
}

Test(codec, every_kind_of_member_arrives)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    struct sample_sample_full full;

    cr_assert(decode(full_text, arena, &full, &error), "%s", error ? error->message : "");
    cr_assert_str_eq(full.id, "brick-1");
    cr_assert(full.has_text && strcmp(full.text, "zw\xc3\xb6lf") == 0);
    cr_assert_eq(full.size_bytes, UINT64_C(1152921504606846976));
    cr_assert(full.has_flag && full.flag);
    cr_assert(full.has_colour && full.colour == SAMPLE_COLOUR_X_RAY);
    cr_assert(full.has_switch && full.switch_ == SAMPLE_SAMPLE_FULL_SWITCH_NONE);
    cr_assert(full.point.x == INT64_MIN && full.point.has_y && full.point.y == -5);
    cr_assert(full.has_choice && full.choice.has_colour && !full.choice.has_point);
    cr_assert(full.has_ids && full.n_ids == 2 && strcmp(full.ids[1], "b.c") == 0);
    cr_assert(full.n_points == 2 && !full.points[0].has_y && full.points[1].y == 3);
    cr_assert(full.n_numbers == 2 && full.numbers[1] == 9);
    cr_assert(full.n_colours == 2 && full.colours[1] == SAMPLE_COLOUR_RED);
    cr_assert(full.n_flags == 2 && full.flags[0] && !full.flags[1]);
}

Test(codec, what_was_decoded_encodes_to_the_same_text)
{
    static const char *const rows[] = {full_text, "{" SMALLEST "}", "{" SMALLEST ",\"points\":[]}"};
    g_autoptr(sdm_arena) arena = sdm_arena_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct sample_sample_full full;
        g_autofree char *text = NULL;
        size_t size = 0;

        cr_assert(decode(rows[i], arena, &full, NULL), "%s", rows[i]);
        text = sdm_codec_encode(&sample_sample_full_codec, &full, &size);
        cr_assert_str_eq(text, rows[i]);
        cr_assert_eq(size, strlen(rows[i]));
    }
}

Test(codec, order_and_spelling_of_numbers_do_not_matter)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sample_sample_full full;
    g_autofree char *text = NULL;

    cr_assert(decode(" {\"point\" : {\"x\": 3.0},\n\"size_bytes\":1e3, \"id\":\"a\"}", arena, &full,
                     NULL));
    text = sdm_codec_encode(&sample_sample_full_codec, &full, NULL);
    cr_assert_str_eq(text, "{\"id\":\"a\",\"size_bytes\":1000,\"point\":{\"x\":3}}");
}

Test(codec, refusals_name_the_place_and_both_sides)
{
    static const struct {
        const char *text;
        enum sdm_error_code code;
        const char *message;
    } rows[] = {
        {"nonsense", SDM_ERROR_MALFORMED, NULL},
        {"[]", SDM_ERROR_MALFORMED, "want object, found list"},
        {"{" SMALLEST ",\"flag\":9223372036854775808}", SDM_ERROR_OUT_OF_RANGE, NULL},
        {"{\"size_bytes\":1,\"point\":{\"x\":0}}", SDM_ERROR_MISSING_MEMBER,
         "id: want a member, found none"},
        {"{\"id\":\"a\",\"size_bytes\":1,\"point\":{}}", SDM_ERROR_MISSING_MEMBER,
         "point.x: want a member, found none"},
        {"{" SMALLEST ",\"colr\":1}", SDM_ERROR_UNKNOWN_MEMBER,
         "colr: want only members of sample.full/1, found another"},
        {"{\"id\":\"a\",\"size_bytes\":1,\"point\":{\"x\":0,\"z\":0}}", SDM_ERROR_UNKNOWN_MEMBER,
         "point.z: want only members of point, found another"},
        {"{\"id\":7,\"size_bytes\":1,\"point\":{\"x\":0}}", SDM_ERROR_WRONG_TYPE,
         "id: want string, found integer"},
        {"{\"id\":\"a\",\"size_bytes\":\"1\",\"point\":{\"x\":0}}", SDM_ERROR_WRONG_TYPE,
         "size_bytes: want integer, found string"},
        {"{\"id\":\"a\",\"size_bytes\":1.5,\"point\":{\"x\":0}}", SDM_ERROR_WRONG_TYPE,
         "size_bytes: want integer, found real"},
        {"{\"id\":\"a\",\"size_bytes\":1e17,\"point\":{\"x\":0}}", SDM_ERROR_WRONG_TYPE,
         "size_bytes: want integer, found real"},
        {"{\"id\":\"a\",\"size_bytes\":1,\"point\":null}", SDM_ERROR_WRONG_TYPE,
         "point: want object, found null"},
        {"{" SMALLEST ",\"flag\":1}", SDM_ERROR_WRONG_TYPE, "flag: want boolean, found integer"},
        {"{" SMALLEST ",\"colour\":1}", SDM_ERROR_WRONG_TYPE, "colour: want string, found integer"},
        {"{" SMALLEST ",\"points\":{}}", SDM_ERROR_WRONG_TYPE, "points: want list, found object"},
        {"{" SMALLEST ",\"points\":[{\"x\":1},[]]}", SDM_ERROR_WRONG_TYPE,
         "points[1]: want object, found list"},
        {"{\"id\":\"a\",\"size_bytes\":0,\"point\":{\"x\":0}}", SDM_ERROR_OUT_OF_RANGE,
         "size_bytes: want 1 to 1152921504606846976, found 0"},
        {"{\"id\":\"a\",\"size_bytes\":-1,\"point\":{\"x\":0}}", SDM_ERROR_OUT_OF_RANGE,
         "size_bytes: want 1 to 1152921504606846976, found -1"},
        {"{\"id\":\"a\",\"size_bytes\":1152921504606846977,\"point\":{\"x\":0}}",
         SDM_ERROR_OUT_OF_RANGE,
         "size_bytes: want 1 to 1152921504606846976, found 1152921504606846977"},
        {"{" SMALLEST ",\"points\":[{\"x\":1},{\"x\":1,\"y\":-6}]}", SDM_ERROR_OUT_OF_RANGE,
         "points[1].y: want -5 to 5, found -6"},
        {"{" SMALLEST ",\"text\":\"x\"}", SDM_ERROR_OUT_OF_RANGE,
         "text: want 2 to 8 bytes, found 1"},
        {"{" SMALLEST ",\"text\":\"123456789\"}", SDM_ERROR_OUT_OF_RANGE,
         "text: want 2 to 8 bytes, found 9"},
        {"{" SMALLEST ",\"ids\":[]}", SDM_ERROR_OUT_OF_RANGE, "ids: want 1 to 3 items, found 0"},
        {"{" SMALLEST ",\"ids\":[\"a\",\"a\",\"a\",\"a\"]}", SDM_ERROR_OUT_OF_RANGE,
         "ids: want 1 to 3 items, found 4"},
        {"{" SMALLEST ",\"ids\":[\"a\",\"-a\"]}", SDM_ERROR_INVALID_VALUE,
         "ids[1]: want 1 to 63 of a-z, 0-9, '.', '_', '-', not punctuation first, found '-a'"},
        {"{" SMALLEST ",\"colour\":\"blue\"}", SDM_ERROR_INVALID_VALUE,
         "colour: want red, green or x-ray, found 'blue'"},
        {"{" SMALLEST ",\"choice\":{}}", SDM_ERROR_MISSING_MEMBER,
         "choice: want at least 1 members, found 0"},
        {"{" SMALLEST ",\"choice\":{\"colour\":\"red\",\"point\":{\"x\":1}}}",
         SDM_ERROR_INVALID_VALUE, "choice: want at most 1 members, found 2"},
    };
    g_autoptr(sdm_arena) arena = sdm_arena_new();

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct sample_sample_full full;

        memset(&full, 0x5a, sizeof full);
        cr_assert_not(decode(rows[i].text, arena, &full, &error), "%s", rows[i].text);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "%s: %s", rows[i].text,
                  error->message);
        if (rows[i].message != NULL) {
            cr_assert_str_eq(error->message, rows[i].message);
        }
        cr_assert(untouched(&full, sizeof full), "%s: output touched", rows[i].text);
    }
}

Test(codec, a_long_unknown_name_is_cut_in_the_text)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strnfill(5000, 'n');
    g_autofree char *text = g_strdup_printf("{\"%s\":1}", name);
    struct sample_sample_full full;

    cr_assert_not(decode(text, arena, &full, &error));
    cr_assert_eq(error->code, SDM_ERROR_UNKNOWN_MEMBER);
    cr_assert_lt(strlen(error->message), 200);
}

Test(codec, a_name_cut_within_a_character_stays_text)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *name = g_strnfill(63, 'n');
    g_autofree char *text = g_strdup_printf("{\"%s\xc3\xb6\":1}", name);
    struct sample_sample_full full;

    cr_assert_not(decode(text, arena, &full, &error));
    cr_assert(g_utf8_validate(error->message, -1, NULL));
}

Test(codec, an_open_object_ignores_what_it_does_not_know)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    struct sample_sample_open open;
    const char *text = "{\"new\":{\"a\":[1]},\"n\":3,\"newer\":null}";
    const char *inner = "{\"full\":{" SMALLEST ",\"new\":1}}";

    cr_assert(sdm_codec_decode(&sample_sample_open_codec, text, strlen(text), arena, &open, NULL));
    cr_assert(open.has_n && open.n == 3 && !open.has_full);
    cr_assert_not(
        sdm_codec_decode(&sample_sample_open_codec, inner, strlen(inner), arena, &open, &error));
    cr_assert_str_eq(error->message, "full.new: want only members of sample.full/1, found another");
}

Test(codec, values_and_bytes_are_decoded_alike)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(sdm_json) value =
        sdm_json_parse(full_text, strlen(full_text), &sdm_json_limits_default, NULL);
    g_autoptr(sdm_json) list = sdm_json_new_list();
    g_autoptr(sdm_json) again = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    struct sample_sample_full full;

    cr_assert(sdm_codec_decode_value(&sample_sample_full_codec, value, arena, &full, NULL));
    again = sdm_codec_encode_value(&sample_sample_full_codec, &full);
    text = sdm_json_write(again, SDM_JSON_COMPACT, NULL);
    cr_assert_str_eq(text, full_text);
    cr_assert_not(sdm_codec_decode_value(&sample_sample_full_codec, list, arena, &full, &error));
    cr_assert_str_eq(error->message, "want object, found list");
}

Test(codec, fingerprints_tell_requests_apart)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sample_sample_full one;
    struct sample_sample_full same;
    struct sample_sample_full other;
    char a[SDM_FINGERPRINT_SIZE];
    char b[SDM_FINGERPRINT_SIZE];

    cr_assert(decode("{" SMALLEST "}", arena, &one, NULL));
    cr_assert(decode("{\"point\":{\"x\":0.0}, \"size_bytes\":1,\"id\":\"a\"}", arena, &same, NULL));
    cr_assert(decode("{" SMALLEST ",\"flag\":false}", arena, &other, NULL));
    sdm_codec_fingerprint(&sample_sample_full_codec, &one, a);
    cr_assert_eq(strlen(a), SDM_FINGERPRINT_SIZE - 1);
    sdm_codec_fingerprint(&sample_sample_full_codec, &same, b);
    cr_assert_str_eq(a, b);
    sdm_codec_fingerprint(&sample_sample_full_codec, &other, b);
    cr_assert_str_neq(a, b);
}
