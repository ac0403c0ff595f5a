#include <criterion/criterion.h>

#include <stdlib.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/store/tx.h"

/* What became of a COMMIT whose answer never came. */

static const struct sdm_pg_statement project = {
    "tx_test_project", "INSERT INTO sdm.project (project) VALUES ('told')", 0};
static const struct sdm_pg_statement forget = {"tx_test_forget", "DELETE FROM sdm.project", 0};
static const struct sdm_pg_statement count = {
    "tx_test_count", "SELECT count(*)::bigint FROM sdm.project WHERE project = 'told'", 0};
static const struct sdm_pg_statement number = {"tx_test_number",
                                               "SELECT pg_current_xact_id()::text", 0};
static const struct sdm_pg_statement end_other = {
    "tx_test_end",
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE application_name = 'tx_test one'",
    0};

static struct sdm_pg *open_session(const char *name)
{
    g_autoptr(GError) error = NULL;
    struct sdm_pg *pg = sdm_pg_open(getenv("SDM_DATABASE"), name, &error);

    cr_assert_not_null(pg, "%s", error == NULL ? "" : error->message);
    cr_assert(sdm_pg_run(pg, &forget, NULL, &error), "%s", error->message);
    return pg;
}

static void begin(struct sdm_tx *tx, struct sdm_pg *pg)
{
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_tx_begin(tx, pg, 0, &error), "%s", error->message);
    sdm_tx_queue(tx, &project, NULL);
}

static bool settle(struct sdm_tx *tx)
{
    g_autoptr(GError) error = NULL;
    bool committed;

    while (!sdm_tx_settle(tx, &committed, &error)) {
        cr_assert_eq(error->domain, SDM_UNAVAILABLE, "%s", error->message);
        g_clear_error(&error);
    }
    sdm_tx_done(tx);
    return committed;
}

static int64_t n_told(struct sdm_pg *pg)
{
    g_autoptr(sdm_pg_result) result = sdm_pg_exec(pg, &count, NULL, NULL);
    int64_t n;

    cr_assert(result != NULL && sdm_pg_get_int64(result, 0, 0, &n, NULL));
    return n;
}

/* A server that crashes gives the number of a transaction that it lost to another one. */
static void lost_although_its_number_committed(void)
{
    g_autoptr(sdm_pg) pg = open_session("tx_test one");
    g_autoptr(sdm_pg) other = open_session("tx_test other");
    g_autoptr(sdm_pg_result) result = NULL;
    g_autoptr(GError) error = NULL;
    struct sdm_tx tx = {0};

    begin(&tx, pg);
    cr_assert(sdm_pg_run(other, &end_other, NULL, &error), "%s", error->message);
    cr_assert_not(sdm_tx_commit(&tx, &error));
    cr_assert_eq(tx.state, SDM_TX_UNKNOWN, "%s", error->message);
    result = sdm_pg_exec(other, &number, NULL, NULL);
    cr_assert_not_null(result);
    cr_assert(sdm_pg_copy_text(result, 0, 0, tx.xid, sizeof tx.xid, NULL));
    cr_assert_not(settle(&tx));
    cr_assert_eq(n_told(other), 0);
}

/* The answer alone was lost. */
static void committed_without_an_answer(void)
{
    g_autoptr(sdm_pg) pg = open_session("tx_test one");
    g_autoptr(GError) error = NULL;
    struct sdm_tx tx = {0};

    if (!sdm_fault_arm("pg.after-commit=fail", NULL)) {
        return;
    }
    begin(&tx, pg);
    cr_assert_not(sdm_tx_commit(&tx, &error));
    cr_assert_eq(tx.state, SDM_TX_UNKNOWN, "%s", error->message);
    cr_assert(settle(&tx));
    cr_assert_eq(n_told(pg), 1);
}

/* One after the other: they share a database. */
Test(tx, unknown_outcomes)
{
    lost_although_its_number_committed();
    committed_without_an_answer();
}
