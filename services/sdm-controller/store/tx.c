#include "sdm-controller/store/tx.h"

#include <stdarg.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/tx.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/shared.h"
#include "sdm-controller/store/statements.h"

GQuark sdm_tx_raced_quark(void)
{
    return g_quark_from_static_string("sdm-tx-raced");
}

struct effect {
    sdm_tx_effect_fn *run;
    void *data;
};

#define MARK                                                                                       \
    "WITH m AS (INSERT INTO sdm.commit_mark (session, backend, mark)"                              \
    " VALUES (current_setting('application_name'), pg_backend_pid(), $2::uuid)"                    \
    " ON CONFLICT (session, backend) DO UPDATE SET mark = excluded.mark) "

static const struct sdm_pg_statement begin_statement = {
    .name = "tx_begin",
    .sql = MARK "SELECT sdm.hold_epoch($1::bigint), pg_current_xact_id()::text, " SDM_SQL_TIMESTAMP(
        "now()") ", (extract(epoch FROM now()) * 1000000)::bigint",
    .n_params = 2,
};

/* What sabotage runs in its place. */
static const struct sdm_pg_statement begin_unchecked_statement = {
    .name = "tx_begin_unchecked",
    .sql = MARK "SELECT $1::bigint, pg_current_xact_id()::text, " SDM_SQL_TIMESTAMP(
        "now()") ", (extract(epoch FROM now()) * 1000000)::bigint",
    .n_params = 2,
};

/* A transaction holds its number locked until its end can be seen. */
static const struct sdm_pg_statement lives_statement = {
    .name = "tx_lives",
    .sql = "SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'transactionid'"
           " AND l.transactionid = $1::text::xid8::xid AND l.mode = 'ExclusiveLock')",
    .n_params = 1,
};

static const struct sdm_pg_statement committed_statement = {
    .name = "tx_committed",
    .sql = "SELECT EXISTS (SELECT FROM sdm.commit_mark m WHERE m.mark = $1::uuid)",
    .n_params = 1,
};

static void end(struct sdm_tx *tx, bool committed)
{
    g_autoptr(GArray) effects = g_steal_pointer(&tx->effects);

    tx->state = SDM_TX_ENDED;
    tx->n_writes = 0;
    g_clear_pointer(&tx->rows, sdm_rows_free);
    g_clear_pointer(&tx->shared, sdm_shared_free);
    for (unsigned i = 0; effects != NULL && i < effects->len; i++) {
        unsigned at = committed ? i : effects->len - 1 - i;
        const struct effect *effect = &g_array_index(effects, struct effect, at);

        effect->run(effect->data, committed);
    }
}

void sdm_tx_begin_queue(struct sdm_tx *tx, struct sdm_pg *pg, int64_t epoch)
{
    g_auto(sdm_pg_args) args = {0};

    g_assert(tx->state == SDM_TX_ENDED);
    sdm_uuid_new(tx->mark);
    sdm_pg_arg_int64(&args, epoch);
    sdm_pg_arg_uuid(&args, tx->mark);
    tx->pg = sdm_pg_begin(pg);
    tx->epoch = epoch;
    tx->n_writes = 0;
    sdm_pg_queue(pg, sdm_sabotage("no-epoch-check") ? &begin_unchecked_statement : &begin_statement,
                 &args);
}

bool sdm_tx_begin_take(struct sdm_tx *tx, const struct sdm_pg_result *result, GError **error)
{
    if (result == NULL || !sdm_pg_copy_text(result, 0, 1, tx->xid, sizeof tx->xid, error) ||
        !sdm_pg_copy_text(result, 0, 2, tx->now, sizeof tx->now, error) ||
        !sdm_pg_get_int64(result, 0, 3, &tx->now_us, error)) {
        struct sdm_pg *begun = tx->pg;

        sdm_pg_rollback(&begun);
        return false;
    }
    tx->state = SDM_TX_BEGUN;
    return true;
}

bool sdm_tx_begin(struct sdm_tx *tx, struct sdm_pg *pg, int64_t epoch, GError **error)
{
    g_autoptr(sdm_pg_result) result = NULL;

    sdm_tx_begin_queue(tx, pg, epoch);
    if (sdm_pg_flush(pg, NULL, error)) {
        result = sdm_pg_take(pg);
    }
    return sdm_tx_begin_take(tx, result, error);
}

struct sdm_pg *sdm_tx_read(struct sdm_tx *tx)
{
    sdm_rows_flush(tx);
    return tx->pg;
}

bool sdm_tx_write(struct sdm_tx *tx, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args, struct sdm_pg_result **result, GError **error)
{
    g_autoptr(sdm_pg_result) written = NULL;

    g_assert(tx->state == SDM_TX_BEGUN);
    tx->n_writes++;
    sdm_rows_flush(tx);
    written = sdm_pg_exec(tx->pg, statement, args, error);
    if (written == NULL) {
        return false;
    }
    if (result != NULL) {
        *result = g_steal_pointer(&written);
    }
    return true;
}

