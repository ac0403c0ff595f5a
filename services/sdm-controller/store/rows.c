#include "sdm-controller/store/rows.h"

#include "sdm-controller/store/statements.h"

struct kind {
    const struct sdm_pg_statement *statement;
    struct sdm_pg_args args;
    struct sdm_pg_array *columns[SDM_PG_MAX_ARGS];
    size_t n;
};

struct sdm_rows {
    struct kind kinds[SDM_N_ROWS_KIND];
    GArray *wakes; /* int64_t */
    size_t n;
};

/* Sorted, and locked as the update will: the key that segments refer to changes. */
static const struct sdm_pg_statement lock_sleepers_statement = {
    .name = "rows_lock_sleepers",
    .sql = "SELECT FROM sdm.device d WHERE d.device_no = ANY ($1::integer[])"
           " AND d.want_power <> 'on' ORDER BY d.device_no FOR UPDATE",
    .n_params = 1,
};

static const struct sdm_pg_statement wake_statement = {
    .name = "rows_wake",
    .sql = "UPDATE sdm.device SET want_power = 'on' WHERE device_no = ANY ($1::integer[])"
           " AND want_power <> 'on'",
    .n_params = 1,
};

static struct sdm_rows *rows_of(struct sdm_tx *tx)
{
    if (tx->rows == NULL) {
        tx->rows = g_new0(struct sdm_rows, 1);
        tx->rows->wakes = g_array_new(FALSE, FALSE, sizeof(int64_t));
    }
    return tx->rows;
}

static void clear(struct sdm_rows *rows)
{
    for (size_t i = 0; i < SDM_N_ROWS_KIND; i++) {
        sdm_pg_args_clear(&rows->kinds[i].args);
        rows->kinds[i].n = 0;
    }
    g_array_set_size(rows->wakes, 0);
    rows->n = 0;
}

void sdm_rows_free(struct sdm_rows *rows)
{
    if (rows != NULL) {
        clear(rows);
        g_array_free(rows->wakes, TRUE);
        g_free(rows);
    }
}

struct sdm_pg_array **sdm_rows_add(struct sdm_tx *tx, enum sdm_rows_kind kind,
                                   const struct sdm_pg_statement *statement)
{
    struct sdm_rows *rows = rows_of(tx);
    struct kind *of_kind = &rows->kinds[kind];

    g_assert(of_kind->n == 0 || of_kind->statement == statement);
    if (of_kind->n == 0) {
        of_kind->statement = statement;
        for (int i = 0; i < statement->n_params; i++) {
            of_kind->columns[i] = sdm_pg_arg_array(&of_kind->args);
        }
    }
    of_kind->n++;
    rows->n++;
    tx->n_writes++;
    return of_kind->columns;
}

void sdm_rows_wake(struct sdm_tx *tx, int32_t device_no)
{
    struct sdm_rows *rows = rows_of(tx);
    int64_t number = device_no;

    g_array_append_val(rows->wakes, number);
    rows->n++;
    tx->n_writes++;
}

static void queue_wakes(struct sdm_tx *tx, const GArray *wakes)
{
    g_auto(sdm_pg_args) args = {0};

    if (wakes->len > 0) {
        sdm_pg_arg_int64_array(&args, (const int64_t *)(void *)wakes->data, wakes->len);
        sdm_pg_queue(tx->pg, &lock_sleepers_statement, &args);
        sdm_pg_queue(tx->pg, &wake_statement, &args);
    }
}

void sdm_rows_flush(struct sdm_tx *tx)
{
    struct sdm_rows *rows = tx->rows;

    if (rows == NULL || rows->n == 0) {
        return;
    }
    queue_wakes(tx, rows->wakes);
    for (size_t i = 0; i < SDM_N_ROWS_KIND; i++) {
        if (rows->kinds[i].n > 0) {
            sdm_pg_queue(tx->pg, rows->kinds[i].statement, &rows->kinds[i].args);
        }
    }
    clear(rows);
}

SDM_STORE_STATEMENTS(rows, &lock_sleepers_statement, &wake_statement)
