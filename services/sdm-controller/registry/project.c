#include <inttypes.h>

#include "lib/base/error.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/quota.h"

#define DEFAULT_PAGE_SIZE 100

static void fill(const struct sdm_quota *quota, struct sdm_wire_project_status *wire)
{
    *wire = (struct sdm_wire_project_status){
        .used_bytes = (uint64_t)quota->used_bytes,
        .n_reservations = (uint64_t)quota->n_reservations,
        .has_max_bytes = quota->max_bytes != SDM_QUOTA_NONE,
        .has_max_reservations = quota->max_reservations != SDM_QUOTA_NONE,
    };
    wire->max_bytes = wire->has_max_bytes ? (uint64_t)quota->max_bytes : 0;
    wire->max_reservations = wire->has_max_reservations ? (uint64_t)quota->max_reservations : 0;
    g_strlcpy(wire->project, quota->project, sizeof wire->project);
}

static struct sdm_s11_project_reply *answer(struct sdm_arena *arena, size_t n,
                                            const struct sdm_quota *quotas,
                                            struct sdm_outcome *outcome)
{
    struct sdm_s11_project_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_project_reply, 1);

    reply->n_projects = n;
    reply->projects = SDM_ARENA_NEW(arena, struct sdm_wire_project_status, n);
    for (size_t i = 0; i < n; i++) {
        fill(&quotas[i], &reply->projects[i]);
    }
    outcome->done = true;
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    outcome->reply_type = sdm_s11_project_reply_codec.type;
    outcome->reply_codec = &sdm_s11_project_reply_codec;
    outcome->reply = reply;
    return reply;
}

/* What is not given stays, or is unlimited. */
static int64_t choose(bool is_given, uint64_t given, const struct sdm_s11_project_set *request,
                      int64_t now)
{
    if (is_given) {
        return (int64_t)given;
    }
    return request->has_unlimited && request->unlimited ? SDM_QUOTA_NONE : now;
}

static bool check(const struct sdm_quota *quota, GError **error)
{
    if (quota->max_bytes != SDM_QUOTA_NONE && quota->max_bytes < quota->used_bytes) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "want at most %" PRId64 " bytes, project '%s' has %" PRId64,
                          quota->max_bytes, quota->project, quota->used_bytes);
    }
    if (quota->max_reservations != SDM_QUOTA_NONE &&
        quota->max_reservations < quota->n_reservations) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "want at most %" PRId64 " reservations, project '%s' has %" PRId64,
                          quota->max_reservations, quota->project, quota->n_reservations);
    }
    return true;
}

bool sdm_registry_project_set(struct sdm_registry *registry, struct sdm_tx *tx,
                              const struct sdm_caller *caller,
                              const struct sdm_s11_project_set *request, struct sdm_arena *arena,
                              struct sdm_outcome *outcome, GError **error)
{
    struct sdm_quota quota = {
        .project = request->project,
        .max_bytes = SDM_QUOTA_NONE,
        .max_reservations = SDM_QUOTA_NONE,
    };
    bool found;

    (void)registry;
    (void)caller;
    if (!sdm_quota_lock(tx, request->project, arena, &quota, &found, error)) {
        return false;
    }
    quota.max_bytes = choose(request->has_max_bytes, request->max_bytes, request, quota.max_bytes);
    quota.max_reservations = choose(request->has_max_reservations, request->max_reservations,
                                    request, quota.max_reservations);
    if (!check(&quota, error) || !sdm_quota_set(tx, &quota, error)) {
        return false;
    }
    answer(arena, 1, &quota, outcome);
    return true;
}

bool sdm_registry_project_show(struct sdm_registry *registry, struct sdm_pg *pg,
                               const struct sdm_caller *caller,
                               const struct sdm_s11_project_show *request, struct sdm_arena *arena,
                               struct sdm_outcome *outcome, GError **error)
{
    const struct sdm_quota nothing = {
        .project = caller->project,
        .max_bytes = SDM_QUOTA_NONE,
        .max_reservations = SDM_QUOTA_NONE,
    };
    struct sdm_quota *quotas;
    size_t n;

    (void)registry;
    /* By now that is the caller's own, or the one that an administrator named. */
    if (!sdm_quota_list(pg, caller->project, NULL, 1, arena, &quotas, &n, error)) {
        return false;
    }
    if (n == 0 && request->has_project) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND,
                          "project '%s' has neither reserved anything nor been given a quota",
                          request->project);
    }
    answer(arena, 1, n > 0 ? quotas : &nothing, outcome);
    return true;
}

bool sdm_registry_project_list(struct sdm_registry *registry, struct sdm_pg *pg,
                               const struct sdm_caller *caller,
                               const struct sdm_s11_project_list *request, struct sdm_arena *arena,
                               struct sdm_outcome *outcome, GError **error)
{
    size_t page_size = request->has_page_size ? request->page_size : DEFAULT_PAGE_SIZE;
    struct sdm_s11_project_reply *reply;
    struct sdm_quota *quotas;
    size_t n;

    (void)registry;
    (void)caller;
    /* One more than asked for tells whether there is another page. */
    if (!sdm_quota_list(pg, NULL, request->has_after ? request->after : NULL, page_size + 1, arena,
                        &quotas, &n, error)) {
        return false;
    }
    reply = answer(arena, MIN(n, page_size), quotas, outcome);
    if (n > page_size) {
        reply->has_next = true;
        g_strlcpy(reply->next, quotas[page_size - 1].project, sizeof reply->next);
    }
    return true;
}