void sdm_tx_queue(struct sdm_tx *tx, const struct sdm_pg_statement *statement,
                  const struct sdm_pg_args *args)
{
    g_assert(tx->state == SDM_TX_BEGUN);
    tx->n_writes++;
    sdm_rows_flush(tx);
    sdm_pg_queue(tx->pg, statement, args);
}

void sdm_tx_on_end(struct sdm_tx *tx, sdm_tx_effect_fn *effect, void *data)
{
    struct effect added = {effect, data};

    g_assert(tx->state == SDM_TX_BEGUN);
    if (tx->effects == NULL) {
        tx->effects = g_array_new(FALSE, FALSE, sizeof(struct effect));
    }
    g_array_append_val(tx->effects, added);
}

unsigned sdm_tx_mark(const struct sdm_tx *tx)
{
    return tx->effects != NULL ? tx->effects->len : 0;
}

void sdm_tx_undo_to(struct sdm_tx *tx, unsigned mark)
{
    while (tx->effects != NULL && tx->effects->len > mark) {
        struct effect effect = g_array_index(tx->effects, struct effect, tx->effects->len - 1);

        g_array_set_size(tx->effects, tx->effects->len - 1);
        effect.run(effect.data, false);
    }
}

bool sdm_tx_commit(struct sdm_tx *tx, GError **error)
{
    struct sdm_pg *committing = tx->pg;
    GError *why = NULL;

    g_assert(tx->state == SDM_TX_BEGUN);
    sdm_rows_flush(tx);
    sdm_shared_flush(tx);
    if (sdm_pg_commit(&committing, &why)) {
        end(tx, true);
        return true;
    }
    if (g_error_matches(why, SDM_PG, SDM_PG_COMMIT_UNKNOWN)) {
        tx->state = SDM_TX_UNKNOWN;
        sdm_unavailable(error, "%s", why->message);
        g_clear_error(&why);
        return false;
    }
    end(tx, false);
    g_propagate_error(error, why);
    return false;
}

void sdm_tx_rollback(struct sdm_tx *tx)
{
    struct sdm_pg *begun = tx->pg;

    g_assert(tx->state != SDM_TX_UNKNOWN);
    if (tx->state == SDM_TX_BEGUN) {
        sdm_pg_rollback(&begun);
        end(tx, false);
    }
}

static bool ask(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                const struct sdm_pg_args *args, bool *answer, GError **error)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, statement, args, error);

    return result != NULL && sdm_pg_get_bool(result, 0, 0, answer, error);
}

bool sdm_tx_settle(struct sdm_tx *tx, bool *committed, GError **error)
{
    g_auto(sdm_pg_args) number = {0};
    g_auto(sdm_pg_args) mark = {0};
    bool lives;
    bool found;

    g_assert(tx->state == SDM_TX_UNKNOWN);
    if (!sdm_pg_is_connected(tx->pg) && !sdm_pg_reconnect(tx->pg, error)) {
        return false;
    }
    sdm_pg_arg_text(&number, tx->xid);
    if (!ask(tx->pg, &lives_statement, &number, &lives, error)) {
        return false;
    }
    /* The server may still be at it: it notices a lost client only when it next writes. */
    if (lives) {
        return sdm_unavailable(error, "transaction %s has not ended yet", tx->xid);
    }
    /* Not by its number: after a crash that may be another's. */
    sdm_pg_arg_uuid(&mark, tx->mark);
    if (!ask(tx->pg, &committed_statement, &mark, &found, error)) {
        return false;
    }
    *committed = found;
    end(tx, found);
    return true;
}

void sdm_tx_done(struct sdm_tx *tx)
{
    g_assert(tx->state == SDM_TX_ENDED);
    g_clear_pointer(&tx->effects, g_array_unref);
}

bool sdm_tx_raced(GError **error, const char *format, ...)
{
    va_list arguments;
    GError *made;

    va_start(arguments, format);
    made = g_error_new_valist(SDM_TX_RACED, 0, format, arguments);
    va_end(arguments);
    g_propagate_error(error, made);
    return false;
}

bool sdm_tx_is_again(const GError *error)
{
    return sdm_pg_is_retryable(error) || error->domain == SDM_TX_RACED;
}

bool sdm_tx_is_superseded(const GError *error)
{
    return g_error_matches(error, SDM_ERROR, SDM_ERROR_STALE_EPOCH);
}

SDM_STORE_STATEMENTS(tx, &begin_statement, &begin_unchecked_statement, &lives_statement,
                     &committed_statement)
