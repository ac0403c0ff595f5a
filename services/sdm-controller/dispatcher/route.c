#include "sdm-controller/dispatcher/route.h"

#include <string.h>

#define DEFAULT_TIMEOUT_MS 30000

const struct sdm_route *sdm_route_find(const char *type)
{
    for (size_t i = 0; i < sdm_n_routes; i++) {
        if (strcmp(sdm_routes[i].type, type) == 0) {
            return &sdm_routes[i];
        }
    }
    return NULL;
}

/* The member's place in the message, or NULL when the type or this message has none. */
static const void *find(const struct sdm_codec *codec, const void *message, const char *name,
                        enum sdm_field_kind kind)
{
    const char *bytes = message;

    for (size_t i = 0; i < codec->n_fields; i++) {
        const struct sdm_field *field = &codec->fields[i];

        if (strcmp(field->name, name) == 0 && field->kind == kind) {
            bool is_there = field->has_offset == SDM_FIELD_NOWHERE ||
                            *(const bool *)(bytes + field->has_offset);

            return is_there ? bytes + field->offset : NULL;
        }
    }
    return NULL;
}

/* The first of these that the message has. */
static void find_object(const struct sdm_codec *codec, const void *message,
                        struct sdm_request_members *members)
{
    static const struct {
        const char *member;
        const char *kind;
    } candidates[] = {
        {"reservation", "reservation"},
        {"letter", "letter"},
        {"segment", "segment"},
        {"brick", "brick"},
        {"vm", "vm"},
        {"device", "device"},
        {"switch", "switch"},
        {"group", "group"},
        {"compute_brick", "brick"},
        {"rack", "rack"},
    };

    for (size_t i = 0; members->object == NULL && i < G_N_ELEMENTS(candidates); i++) {
        members->object = find(codec, message, candidates[i].member, SDM_FIELD_STRING);
        members->object_kind = members->object != NULL ? candidates[i].kind : NULL;
    }
}

void sdm_route_members(const struct sdm_codec *codec, const void *message,
                       struct sdm_request_members *members)
{
    const enum sdm_wait_level *wait = find(codec, message, "wait", SDM_FIELD_ENUM);
    const uint64_t *timeout_ms = find(codec, message, "timeout_ms", SDM_FIELD_UNSIGNED);

    *members = (struct sdm_request_members){0};
    find_object(codec, message, members);
    members->key = find(codec, message, "key", SDM_FIELD_STRING);
    members->project = find(codec, message, "project", SDM_FIELD_STRING);
    members->wait = wait != NULL ? *wait : SDM_WAIT_LEVEL_COMMITTED;
    members->timeout_ms = timeout_ms != NULL ? (int64_t)*timeout_ms : DEFAULT_TIMEOUT_MS;
}

static void touches_inside(const struct sdm_field *field, const char *bytes, const char *project,
                           struct sdm_lock_set *set)
{
    bool is_there =
        field->has_offset == SDM_FIELD_NOWHERE || *(const bool *)(bytes + field->has_offset);
    const char *items = bytes + field->offset;
    size_t n = is_there ? 1 : 0;

    if (field->n_offset != SDM_FIELD_NOWHERE) {
        n = *(const size_t *)(bytes + field->n_offset);
        items = *(const char *const *)items;
    }
    for (size_t i = 0; i < n; i++) {
        sdm_route_touches(field->codec, items + i * field->size, project, set);
    }
}

void sdm_route_touches(const struct sdm_codec *codec, const void *message, const char *project,
                       struct sdm_lock_set *set)
{
    const char *reservation = find(codec, message, "reservation", SDM_FIELD_STRING);
    const char *group = find(codec, message, "group", SDM_FIELD_STRING);
    const char *compute_brick = find(codec, message, "compute_brick", SDM_FIELD_STRING);

    if (reservation != NULL) {
        g_ptr_array_add(set->reservations, (char *)reservation);
    }
    if (group != NULL) {
        g_ptr_array_add(set->groups, (char *)group);
        g_ptr_array_add(set->projects, (char *)project);
    }
    if (group != NULL && compute_brick != NULL) {
        g_ptr_array_add(set->compute_bricks, (char *)compute_brick);
    }
    for (size_t i = 0; i < codec->n_fields; i++) {
        if (codec->fields[i].kind == SDM_FIELD_OBJECT) {
            touches_inside(&codec->fields[i], message, project, set);
        }
    }
}
