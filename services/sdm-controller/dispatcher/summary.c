#include "sdm-controller/dispatcher/summary.h"

#include <inttypes.h>
#include <string.h>

/* Items of a list that are written out. */
#define MAX_ITEMS 4
/* Objects inside each other. */
#define MAX_LEVELS 3

static void append_members(GString *out, const struct sdm_codec *codec, const char *bytes,
                           unsigned level);

static void append_value(GString *out, const struct sdm_field *field, const char *bytes)
{
    switch (field->kind) {
    case SDM_FIELD_STRING:
        g_string_append(out, bytes);
        break;
    case SDM_FIELD_UNSIGNED:
        g_string_append_printf(out, "%" PRIu64, *(const uint64_t *)bytes);
        break;
    case SDM_FIELD_INTEGER:
        g_string_append_printf(out, "%" PRId64, *(const int64_t *)bytes);
        break;
    case SDM_FIELD_BOOLEAN:
        g_string_append(out, *(const bool *)bytes ? "true" : "false");
        break;
    case SDM_FIELD_ENUM:
        g_string_append(out, field->words->words[*(const int *)bytes]);
        break;
    case SDM_FIELD_OBJECT:
        break;
    }
}

static void append_list(GString *out, const struct sdm_field *field, const char *items, size_t n)
{
    g_string_append_printf(out, " %s=", field->name);
    for (size_t i = 0; field->kind != SDM_FIELD_OBJECT && i < n && i < MAX_ITEMS; i++) {
        g_string_append(out, i > 0 ? "," : "");
        append_value(out, field, items + i * field->size);
    }
    if (field->kind == SDM_FIELD_OBJECT || n > MAX_ITEMS) {
        g_string_append_printf(out, "%s%zu", field->kind == SDM_FIELD_OBJECT ? "#" : ",... #", n);
    }
}

static void append_member(GString *out, const struct sdm_field *field, const char *bytes,
                          unsigned level)
{
    const char *value = bytes + field->offset;

    if (field->n_offset != SDM_FIELD_NOWHERE) {
        size_t n = *(const size_t *)(bytes + field->n_offset);

        if (n > 0) {
            append_list(out, field, *(const char *const *)value, n);
        }
    } else if (field->kind == SDM_FIELD_OBJECT) {
        append_members(out, field->codec, value, level + 1);
    } else {
        g_string_append_printf(out, " %s=", field->name);
        append_value(out, field, value);
    }
}

static void append_members(GString *out, const struct sdm_codec *codec, const char *bytes,
                           unsigned level)
{
    for (size_t i = 0; i < codec->n_fields && level < MAX_LEVELS && out->len < SDM_SUMMARY_SIZE;
         i++) {
        const struct sdm_field *field = &codec->fields[i];
        bool is_there =
            field->has_offset == SDM_FIELD_NOWHERE || *(const bool *)(bytes + field->has_offset);

        if (is_there && strcmp(field->name, "key") != 0 && strcmp(field->name, "project") != 0) {
            append_member(out, field, bytes, level);
        }
    }
}

void sdm_summary_append(GString *out, const struct sdm_codec *codec, const void *message)
{
    size_t start = out->len;

    append_members(out, codec, message, 0);
    if (out->len > start) {
        g_string_erase(out, (gssize)start, 1);
    }
}

void sdm_summary_cut(GString *out)
{
    if (out->len >= SDM_SUMMARY_SIZE) {
        const char *end = g_utf8_find_prev_char(out->str, out->str + SDM_SUMMARY_SIZE - 4);

        g_string_truncate(out, (gsize)(end - out->str));
        g_string_append(out, "...");
    }
}
