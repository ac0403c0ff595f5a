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

void sdm_route_members(const struct sdm_codec *codec, const void *message,
                       struct sdm_request_members *members)
{
    const enum sdm_wait_level *wait = find(codec, message, "wait", SDM_FIELD_ENUM);
    const uint64_t *timeout_ms = find(codec, message, "timeout_ms", SDM_FIELD_UNSIGNED);

    members->key = find(codec, message, "key", SDM_FIELD_STRING);
    members->project = find(codec, message, "project", SDM_FIELD_STRING);
    members->wait = wait != NULL ? *wait : SDM_WAIT_LEVEL_COMMITTED;
    members->timeout_ms = timeout_ms != NULL ? (int64_t)*timeout_ms : DEFAULT_TIMEOUT_MS;
}
