#include "sdm-controller/dispatcher/batch.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/dispatcher/audit.h"
#include "sdm-controller/store/refusal.h"
#include "sdm-controller/store/shared.h"

/* What an error means for the batch that it undid. */
static enum sdm_batch_result result_of(const GError *error, size_t n)
{
    if (sdm_tx_is_superseded(error)) {
        return SDM_BATCH_SUPERSEDED;
    }
    if (error->domain == SDM_UNAVAILABLE) {
        return SDM_BATCH_UNAVAILABLE;
    }
    if (sdm_tx_is_again(error)) {
        return SDM_BATCH_AGAIN;
    }
    return n > 1 ? SDM_BATCH_APART : SDM_BATCH_FAILED;
}

static enum sdm_batch_result undo(struct sdm_batch *batch, enum sdm_batch_result result,
                                  struct sdm_request *const *requests, size_t n)
{
    sdm_tx_rollback(&batch->tx);
    for (size_t i = 0; i < n; i++) {
        sdm_request_reset(requests[i]);
    }
    return result;
}

/* Begins, and asks for all that has to be known before a use case runs: one round trip. */
static bool begin(struct sdm_batch *batch, struct sdm_request *const *requests, size_t n,
                  struct sdm_arena *arena, struct sdm_stored_reply *found, GError **error)
{
    const char **projects = SDM_ARENA_NEW(arena, const char *, n);
    const char **keys = SDM_ARENA_NEW(arena, const char *, n);
    g_autoptr(sdm_pg_result) begun = NULL;
    g_autoptr(sdm_pg_result) replies = NULL;
    g_autoptr(sdm_pg_result) quotas = NULL;

    for (size_t i = 0; i < n; i++) {
        projects[i] = requests[i]->caller.project;
        keys[i] = requests[i]->members.key;
    }
    sdm_tx_begin_queue(&batch->tx, batch->pg, batch->epoch);
    sdm_stored_reply_find(batch->pg, projects, keys, n);
    sdm_shared_projects_ask(batch->pg, projects, n);
    if (sdm_pg_flush(batch->pg, NULL, error)) {
        begun = sdm_pg_take(batch->pg);
        replies = sdm_pg_take(batch->pg);
        quotas = sdm_pg_take(batch->pg);
    }
    return sdm_tx_begin_take(&batch->tx, begun, error) &&
           sdm_stored_reply_found(replies, n, arena, found, error) &&
           sdm_shared_projects_take(&batch->tx, quotas, projects, n, error);
}

/* The key is known.  '*raced' when it was answered since it was looked up. */
static bool repeat(struct sdm_batch *batch, struct sdm_request *request,
                   const struct sdm_stored_reply *stored, bool *raced, GError **error)
{
    g_autoptr(GError) reused = NULL;
    bool is_pending;

    if (strcmp(stored->fingerprint, request->fingerprint) != 0 ||
        strcmp(stored->type, request->type) != 0) {
        sdm_refuse(&reused, SDM_ERROR_KEY_REUSED, "key '%s' was used with another request",
                   stored->key);
        sdm_request_answer_error(request, reused);
        return true;
    }
    if (stored->reply != NULL) {
        sdm_request_answer_stored(request, stored);
        return true;
    }
    if (!sdm_stored_reply_join(&batch->tx, stored->project, stored->key, &request->address,
                               &is_pending, error)) {
        return false;
    }
    *raced = !is_pending;
    request->state = SDM_REQUEST_WAITING;
    return true;
}

/* Runs the use case of a key that is new.  False with 'error' set when the transaction has to be
 * undone. */
static bool carry_out(struct sdm_batch *batch, struct sdm_request *request, GError **error)
{
    struct sdm_outcome *outcome = &request->outcome;
    unsigned mark = sdm_tx_mark(&batch->tx);
    unsigned n_writes = batch->tx.n_writes;
    g_autoptr(GError) why = NULL;

    request->is_stored = true;
    if (request->refusal != NULL) {
        sdm_request_answer_error(request, request->refusal);
        return true;
    }
    if (!sdm_request_fault(request, &why) &&
        request->route->write(batch->use_cases, &batch->tx, &request->caller, request->message,
                              request->arena, outcome, &why)) {
        if (outcome->done || outcome->reached >= request->members.wait) {
            sdm_request_answer(request);
        } else {
            request->state = SDM_REQUEST_WAITING;
        }
        return true;
    }
    if (why->domain != SDM_ERROR || sdm_tx_is_superseded(why) || batch->tx.n_writes != n_writes) {
        g_propagate_error(error, g_steal_pointer(&why));
        return false;
    }
    sdm_tx_undo_to(&batch->tx, mark);
    sdm_request_answer_error(request, why);
    return true;
}

/* Refused after a write: what it did is undone, and the next run only stores the refusal.  In
 * company it is tried alone first, because the others may have been the reason. */
static enum sdm_batch_result keep_refusal(struct sdm_batch *batch,
                                          struct sdm_request *const *requests, size_t n,
                                          const GError *why)
{
    const struct sdm_error *details = requests[0]->outcome.refusal;

    undo(batch, SDM_BATCH_AGAIN, requests, n);
    if (n > 1) {
        return SDM_BATCH_APART;
    }
    requests[0]->refusal = g_error_copy(why);
    requests[0]->outcome.refusal = details;
    return SDM_BATCH_AGAIN;
}

