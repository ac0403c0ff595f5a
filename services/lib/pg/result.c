#include "lib/pg/result.h"

#include <string.h>

#include "lib/pg/error_private.h"
#include "lib/pg/result_private.h"

void sdm_pg_result_free(struct sdm_pg_result *result)
{
    if (result != NULL) {
        PQclear(result->rows);
        g_free(result);
    }
}

int sdm_pg_result_n_rows(const struct sdm_pg_result *result)
{
    return PQntuples(result->rows);
}

int64_t sdm_pg_result_n_affected(const struct sdm_pg_result *result)
{
    return g_ascii_strtoll(PQcmdTuples(result->rows), NULL, 10);
}

static void check_place(const struct sdm_pg_result *result, int row, int column)
{
    g_assert(row >= 0 && row < PQntuples(result->rows));
    g_assert(column >= 0 && column < PQnfields(result->rows));
}

static bool bad_value(const struct sdm_pg_result *result, int row, int column, const char *wanted,
                      GError **error)
{
    const char *name = PQfname(result->rows, column);

    if (PQgetisnull(result->rows, row, column)) {
        sdm_pg_fail(error, SDM_PG_BAD_VALUE, "column '%s' is NULL, wanted %s", name, wanted);
    } else {
        sdm_pg_fail(error, SDM_PG_BAD_VALUE, "column '%s' is '%.80s', wanted %s", name,
                    PQgetvalue(result->rows, row, column), wanted);
    }
    return false;
}

bool sdm_pg_get_is_null(const struct sdm_pg_result *result, int row, int column)
{
    check_place(result, row, column);
    return PQgetisnull(result->rows, row, column) != 0;
}

static bool get_integer(const struct sdm_pg_result *result, int row, int column, int64_t min,
                        int64_t max, int64_t *value, GError **error)
{
    gint64 number;

    check_place(result, row, column);
    if (PQgetisnull(result->rows, row, column) ||
        !g_ascii_string_to_signed(PQgetvalue(result->rows, row, column), 10, min, max, &number,
                                  NULL)) {
        return bad_value(result, row, column, "an integer", error);
    }
    *value = number;
    return true;
}

bool sdm_pg_get_int64(const struct sdm_pg_result *result, int row, int column, int64_t *value,
                      GError **error)
{
    return get_integer(result, row, column, INT64_MIN, INT64_MAX, value, error);
}

bool sdm_pg_get_int32(const struct sdm_pg_result *result, int row, int column, int32_t *value,
                      GError **error)
{
    int64_t wide = 0;

    if (!get_integer(result, row, column, INT32_MIN, INT32_MAX, &wide, error)) {
        return false;
    }
    *value = (int32_t)wide;
    return true;
}

bool sdm_pg_get_int64_or(const struct sdm_pg_result *result, int row, int column, int64_t otherwise,
                         int64_t *value, GError **error)
{
    if (sdm_pg_get_is_null(result, row, column)) {
        *value = otherwise;
        return true;
    }
    return sdm_pg_get_int64(result, row, column, value, error);
}

bool sdm_pg_get_bool(const struct sdm_pg_result *result, int row, int column, bool *value,
                     GError **error)
{
    const char *text;

    check_place(result, row, column);
    /* A NULL reads as "" here, which is neither. */
    text = PQgetvalue(result->rows, row, column);
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0) {
        return bad_value(result, row, column, "a boolean", error);
    }
    *value = *text == 't';
    return true;
}

bool sdm_pg_get_text(const struct sdm_pg_result *result, int row, int column, const char **text,
                     GError **error)
{
    check_place(result, row, column);
    if (PQgetisnull(result->rows, row, column)) {
        return bad_value(result, row, column, "text", error);
    }
    *text = PQgetvalue(result->rows, row, column);
    return true;
}

bool sdm_pg_copy_text(const struct sdm_pg_result *result, int row, int column, char *buffer,
                      size_t size, GError **error)
{
    const char *text = NULL;

    if (!sdm_pg_get_text(result, row, column, &text, error)) {
        return false;
    }
    if (strlen(text) >= size) {
        return bad_value(result, row, column, "a shorter text", error);
    }
    g_strlcpy(buffer, text, size);
    return true;
}

bool sdm_pg_copy_text_or_empty(const struct sdm_pg_result *result, int row, int column,
                               char *buffer, size_t size, GError **error)
{
    g_assert(size > 0);
    if (sdm_pg_get_is_null(result, row, column)) {
        *buffer = '\0';
        return true;
    }
    return sdm_pg_copy_text(result, row, column, buffer, size, error);
}

bool sdm_pg_get_word(const struct sdm_pg_result *result, int row, int column,
                     const char *const *names, size_t n, int *index, GError **error)
{
    const char *text = NULL;

    if (!sdm_pg_get_text(result, row, column, &text, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], text) == 0) {
            *index = (int)i;
            return true;
        }
    }
    return bad_value(result, row, column, "a known word", error);
}
