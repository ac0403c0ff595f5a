#include "sdm-controller/dispatcher/audit.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/dispatcher/summary.h"
#include "sdm-controller/store/audit.h"
#include "wire/s10.h"

static bool is_stranger(const struct sdm_request *request)
{
    return request->caller.user[0] == '\0';
}

bool sdm_audit_wants(const struct sdm_request *request)
{
    const struct sdm_route *route = request->route;

    if (route == NULL || route->audit == SDM_AUDIT_NOTHING) {
        return false;
    }
    return route->audit == SDM_AUDIT_READING || request->is_stored || request->refusal_code != NULL;
}

/* Which bytes it has now. */
static void append_segments(GString *out, const struct sdm_s10_reply *reply)
{
    const struct sdm_wire_reservation *reservation = &reply->reservation;

    for (size_t i = 0; i < reservation->n_segments && out->len < SDM_SUMMARY_SIZE; i++) {
        const struct sdm_wire_segment *segment = &reservation->segments[i];

        g_string_append_printf(out, "%s%s@%" PRIu64 "+%" PRIu64, i == 0 ? " -> " : ",",
                               segment->memory_brick, segment->offset_bytes, segment->size_bytes);
    }
}

static const char *summarise(const struct sdm_request *request, struct sdm_arena *arena)
{
    g_autoptr(GString) text = g_string_sized_new(SDM_SUMMARY_SIZE);
    const struct sdm_outcome *outcome = &request->outcome;

    if (request->is_read) {
        sdm_summary_append(text, request->route->codec, request->message);
    }
    if (request->refusal_text != NULL) {
        g_string_append_printf(text, " -> %s", request->refusal_text);
    } else if (outcome->reply != NULL && outcome->reply_codec == &sdm_s10_reply_codec) {
        append_segments(text, outcome->reply);
    }
    sdm_summary_cut(text);
    return sdm_arena_strdup(arena, text->str);
}

static const char *request_id(const struct sdm_request *request)
{
    const struct sdm_reply_address *address = &request->address;
    const char *id = address->oslo_msg_id != NULL ? address->oslo_msg_id : address->correlation_id;

    /* A stranger's bytes may be anything. */
    return id != NULL && g_utf8_validate(id, -1, NULL) ? id : NULL;
}

static void describe(const struct sdm_request *request, struct sdm_arena *arena,
                     struct sdm_audit_entry *entry)
{
    static const char *const roles[] = {"reader", "member", "admin"};
    const struct sdm_request_members *members = &request->members;
    bool has_reservation = request->outcome.reservation[0] != '\0';

    *entry = (struct sdm_audit_entry){
        .action = SDM_AUDIT_REQUEST,
        .actor = is_stranger(request) ? "?" : request->caller.user,
        .role = is_stranger(request) ? "none" : roles[request->caller.role],
        .project = request->caller.project,
        .type = request->route->type,
        .request_id = request_id(request),
        .key = members->key,
        .object_kind = has_reservation ? "reservation" : members->object_kind,
        .object = has_reservation ? request->outcome.reservation : members->object,
        .digest = request->fingerprint,
        .outcome = request->refusal_code != NULL           ? request->refusal_code
                   : request->state == SDM_REQUEST_WAITING ? SDM_AUDIT_WAITING
                                                           : SDM_AUDIT_OK,
        .summary = summarise(request, arena),
    };
}

/* The entry that stands for all strangers' requests of this type, or NULL. */
static struct sdm_audit_entry *find_strangers(struct sdm_audit_entry *entries, size_t n,
                                              const struct sdm_request *request)
{
    for (size_t i = 0; is_stranger(request) && i < n; i++) {
        if (strcmp(entries[i].role, "none") == 0 &&
            strcmp(entries[i].type, request->route->type) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

void sdm_audit_requests(struct sdm_tx *tx, struct sdm_request *const *requests, size_t n,
                        struct sdm_arena *arena)
{
    struct sdm_audit_entry *entries = SDM_ARENA_NEW(arena, struct sdm_audit_entry, n);
    size_t *n_alike = SDM_ARENA_NEW(arena, size_t, n);
    size_t n_entries = 0;

    for (size_t i = 0; i < n; i++) {
        struct sdm_audit_entry *strangers;

        if (!sdm_audit_wants(requests[i]) || sdm_sabotage("lost-audit-entry")) {
            continue;
        }
        strangers = find_strangers(entries, n_entries, requests[i]);
        if (strangers != NULL) {
            n_alike[strangers - entries]++;
        } else {
            n_alike[n_entries] = 1;
            describe(requests[i], arena, &entries[n_entries++]);
        }
    }
    for (size_t i = 0; i < n_entries; i++) {
        if (n_alike[i] > 1) {
            g_autofree char *text = g_strdup_printf("%zu requests like this", n_alike[i]);

            entries[i].summary = sdm_arena_strdup(arena, text);
        }
    }
    if (n_entries > 0) {
        sdm_audit_add(tx, entries, n_entries);
    }
}
