#include <criterion/criterion.h>

#include <stdlib.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/tx.h"

/* Transactions against a real server: SDM_DATABASE. */

static const struct sdm_pg_statement make_table = {
    "make_table",
    "CREATE TABLE IF NOT EXISTS entry (id bigint PRIMARY KEY,"
    " twin bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    0,
};
static const struct sdm_pg_statement empty_table = {"empty_table", "DELETE FROM entry", 0};
static const struct sdm_pg_statement insert = {
    "insert",
    "INSERT INTO entry (id, twin) VALUES ($1::bigint, $2::bigint)",
    2,
};
static const struct sdm_pg_statement count = {"count", "SELECT count(*)::bigint FROM entry", 0};
static const struct sdm_pg_statement suicide = {
    "suicide",
    "SELECT pg_terminate_backend(pg_backend_pid())",
    0,
};

static struct sdm_pg *open_pg(void)
{
    g_autoptr(GError) error = NULL;
    struct sdm_pg *pg = sdm_pg_open(getenv("SDM_DATABASE"), "tx_test", &error);

    cr_assert_not_null(pg, "%s", error == NULL ? "" : error->message);
    cr_assert(sdm_pg_run(pg, &make_table, NULL, NULL));
    return pg;
}

static struct sdm_pg *open_empty(void)
{
    struct sdm_pg *pg = open_pg();

    cr_assert(sdm_pg_run(pg, &empty_table, NULL, NULL));
    return pg;
}

static void queue_insert(struct sdm_pg *pg, int64_t id, int64_t twin)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_int64(&args, id);
    sdm_pg_arg_int64(&args, twin);
    sdm_pg_queue(pg, &insert, &args);
}

static bool run_insert(struct sdm_pg *pg, int64_t id, GError **error)
{
    queue_insert(pg, id, id);
    return sdm_pg_flush(pg, NULL, error);
}

/* As another session sees it. */
static int64_t n_committed(void)
{
    g_autoptr(sdm_pg) pg = open_pg();
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &count, NULL, NULL);
    int64_t n = -1;

    cr_assert(result != NULL && sdm_pg_get_int64(result, 0, 0, &n, NULL));
    return n;
}

Test(tx, a_transaction_of_one_batch_costs_one_round_trip)
{
    g_autoptr(sdm_pg) pg = open_empty();
    SDM_PG_TX struct sdm_pg *tx = sdm_pg_begin(pg);
    uint64_t before = sdm_pg_n_round_trips(pg);

    queue_insert(tx, 1, 1);
    queue_insert(tx, 2, 2);
    cr_assert(sdm_pg_commit(&tx, NULL));
    cr_assert_null(tx);
    cr_assert_eq(sdm_pg_n_round_trips(pg), before + 1);
    cr_assert_eq(n_committed(), 2);
}

static bool insert_and_leave(struct sdm_pg *pg, bool queued)
{
    SDM_PG_TX struct sdm_pg *tx = sdm_pg_begin(pg);

    if (queued) {
        queue_insert(tx, 1, 1);
        return true;
    }
    return run_insert(tx, 1, NULL);
}

Test(tx, leaving_the_scope_rolls_back)
{
    g_autoptr(sdm_pg) pg = open_empty();

    cr_assert(insert_and_leave(pg, false));
    cr_assert(insert_and_leave(pg, true));
    cr_assert_eq(n_committed(), 0);
    cr_assert(run_insert(pg, 1, NULL), "outside of any transaction");
    cr_assert_eq(n_committed(), 1);
}

Test(tx, a_transaction_without_statements_sends_nothing)
{
    g_autoptr(sdm_pg) pg = open_empty();
    uint64_t before = sdm_pg_n_round_trips(pg);
    struct sdm_pg *tx = sdm_pg_begin(pg);

    cr_assert(sdm_pg_commit(&tx, NULL));
    tx = sdm_pg_begin(pg);
    sdm_pg_rollback(&tx);
    cr_assert_eq(sdm_pg_n_round_trips(pg), before);
}

Test(tx, a_failed_statement_takes_all_with_it)
{
    g_autoptr(sdm_pg) pg = open_empty();
    g_autoptr(GError) error = NULL;
    struct sdm_pg *tx = sdm_pg_begin(pg);

    queue_insert(tx, 1, 1);
    queue_insert(tx, 1, 2);
    cr_assert_not(sdm_pg_commit(&tx, &error));
    cr_assert_str_eq(sdm_pg_sqlstate(error), "23505");
    cr_assert_eq(n_committed(), 0);
    cr_assert(run_insert(pg, 5, NULL), "the connection is free again");
}

