#include "sdmctl/request.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/wire/registry.h"
#include "sdmctl/quantity.h"
#include "sdmctl/vm.h"

/* The object that holds the member at 'path', made where it is missing; '*name' is its last part.
 */
static struct sdm_json *open_path(struct sdm_json *body, const char *path, const char **name)
{
    const char *dot = strchr(path, '.');
    g_autofree char *first = NULL;
    struct sdm_json *inner;

    if (dot == NULL) {
        *name = path;
        return body;
    }
    first = g_strndup(path, (gsize)(dot - path));
    inner = sdm_json_member(body, first);
    if (inner == NULL) {
        inner = sdm_json_set_object(body, first);
    }
    return open_path(inner, dot + 1, name);
}

static void set_list(struct sdm_json *object, const char *name, const char *text)
{
    struct sdm_json *list = sdm_json_set_list(object, name);
    g_auto(GStrv) words = g_strsplit_set(text, ",\n", -1);

    for (char **word = words; *word != NULL; word++) {
        sdm_json_append_take(list, sdm_json_new_string(*word));
    }
}

static bool parse_number(const char *text, uint64_t *number, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!g_ascii_string_to_unsigned(text, 10, 0, INT64_MAX, number, &cause)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want a number, found '%s'", text);
    }
    return true;
}

static bool parse_quantity(enum sdm_ctl_kind kind, const char *text, uint64_t *number,
                           GError **error)
{
    uint64_t duration_ms;

    if (kind == SDM_CTL_SIZE) {
        return sdm_ctl_size_parse(text, number, error);
    }
    if (kind == SDM_CTL_NUMBER) {
        return parse_number(text, number, error);
    }
    if (!sdm_ctl_duration_parse(text, &duration_ms, error)) {
        return false;
    }
    if (kind == SDM_CTL_SECONDS && duration_ms % 1000 != 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want whole seconds, found '%s'", text);
    }
    *number = kind == SDM_CTL_SECONDS ? duration_ms / 1000 : duration_ms;
    return true;
}

static bool set_vm(struct sdm_ctl *ctl, struct sdm_json *object, const char *name, const char *text,
                   GError **error)
{
    char uuid[SDM_UUID_SIZE];

    if (!sdm_ctl_vm_find(ctl, text, uuid, error)) {
        return false;
    }
    sdm_json_set_string(object, name, uuid);
    return true;
}

static bool set_member(struct sdm_ctl *ctl, struct sdm_json *body, const struct sdm_ctl_use *use,
                       const char *text, GError **error)
{
    const char *name;
    struct sdm_json *object = open_path(body, use->member, &name);
    g_autoptr(GError) cause = NULL;
    uint64_t number;

    switch (use->parameter->kind) {
    case SDM_CTL_TEXT:
    case SDM_CTL_WORD:
    case SDM_CTL_FILE:
        sdm_json_set_string(object, name, text);
        return true;
    case SDM_CTL_LIST:
        set_list(object, name, text);
        return true;
    case SDM_CTL_FLAG:
        sdm_json_set_boolean(object, name, true);
        return true;
    case SDM_CTL_VM:
        return set_vm(ctl, object, name, text, error);
    case SDM_CTL_SIZE:
    case SDM_CTL_SECONDS:
    case SDM_CTL_MILLISECONDS:
    case SDM_CTL_NUMBER:
        break;
    }
    if (!parse_quantity(use->parameter->kind, text, &number, &cause)) {
        return sdm_ctl_usage(error, "%s%s: %s", use->is_argument ? "" : "--",
                             use->is_argument ? use->parameter->placeholder : use->parameter->name,
                             cause->message);
    }
    sdm_json_set_integer(object, name, (int64_t)number);
    return true;
}

static bool has_use(const struct sdm_ctl_args *args, const char *name)
{
    for (size_t i = 0; i < args->command->n_uses; i++) {
        if (strcmp(args->command->uses[i].parameter->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool sdm_ctl_request_check(struct sdm_ctl *ctl, const char *type, const struct sdm_json *body,
                           GError **error)
{
    const struct sdm_codec *codec = sdm_codec_find(type);
    void *message = sdm_arena_alloc(ctl->arena, 1, codec->size);
    g_autoptr(GError) cause = NULL;

    if (!sdm_codec_decode_value(codec, body, ctl->arena, message, &cause)) {
        return sdm_ctl_usage(error, "%s", cause->message);
    }
    return true;
}

void sdm_ctl_request_need_key(struct sdm_ctl_args *args)
{
    if (has_use(args, "key") && sdm_ctl_args_get(args, "key") == NULL) {
        char key[SDM_UUID_SIZE];

        sdm_uuid_new(key);
        sdm_ctl_args_set(args, "key", key);
    }
}

struct sdm_json *sdm_ctl_request_make(struct sdm_ctl *ctl, struct sdm_ctl_args *args,
                                      GError **error)
{
    return sdm_ctl_request_make_with(ctl, args, NULL, NULL, error);
}

struct sdm_json *sdm_ctl_request_make_with(struct sdm_ctl *ctl, struct sdm_ctl_args *args,
                                           const char *member, struct sdm_json *value,
                                           GError **error)
{
    const struct sdm_ctl_command *command = args->command;
    g_autoptr(sdm_json) body = sdm_json_new_object();

    sdm_ctl_request_need_key(args);
    for (size_t i = 0; i < command->n_uses; i++) {
        if (args->values[i] != NULL && command->uses[i].member != NULL &&
            !set_member(ctl, body, &command->uses[i], args->values[i], error)) {
            return NULL;
        }
    }
    if (member != NULL) {
        sdm_json_set_take(body, member, sdm_json_ref(value));
    }
    if (!sdm_ctl_request_check(ctl, command->type, body, error)) {
        return NULL;
    }
    return g_steal_pointer(&body);
}

/* What the controller may take for itself: its default when a level is waited for. */
static uint64_t wait_ms(const struct sdm_json *body)
{
    if (sdm_json_member(body, "timeout_ms") != NULL) {
        return (uint64_t)sdm_json_as_integer(sdm_json_member(body, "timeout_ms"));
    }
    return sdm_json_member(body, "wait") != NULL ? 30000 : 0;
}

void *sdm_ctl_request_send(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    g_autoptr(sdm_json) body = sdm_ctl_request_make(ctl, args, error);
    const char *level = sdm_ctl_args_get(args, "wait");
    g_autofree char *awaited = NULL;

    if (body == NULL) {
        return NULL;
    }
    awaited = g_strdup_printf("%s: waiting for %s", args->command->name,
                              level != NULL ? level : "the controller");
    return sdm_ctl_call(ctl,
                        &(struct sdm_ctl_call){.type = args->command->type,
                                               .reply = args->command->reply,
                                               .body = body,
                                               .wait_ms = wait_ms(body),
                                               .awaited = awaited},
                        error);
}

bool sdm_ctl_run_request(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    void *reply = sdm_ctl_request_send(ctl, args, error);

    if (reply == NULL) {
        return false;
    }
    if (!ctl->globals.json) {
        args->command->print(ctl, reply);
    }
    return true;
}
