/* The parameters of one statement, in text format; the statement casts each: "$1::bigint".
 *
 *     g_auto(sdm_pg_args) args = {0};
 *
 *     sdm_pg_arg_int64(&args, epoch);
 *     sdm_pg_arg_uuid(&args, reservation->id);
 *
 * For a statement over many rows ("FROM unnest($1::uuid[], $2::bigint[])") one array a column:
 *
 *     struct sdm_pg_array *ids = sdm_pg_arg_array(&args);
 *     struct sdm_pg_array *offsets = sdm_pg_arg_array(&args);
 *
 *     for (...) {
 *         sdm_pg_array_text(ids, segment->id);
 *         sdm_pg_array_int64(offsets, segment->offset_bytes);
 *     }
 *
 * Thread rule: arguments belong to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#define SDM_PG_MAX_ARGS 32

struct sdm_pg_array;

/* Members are for lib/pg.  It points into itself: do not copy it. */
struct sdm_pg_args {
    int n;
    const char *values[SDM_PG_MAX_ARGS];
    char numbers[SDM_PG_MAX_ARGS][24];
    struct sdm_pg_array *arrays[SDM_PG_MAX_ARGS];
};
typedef struct sdm_pg_args sdm_pg_args;

/* Drops all arguments, so that the struct can be filled again. */
void sdm_pg_args_clear(struct sdm_pg_args *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sdm_pg_args, sdm_pg_args_clear)

/* Each adds the next parameter, $1 first.  Texts are borrowed until the statement is executed or
 * queued; text must hold valid UTF-8. */
void sdm_pg_arg_int64(struct sdm_pg_args *args, int64_t value);
void sdm_pg_arg_bool(struct sdm_pg_args *args, bool value);
void sdm_pg_arg_text(struct sdm_pg_args *args, const char *text);
void sdm_pg_arg_null(struct sdm_pg_args *args);

/* NULL and "" become NULL: for what is absent in a value with fixed character arrays. */
void sdm_pg_arg_text_or_null(struct sdm_pg_args *args, const char *text);

/* A valid UUID (else it is a bug of the caller); NULL and "" become NULL. */
void sdm_pg_arg_uuid(struct sdm_pg_args *args, const char *uuid);

void sdm_pg_arg_int64_array(struct sdm_pg_args *args, const int64_t *values, size_t n);
void sdm_pg_arg_text_array(struct sdm_pg_args *args, const char *const *texts, size_t n);

/* Adds an empty array and returns it to be filled; it belongs to 'args'. */
struct sdm_pg_array *sdm_pg_arg_array(struct sdm_pg_args *args);

/* Each adds one element; texts are copied.  NULL text is a NULL element. */
void sdm_pg_array_int64(struct sdm_pg_array *array, int64_t value);
void sdm_pg_array_bool(struct sdm_pg_array *array, bool value);
void sdm_pg_array_text(struct sdm_pg_array *array, const char *text);
void sdm_pg_array_null(struct sdm_pg_array *array);
/* NULL and "" are a NULL element. */
void sdm_pg_array_text_or_null(struct sdm_pg_array *array, const char *text);