Test(tx, commit_of_a_failed_transaction_is_an_error)
{
    g_autoptr(sdm_pg) pg = open_empty();
    g_autoptr(GError) error = NULL;
    struct sdm_pg *tx = sdm_pg_begin(pg);

    cr_assert(run_insert(tx, 1, NULL));
    cr_assert_not(run_insert(tx, 1, NULL));
    cr_assert_not(sdm_pg_commit(&tx, &error));
    cr_assert_not_null(error);
    cr_assert_eq(n_committed(), 0);
    cr_assert(run_insert(pg, 5, NULL));
}

Test(tx, a_refusal_at_commit_is_no_unknown_outcome)
{
    g_autoptr(sdm_pg) pg = open_empty();
    g_autoptr(GError) error = NULL;
    struct sdm_pg *tx = sdm_pg_begin(pg);

    queue_insert(tx, 1, 7);
    queue_insert(tx, 2, 7);
    cr_assert(sdm_pg_flush(tx, NULL, NULL), "twins are looked at when it commits");
    cr_assert_not(sdm_pg_commit(&tx, &error));
    cr_assert_str_eq(sdm_pg_sqlstate(error), "23505");
    cr_assert_eq(n_committed(), 0);
    cr_assert(run_insert(pg, 5, NULL));
}

Test(tx, savepoints_undo_what_failed_and_keep_the_rest)
{
    g_autoptr(sdm_pg) pg = open_empty();
    struct sdm_pg *tx = sdm_pg_begin(pg);

    cr_assert(run_insert(tx, 1, NULL));
    sdm_pg_savepoint_set(tx);
    cr_assert(run_insert(tx, 2, NULL));
    cr_assert_not(run_insert(tx, 1, NULL));
    cr_assert(sdm_pg_savepoint_undo(tx, NULL));
    sdm_pg_savepoint_set(tx);
    cr_assert(run_insert(tx, 3, NULL));
    cr_assert(sdm_pg_savepoint_keep(tx, NULL));
    sdm_pg_savepoint_set(tx);
    queue_insert(tx, 4, 4);
    cr_assert(sdm_pg_savepoint_undo(tx, NULL));
    cr_assert(sdm_pg_commit(&tx, NULL));
    cr_assert_eq(n_committed(), 2);
}

Test(tx, a_loss_before_commit_is_unavailable)
{
    g_autoptr(sdm_pg) pg = open_empty();
    g_autoptr(GError) lost = NULL;
    g_autoptr(GError) error = NULL;
    struct sdm_pg *tx = sdm_pg_begin(pg);

    cr_assert(run_insert(tx, 1, NULL));
    cr_assert_not(sdm_pg_run(tx, &suicide, NULL, &lost));
    cr_assert_eq(lost->domain, SDM_UNAVAILABLE, "%s", lost->message);
    cr_assert_not(sdm_pg_commit(&tx, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
    cr_assert_eq(n_committed(), 0);
    cr_assert(sdm_pg_reconnect(pg, NULL));
    cr_assert(run_insert(pg, 5, NULL));
}

Test(tx, a_loss_behind_commit_is_an_unknown_outcome)
{
    g_autoptr(sdm_pg) pg = open_empty();
    g_autoptr(GError) error = NULL;
    struct sdm_pg *tx = sdm_pg_begin(pg);

    queue_insert(tx, 1, 1);
    sdm_pg_queue(tx, &suicide, NULL);
    cr_assert_not(sdm_pg_commit(&tx, &error));
    cr_assert(g_error_matches(error, SDM_PG, SDM_PG_COMMIT_UNKNOWN), "%s", error->message);
    cr_assert_eq(sdm_error_verdict(error), SDM_ERROR_INTERNAL);
    cr_assert_not(sdm_pg_is_connected(pg));
}

#ifdef SDM_FAULTS
Test(tx, fault_points_stand_on_both_sides_of_the_commit)
{
    static const struct {
        const char *point;
        int64_t n_committed;
        bool unknown;
    } rows[] = {{"pg.before-commit=fail", 0, false}, {"pg.after-commit=fail", 1, true}};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_pg) pg = open_empty();
        g_autoptr(GError) error = NULL;
        struct sdm_pg *tx = sdm_pg_begin(pg);

        cr_assert(sdm_fault_arm(rows[i].point, NULL));
        queue_insert(tx, 1, 1);
        cr_assert_not(sdm_pg_commit(&tx, &error), "%s", rows[i].point);
        cr_assert_eq(g_error_matches(error, SDM_PG, SDM_PG_COMMIT_UNKNOWN), rows[i].unknown, "%s",
                     rows[i].point);
        cr_assert_eq(n_committed(), rows[i].n_committed, "%s", rows[i].point);
    }
}
#endif
