#include "sdmctl/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/control.h"

/* "level=debug" as a member: a number, true, false, or text. */
static bool set_member(struct sdm_json *object, const char *word, GError **error)
{
    const char *equals = strchr(word, '=');
    g_autofree char *name = NULL;
    gint64 number;

    if (equals == NULL || equals == word) {
        return sdm_ctl_usage(error, "want NAME=VALUE, found '%s'", word);
    }
    name = g_strndup(word, (gsize)(equals - word));
    if (g_ascii_string_to_signed(equals + 1, 10, G_MININT64, G_MAXINT64, &number, NULL)) {
        sdm_json_set_integer(object, name, number);
    } else if (strcmp(equals + 1, "true") == 0 || strcmp(equals + 1, "false") == 0) {
        sdm_json_set_boolean(object, name, equals[1] == 't');
    } else {
        sdm_json_set_string(object, name, equals + 1);
    }
    return true;
}

static struct sdm_json *make_arguments(const char *text, GError **error)
{
    g_autoptr(sdm_json) object = NULL;
    g_auto(GStrv) words = NULL;

    if (text != NULL && text[0] == '{') {
        g_autoptr(GError) cause = NULL;

        object = sdm_json_parse(text, strlen(text), &sdm_json_limits_default, &cause);
        if (object == NULL) {
            sdm_ctl_usage(error, "arguments: %s", cause->message);
        }
        return g_steal_pointer(&object);
    }
    object = sdm_json_new_object();
    words = g_strsplit(text != NULL ? text : "", "\n", -1);
    for (char **word = words; *word != NULL; word++) {
        if (!set_member(object, *word, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&object);
}

static void print_scalar(const struct sdm_json *value)
{
    switch (sdm_json_kind(value)) {
    case SDM_JSON_STRING:
        fputs(sdm_json_as_string(value, NULL), stdout);
        return;
    case SDM_JSON_INTEGER:
        printf("%" PRId64, sdm_json_as_integer(value));
        return;
    case SDM_JSON_REAL:
        printf("%g", sdm_json_as_real(value));
        return;
    case SDM_JSON_BOOLEAN:
        fputs(sdm_json_as_boolean(value) ? "yes" : "no", stdout);
        return;
    case SDM_JSON_NULL:
    case SDM_JSON_OBJECT:
    case SDM_JSON_LIST:
        fputs("-", stdout);
    }
}

static bool is_empty_or_scalar(const struct sdm_json *value)
{
    enum sdm_json_kind kind = sdm_json_kind(value);

    return (kind != SDM_JSON_OBJECT && kind != SDM_JSON_LIST) || sdm_json_length(value) == 0;
}

/* A member a line, what is inside a member below it. */
static void print_value(const struct sdm_json *value, int indent)
{
    const char *name;
    struct sdm_json *member;
    void *cursor = NULL;
    size_t width = 0;

    if (is_empty_or_scalar(value)) {
        printf("%*s", indent, "");
        print_scalar(value);
        putchar('\n');
        return;
    }
    for (size_t i = 0; i < sdm_json_length(value) && sdm_json_kind(value) == SDM_JSON_LIST; i++) {
        if (i > 0 && !is_empty_or_scalar(sdm_json_item(value, i))) {
            putchar('\n');
        }
        print_value(sdm_json_item(value, i), indent);
    }
    if (sdm_json_kind(value) == SDM_JSON_LIST) {
        return;
    }
    while (sdm_json_next(value, &cursor, &name, &member)) {
        width = MAX(width, is_empty_or_scalar(member) ? strlen(name) : 0);
    }
    cursor = NULL;
    while (sdm_json_next(value, &cursor, &name, &member)) {
        if (is_empty_or_scalar(member)) {
            printf("%*s%-*s  ", indent, "", (int)width, name);
            print_scalar(member);
            putchar('\n');
        } else {
            printf("%*s%s:\n", indent, "", name);
            print_value(member, indent + 2);
        }
    }
}

bool sdm_ctl_control(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    g_autoptr(sdm_json) arguments = make_arguments(sdm_ctl_args_get(args, "members"), error);
    g_autoptr(sdm_json) answer = NULL;
    g_autoptr(GError) cause = NULL;

    if (arguments == NULL) {
        return false;
    }
    answer = sdm_control_call(sdm_ctl_args_get(args, "socket"), sdm_ctl_args_get(args, "command"),
                              arguments, ctl->reply_timeout_ms, &cause);
    if (answer == NULL) {
        if (cause->domain == SDM_ERROR) {
            ctl->is_refused = true;
            ctl->refusal = (struct sdm_error){.code = (enum sdm_error_code)cause->code};
            g_strlcpy(ctl->refusal.text, cause->message, sizeof ctl->refusal.text);
        }
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (ctl->globals.json) {
        g_autofree char *text = sdm_json_write(answer, SDM_JSON_COMPACT, NULL);

        printf("%s\n", text);
    } else {
        print_value(answer, 0);
    }
    return true;
}
