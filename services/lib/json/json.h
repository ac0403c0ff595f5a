/* JSON values: parsed from bytes that a stranger sent, built, written.
 *
 * Messages go through lib/wire, which checks them against their schema; this is for the codec
 * itself and for JSON that is no message of ours: control sockets, QMP, files.
 *
 * Thread rule: a value belongs to one thread at a time, reference counts included. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct sdm_json;
typedef struct sdm_json sdm_json;

enum sdm_json_kind {
    SDM_JSON_OBJECT,
    SDM_JSON_LIST,
    SDM_JSON_STRING,
    SDM_JSON_INTEGER,
    SDM_JSON_REAL,
    SDM_JSON_BOOLEAN,
    SDM_JSON_NULL,
};

enum sdm_json_style { SDM_JSON_COMPACT, SDM_JSON_PRETTY };

struct sdm_json_limits {
    size_t size_bytes;
    /* Objects and lists inside each other, the outermost counted. */
    unsigned n_levels;
};

/* 4 MiB, 32 levels. */
extern const struct sdm_json_limits sdm_json_limits_default;

/* Parses one object or list; bytes need no terminating zero and may be freed afterwards.
 *
 * Returns a new value (sdm_json_free()), or NULL with SDM_ERROR set:
 *   MALFORMED     not one JSON object or list in UTF-8, larger or deeper than the limits, a member
 *                 twice in one object, or a string that holds U+0000;
 *   OUT_OF_RANGE  an integer outside 64 bits (signed), or a real that no double holds. */
struct sdm_json *sdm_json_parse(const void *bytes, size_t size,
                                const struct sdm_json_limits *limits, GError **error);

struct sdm_json *sdm_json_ref(const struct sdm_json *value);
void sdm_json_free(struct sdm_json *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_json, sdm_json_free)

/* The value as text with a terminating zero, g_free(); members stay in the order they were set.
 * 'size' may be NULL and receives the length without the zero. */
char *sdm_json_write(const struct sdm_json *value, enum sdm_json_style style, size_t *size);

enum sdm_json_kind sdm_json_kind(const struct sdm_json *value);

/* "object", "list", "string", "integer", "real", "boolean", "null". */
const char *sdm_json_kind_name(enum sdm_json_kind kind);

/* Members of an object or items of a list; 0 for every other kind. */
size_t sdm_json_length(const struct sdm_json *value);

/* Plain values; asked of another kind they give NULL, 0 or false.  Strings belong to the value.
 * sdm_json_as_real() takes integers too. */
const char *sdm_json_as_string(const struct sdm_json *value, size_t *length);
int64_t sdm_json_as_integer(const struct sdm_json *value);
double sdm_json_as_real(const struct sdm_json *value);
bool sdm_json_as_boolean(const struct sdm_json *value);

/* Borrowed; NULL when 'value' is of another kind or has no such member or item. */
struct sdm_json *sdm_json_member(const struct sdm_json *object, const char *name);
struct sdm_json *sdm_json_item(const struct sdm_json *list, size_t index);

/* Walks an object's members in their order: start with '*cursor' NULL; false after the last. */
bool sdm_json_next(const struct sdm_json *object, void **cursor, const char **name,
                   struct sdm_json **value);

/* Reads a member that has to be there; what is read is borrowed from the object.  False with
 * SDM_ERROR set and '*found' untouched: MISSING_MEMBER, WRONG_TYPE (also when 'object' is none). */
bool sdm_json_get_string(const struct sdm_json *object, const char *name, const char **found,
                         GError **error);
bool sdm_json_get_integer(const struct sdm_json *object, const char *name, int64_t *found,
                          GError **error);
bool sdm_json_get_real(const struct sdm_json *object, const char *name, double *found,
                       GError **error);
bool sdm_json_get_boolean(const struct sdm_json *object, const char *name, bool *found,
                          GError **error);
bool sdm_json_get_object(const struct sdm_json *object, const char *name, struct sdm_json **found,
                         GError **error);
bool sdm_json_get_list(const struct sdm_json *object, const char *name, struct sdm_json **found,
                       GError **error);

/* New values, sdm_json_free().  Bytes of a string that are no UTF-8 become '?'; NULL becomes null.
 */
struct sdm_json *sdm_json_new_object(void);
struct sdm_json *sdm_json_new_list(void);
struct sdm_json *sdm_json_new_string(const char *text);
struct sdm_json *sdm_json_new_integer(int64_t number);
struct sdm_json *sdm_json_new_real(double number);
struct sdm_json *sdm_json_new_boolean(bool flag);
struct sdm_json *sdm_json_new_null(void);

/* Sets a member, in place of one that has this name, and appends to a list; the value is moved in.
 */
void sdm_json_set_take(struct sdm_json *object, const char *name, struct sdm_json *value);
void sdm_json_append_take(struct sdm_json *list, struct sdm_json *value);

void sdm_json_set_string(struct sdm_json *object, const char *name, const char *text);
void sdm_json_set_format(struct sdm_json *object, const char *name, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void sdm_json_set_integer(struct sdm_json *object, const char *name, int64_t number);
void sdm_json_set_real(struct sdm_json *object, const char *name, double number);
void sdm_json_set_boolean(struct sdm_json *object, const char *name, bool flag);

/* A new, empty object or list that became a member or the last item; borrowed from its parent. */
struct sdm_json *sdm_json_set_object(struct sdm_json *object, const char *name);
struct sdm_json *sdm_json_set_list(struct sdm_json *object, const char *name);
struct sdm_json *sdm_json_append_object(struct sdm_json *list);
