/* Carries out a batch of writing requests in one transaction, or each in its own when one of them
 * fails in it.
 *
 *   for each: look its key up ── answered before: the same answer again
 *                │             ├ another request: KEY_REUSED
 *                │             └ waits: this asker takes the answer's place
 *                └ new: its use case ── done, or refused: the answer is stored
 *                                    └ has to wait: stored without an answer
 *   commit ── unknown: ask what became of it
 *
 * Thread rule: one worker's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/dispatcher/request.h"
#include "sdm-controller/store/tx.h"

enum sdm_batch_result {
    SDM_BATCH_DONE,        /* committed; every request is answered or waits */
    SDM_BATCH_AGAIN,       /* undone, for no fault of its own: run it again, uncounted */
    SDM_BATCH_APART,       /* undone, because one of several failed: run each alone */
    SDM_BATCH_FAILED,      /* undone; its only request failed */
    SDM_BATCH_UNAVAILABLE, /* undone, or unknown in 'tx': the database is away */
    SDM_BATCH_SUPERSEDED,  /* undone: another leads */
};

struct sdm_batch {
    const struct sdm_use_cases *use_cases;
    struct sdm_pg *pg;
    int64_t epoch;
    struct sdm_tx tx;
#ifdef SDM_FAULTS
    /* Called by sabotage only: before the commit. */
    void (*answer_early)(void *user, struct sdm_request *const *requests, size_t n);
    void *user;
#endif
};

/* Runs 'n' requests, at least one, whose keys all differ.  'error' is set for the last three
 * results.  After UNAVAILABLE with the transaction's outcome unknown, sdm_batch_settle() comes
 * first. */
enum sdm_batch_result sdm_batch_run(struct sdm_batch *batch, struct sdm_request *const *requests,
                                    size_t n, GError **error);

/* Writes into the audit log what became of requests that are answered without having been carried
 * out: refused at the door, or read.  Results as above, but for APART. */
enum sdm_batch_result sdm_batch_note(struct sdm_batch *batch, struct sdm_request *const *requests,
                                     size_t n, GError **error);

/* True when the last run ended with its COMMIT unanswered. */
bool sdm_batch_is_unknown(const struct sdm_batch *batch);

/* Finds out what became of that run: DONE, AGAIN, which undoes what it made of the requests, or
 * UNAVAILABLE while nobody can tell. */
enum sdm_batch_result sdm_batch_settle(struct sdm_batch *batch, struct sdm_request *const *requests,
                                       size_t n, GError **error);
