/* The rows that a statement returned.
 *
 * Getters are strict: NULL, or text that is none of the type or outside its range, is an SDM_PG
 * error BAD_VALUE and leaves the output untouched.  Rows and columns count from 0; one outside the
 * result is a bug of the caller.  Timestamps are read as numbers: the statement converts them
 * ("(extract(epoch FROM lease_end) * 1000000)::bigint").
 *
 * Thread rule: a result belongs to one thread at a time; it does not depend on its connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct sdm_pg_result;
typedef struct sdm_pg_result sdm_pg_result;

void sdm_pg_result_free(struct sdm_pg_result *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_pg_result, sdm_pg_result_free)

/* Rows returned. */
int sdm_pg_result_n_rows(const struct sdm_pg_result *result);

/* Rows that an INSERT, UPDATE or DELETE touched, or a SELECT returned. */
int64_t sdm_pg_result_n_affected(const struct sdm_pg_result *result);

bool sdm_pg_get_is_null(const struct sdm_pg_result *result, int row, int column);

bool sdm_pg_get_int64(const struct sdm_pg_result *result, int row, int column, int64_t *value,
                      GError **error);
bool sdm_pg_get_int32(const struct sdm_pg_result *result, int row, int column, int32_t *value,
                      GError **error);
bool sdm_pg_get_bool(const struct sdm_pg_result *result, int row, int column, bool *value,
                     GError **error);

/* Borrowed from the result. */
bool sdm_pg_get_text(const struct sdm_pg_result *result, int row, int column, const char **text,
                     GError **error);

/* Copies into an array of 'size' bytes; text that does not fit is an error. */
bool sdm_pg_copy_text(const struct sdm_pg_result *result, int row, int column, char *buffer,
                      size_t size, GError **error);

/* As sdm_pg_copy_text(), with NULL as "". */
bool sdm_pg_copy_text_or_empty(const struct sdm_pg_result *result, int row, int column,
                               char *buffer, size_t size, GError **error);

/* As sdm_pg_get_int64(), with NULL as 'otherwise'. */
bool sdm_pg_get_int64_or(const struct sdm_pg_result *result, int row, int column, int64_t otherwise,
                         int64_t *value, GError **error);

/* Looks the text up among 'n' names and gives its index. */
bool sdm_pg_get_word(const struct sdm_pg_result *result, int row, int column,
                     const char *const *names, size_t n, int *index, GError **error);