/* The transaction has failed, of 'why'. */
static enum sdm_batch_result undone(struct sdm_batch *batch, struct sdm_request *const *requests,
                                    size_t n, const GError *why)
{
    bool is_refusal = why->domain == SDM_ERROR && !sdm_tx_is_superseded(why);

    return is_refusal ? keep_refusal(batch, requests, n, why)
                      : undo(batch, result_of(why, n), requests, n);
}

static void store(struct sdm_batch *batch, struct sdm_request *const *requests, size_t n,
                  struct sdm_arena *arena)
{
    struct sdm_stored_reply *rows = SDM_ARENA_NEW(arena, struct sdm_stored_reply, n);
    size_t n_rows = 0;

    for (size_t i = 0; i < n; i++) {
        const struct sdm_request *request = requests[i];

        if (request->is_stored) {
            rows[n_rows++] = (struct sdm_stored_reply){
                .project = request->caller.project,
                .key = request->members.key,
                .fingerprint = request->fingerprint,
                .type = request->route->type,
                .reservation = request->outcome.reservation,
                .device_no = request->outcome.device_no,
                .wait = request->members.wait,
                .timeout_ms = request->members.timeout_ms,
                .address = request->address,
                .controller_us = g_get_monotonic_time() - request->received_us,
                .reply_type = request->reply_type,
                .reply = request->reply,
            };
        }
    }
    sdm_audit_requests(&batch->tx, requests, n, arena);
    if (n_rows > 0) {
        sdm_stored_reply_insert(&batch->tx, rows, n_rows);
    }
}

/* Locks, sorted, what the use cases are going to move, and what waits for those that are asked for
 * again. */
static void lock(struct sdm_batch *batch, struct sdm_request *const *requests, size_t n,
                 const struct sdm_stored_reply *found)
{
    g_autoptr(sdm_lock_set) set = sdm_lock_set_new();

    for (size_t i = 0; i < n; i++) {
        if (found[i].key == NULL && requests[i]->refusal == NULL) {
            sdm_route_touches(requests[i]->route->codec, requests[i]->message,
                              requests[i]->caller.project, set);
        } else if (found[i].key != NULL && found[i].reply == NULL && found[i].reservation != NULL) {
            g_ptr_array_add(set->reservations, (char *)found[i].reservation);
        }
    }
    sdm_lock(&batch->tx, set);
}

/* Everything but the commit.  '*raced' when a request was answered since its key was looked up. */
static bool run_all(struct sdm_batch *batch, struct sdm_request *const *requests, size_t n,
                    bool *raced, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_stored_reply *found = SDM_ARENA_NEW(arena, struct sdm_stored_reply, n);

    if (!begin(batch, requests, n, arena, found, error)) {
        return false;
    }
    lock(batch, requests, n, found);
    for (size_t i = 0; i < n && !*raced; i++) {
        bool is_known = found[i].key != NULL && !sdm_sabotage("key-ignored");
        bool ok = is_known ? repeat(batch, requests[i], &found[i], raced, error)
                           : carry_out(batch, requests[i], error);

        if (!ok) {
            return false;
        }
    }
    if (!*raced) {
        store(batch, requests, n, arena);
    }
    return true;
}

enum sdm_batch_result sdm_batch_run(struct sdm_batch *batch, struct sdm_request *const *requests,
                                    size_t n, GError **error)
{
    bool raced = false;
    GError *why = NULL;
    enum sdm_batch_result result = SDM_BATCH_UNAVAILABLE;

    if (run_all(batch, requests, n, &raced, &why)) {
        if (raced) {
            return undo(batch, SDM_BATCH_AGAIN, requests, n);
        }
#ifdef SDM_FAULTS
        if (sdm_sabotage("reply-before-commit")) {
            batch->answer_early(batch->user, requests, n);
        }
#endif
        if (sdm_tx_commit(&batch->tx, &why)) {
            return SDM_BATCH_DONE;
        }
    }
    if (!sdm_batch_is_unknown(batch)) {
        why = sdm_refusal_of(why);
        result = undone(batch, requests, n, why);
    }
    g_propagate_error(error, why);
    return result;
}

enum sdm_batch_result sdm_batch_note(struct sdm_batch *batch, struct sdm_request *const *requests,
                                     size_t n, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    GError *why = NULL;
    enum sdm_batch_result result = SDM_BATCH_DONE;

    if (sdm_tx_begin(&batch->tx, batch->pg, batch->epoch, &why)) {
        sdm_audit_requests(&batch->tx, requests, n, arena);
        if (sdm_tx_commit(&batch->tx, &why)) {
            return result;
        }
    }
    result = result_of(why, 1);
    g_propagate_error(error, why);
    return result;
}

bool sdm_batch_is_unknown(const struct sdm_batch *batch)
{
    return batch->tx.state == SDM_TX_UNKNOWN;
}

enum sdm_batch_result sdm_batch_settle(struct sdm_batch *batch, struct sdm_request *const *requests,
                                       size_t n, GError **error)
{
    bool committed;

    if (!sdm_tx_settle(&batch->tx, &committed, error)) {
        return SDM_BATCH_UNAVAILABLE;
    }
    if (committed) {
        return SDM_BATCH_DONE;
    }
    for (size_t i = 0; i < n; i++) {
        sdm_request_reset(requests[i]);
    }
    return SDM_BATCH_AGAIN;
}
