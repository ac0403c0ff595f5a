#include "lib/pg/tx.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/error_private.h"
#include "lib/pg/pg_private.h"

static const struct sdm_pg_statement commit = {"sdm_pg_commit", "COMMIT", 0};
static const struct sdm_pg_statement rollback = {"sdm_pg_rollback", "ROLLBACK", 0};
static const struct sdm_pg_statement savepoint = {"sdm_pg_savepoint", "SAVEPOINT sdm", 0};
static const struct sdm_pg_statement release = {"sdm_pg_release", "RELEASE SAVEPOINT sdm", 0};
static const struct sdm_pg_statement rollback_to = {
    "sdm_pg_rollback_to",
    "ROLLBACK TO SAVEPOINT sdm",
    0,
};

struct sdm_pg *sdm_pg_begin(struct sdm_pg *pg)
{
    g_assert(!pg->in_transaction && pg->sent->len == 0);
    pg->in_transaction = true;
    pg->begin_pending = true;
    return pg;
}

/* Runs what is queued for its effect on the session only. */
static void settle(struct sdm_pg *pg)
{
    g_autoptr(GError) ignored = NULL;

    if (pg->sent->len > 0) {
        sdm_pg_flush(pg, NULL, &ignored);
    }
}

static void roll_back(struct sdm_pg *pg)
{
    g_autoptr(GError) error = NULL;

    pg->in_transaction = false;
    if (pg->begin_pending) {
        pg->begin_pending = false;
        return;
    }
    settle(pg);
    if (pg->lost) {
        return;
    }
    sdm_pg_queue_control(pg, &rollback);
    if (!sdm_pg_flush(pg, NULL, &error)) {
        /* A session in an unknown state is worth less than none. */
        g_debug("rollback: %s", error->message);
        pg->lost = true;
    }
}

void sdm_pg_rollback(struct sdm_pg **tx)
{
    struct sdm_pg *pg = *tx;

    *tx = NULL;
    if (pg != NULL) {
        roll_back(pg);
    }
}

/* Sends COMMIT behind what is queued. */
static bool send_commit(struct sdm_pg *pg, GError **error)
{
    GError *cause = NULL;
    bool sent;

    sdm_pg_queue_control(pg, &commit);
    sent = !pg->lost;
    if (sdm_pg_flush(pg, NULL, &cause)) {
        return true;
    }
    if (sent && pg->lost && cause->domain == SDM_UNAVAILABLE) {
        sdm_pg_fail(error, SDM_PG_COMMIT_UNKNOWN, "outcome of COMMIT unknown: %s", cause->message);
        g_error_free(cause);
    } else {
        g_propagate_error(error, cause);
    }
    return false;
}

bool sdm_pg_commit(struct sdm_pg **tx, GError **error)
{
    struct sdm_pg *pg = *tx;

    *tx = NULL;
    g_assert(pg->in_transaction);
    if (pg->begin_pending && !pg->lost) {
        roll_back(pg);
        return true;
    }
    if (sdm_fault("pg.before-commit", error)) {
        roll_back(pg);
        return false;
    }
    /* COMMIT of a failed transaction would roll back and be answered without an error. */
    if (!pg->lost && PQtransactionStatus(pg->conn) == PQTRANS_INERROR) {
        roll_back(pg);
        return sdm_fail(error, "commit of a transaction that has failed");
    }
    if (!send_commit(pg, error)) {
        roll_back(pg);
        return false;
    }
    pg->in_transaction = false;
    if (sdm_fault("pg.after-commit", NULL)) {
        pg->lost = true;
        return sdm_pg_fail(error, SDM_PG_COMMIT_UNKNOWN, "outcome of COMMIT unknown: fault");
    }
    return true;
}

void sdm_pg_savepoint_set(struct sdm_pg *tx)
{
    g_assert(tx->in_transaction);
    sdm_pg_queue_control(tx, &savepoint);
}

bool sdm_pg_savepoint_keep(struct sdm_pg *tx, GError **error)
{
    sdm_pg_queue_control(tx, &release);
    return sdm_pg_flush(tx, NULL, error);
}

bool sdm_pg_savepoint_undo(struct sdm_pg *tx, GError **error)
{
    settle(tx);
    sdm_pg_queue_control(tx, &rollback_to);
    sdm_pg_queue_control(tx, &release);
    return sdm_pg_flush(tx, NULL, error);
}
