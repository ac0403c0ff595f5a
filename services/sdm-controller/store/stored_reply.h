/* The reply to every writing request, by project and idempotency key.
 *
 *      (none) ---insert---> answered       done, or refused, when its transaction committed
 *         \------insert---> pending        waits for a level until its deadline
 *                              | join      a repeat: whoever has asked gets the answer
 *                              \---finish---> answered
 *      answered ---forget---> (none)       a day later
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"
#include "wire/words.h"

/* How to answer: the AMQP properties of the request, and its message id if it came in an oslo
 * envelope.  NULL for what it did not have; without 'reply_to' nobody listens. */
struct sdm_reply_address {
    const char *reply_to;
    const char *correlation_id;
    const char *oslo_msg_id;
};

/* A row; texts of one that was read are in the arena, NULL where the row has none. */
struct sdm_stored_reply {
    const char *project;
    const char *key;
    const char *fingerprint;
    const char *type; /* of the request, "s10.attach/1" */
    const char *reservation;
    int32_t device_no; /* 0 for none */
    enum sdm_wait_level wait;
    int64_t timeout_ms; /* written, not read: from the commit on, for a pending one */
    struct sdm_reply_address address;
    /* Why it will be answered with an error once what it began is undone; NULL for none. */
    const char *error_code;
    const char *error_text;
    int64_t controller_us; /* written, not read: from delivery until now */
    /* Both NULL while it is pending. */
    const char *reply_type;
    const char *reply;
};

/* Looks 'n' pairs of project and key up, in two steps so that others travel with it: queues the
 * question, and reads its answer after the flush.  'found[i]' belongs to pair i, with 'key' NULL
 * when there is no such row. */
void sdm_stored_reply_find(struct sdm_pg *pg, const char *const *projects, const char *const *keys,
                           size_t n);
bool sdm_stored_reply_found(const struct sdm_pg_result *result, size_t n, struct sdm_arena *arena,
                            struct sdm_stored_reply *found, GError **error);

/* Writes rows whose pairs of project and key all differ.  Where one stands by now, written by
 * another transaction, this one fails with SDM_TX_RACED (refusal.h): look it up again. */
void sdm_stored_reply_insert(struct sdm_tx *tx, const struct sdm_stored_reply *rows, size_t n);

/* Who asks again while the answer is pending is answered beside those that asked before; a copy of
 * a request may be delivered after its repeat, so none takes another's place. */
enum { SDM_REPLY_ASKERS_MAX = 16 };

/* Adds an asker to a pending row; '*is_pending' is false when it has been answered by now. */
bool sdm_stored_reply_join(struct sdm_tx *tx, const char *project, const char *key,
                           const struct sdm_reply_address *address, bool *is_pending,
                           GError **error);

/* Answers a pending row.  'askers' is where the answer has to go; none, and nothing is written,
 * when it is answered or absent.  sdm_answer_finish() does both. */
bool sdm_stored_reply_finish(struct sdm_tx *tx, const char *project, const char *key,
                             const char *reply_type, const char *reply, struct sdm_arena *arena,
                             struct sdm_reply_address **askers, size_t *n_askers, GError **error);

/* Notes why a pending row will end in an error, once what it began is undone. */
void sdm_stored_reply_set_error(struct sdm_tx *tx, const char *project, const char *key,
                                const char *error_code, const char *error_text);

/* The pending rows of a reservation, of a device (where 'reservation' is NULL), or all when
 * 'reservation' is NULL and 'device_no' 0; oldest first. */
bool sdm_stored_reply_pending(struct sdm_pg *pg, const char *reservation, int32_t device_no,
                              struct sdm_arena *arena, struct sdm_stored_reply **rows, size_t *n,
                              GError **error);

/* Up to 'n_max' pending rows whose deadline has passed, oldest first. */
bool sdm_stored_reply_overdue(struct sdm_pg *pg, size_t n_max, struct sdm_arena *arena,
                              struct sdm_stored_reply **rows, size_t *n, GError **error);

/* Deletes up to 'n_max' answered rows older than a day. */
bool sdm_stored_reply_forget(struct sdm_tx *tx, size_t n_max, int64_t *n_forgotten, GError **error);
