#include "lib/pg/args.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/pg/args_private.h"

/* The text is a whole array literal at any time, "{}" at first, so that it can be sent, filled
 * further and sent again. */
struct sdm_pg_array {
    GString *text;
};

void sdm_pg_args_clear(struct sdm_pg_args *args)
{
    for (int i = 0; i < args->n; i++) {
        if (args->arrays[i] != NULL) {
            g_string_free(args->arrays[i]->text, TRUE);
            g_clear_pointer(&args->arrays[i], g_free);
        }
    }
    args->n = 0;
}

static void add(struct sdm_pg_args *args, const char *value)
{
    g_assert(args->n < SDM_PG_MAX_ARGS);
    args->values[args->n] = value;
    args->arrays[args->n] = NULL;
    args->n++;
}

void sdm_pg_arg_int64(struct sdm_pg_args *args, int64_t value)
{
    char *number;

    add(args, NULL);
    number = args->numbers[args->n - 1];
    g_snprintf(number, sizeof args->numbers[0], "%" PRId64, value);
    args->values[args->n - 1] = number;
}

void sdm_pg_arg_bool(struct sdm_pg_args *args, bool value)
{
    add(args, value ? "t" : "f");
}

void sdm_pg_arg_text(struct sdm_pg_args *args, const char *text)
{
    g_assert(text != NULL);
    add(args, text);
}

void sdm_pg_arg_null(struct sdm_pg_args *args)
{
    add(args, NULL);
}

void sdm_pg_arg_text_or_null(struct sdm_pg_args *args, const char *text)
{
    add(args, text == NULL || *text == '\0' ? NULL : text);
}

void sdm_pg_arg_uuid(struct sdm_pg_args *args, const char *uuid)
{
    g_assert(uuid == NULL || *uuid == '\0' || sdm_uuid_is_valid(uuid));
    sdm_pg_arg_text_or_null(args, uuid);
}

void sdm_pg_arg_int64_array(struct sdm_pg_args *args, const int64_t *values, size_t n)
{
    struct sdm_pg_array *array = sdm_pg_arg_array(args);

    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_int64(array, values[i]);
    }
}

void sdm_pg_arg_text_array(struct sdm_pg_args *args, const char *const *texts, size_t n)
{
    struct sdm_pg_array *array = sdm_pg_arg_array(args);

    for (size_t i = 0; i < n; i++) {
        sdm_pg_array_text(array, texts[i]);
    }
}

struct sdm_pg_array *sdm_pg_arg_array(struct sdm_pg_args *args)
{
    struct sdm_pg_array *array = g_new0(struct sdm_pg_array, 1);

    array->text = g_string_new("{}");
    add(args, NULL);
    args->arrays[args->n - 1] = array;
    return array;
}

/* Opens the literal for one more element. */
static GString *reopen(struct sdm_pg_array *array)
{
    g_string_truncate(array->text, array->text->len - 1);
    if (array->text->len > 1) {
        g_string_append_c(array->text, ',');
    }
    return array->text;
}

void sdm_pg_array_int64(struct sdm_pg_array *array, int64_t value)
{
    g_string_append_printf(reopen(array), "%" PRId64 "}", value);
}

void sdm_pg_array_bool(struct sdm_pg_array *array, bool value)
{
    g_string_append(reopen(array), value ? "t}" : "f}");
}

void sdm_pg_array_null(struct sdm_pg_array *array)
{
    g_string_append(reopen(array), "NULL}");
}

void sdm_pg_array_text(struct sdm_pg_array *array, const char *text)
{
    GString *literal;

    if (text == NULL) {
        sdm_pg_array_null(array);
        return;
    }
    literal = reopen(array);
    g_string_append_c(literal, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(literal, '\\');
        }
        g_string_append_c(literal, *text);
    }
    g_string_append(literal, "\"}");
}

void sdm_pg_array_text_or_null(struct sdm_pg_array *array, const char *text)
{
    sdm_pg_array_text(array, text == NULL || *text == '\0' ? NULL : text);
}

const char *sdm_pg_args_value(const struct sdm_pg_args *args, int index)
{
    return args->arrays[index] != NULL ? args->arrays[index]->text->str : args->values[index];
}
