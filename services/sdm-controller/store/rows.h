/* New rows of a transaction, inserted together: one statement a kind, however many requests of a
 * batch have brought them.
 *
 * They are collected and inserted ahead of whatever the transaction reads or writes next, or with
 * its commit: bricks to be woken, projects, reservations, segments, what carries these, messages.
 * What the schema refuses shows there; store/refusal.h tells what it means.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "lib/pg/args.h"
#include "lib/pg/pg.h"
#include "sdm-controller/store/tx.h"

/* In the order in which they are inserted, because rows refer to those of kinds before them. */
enum sdm_rows_kind {
    SDM_ROWS_PROJECT,
    SDM_ROWS_RESERVATION,
    SDM_ROWS_SEGMENT,
    SDM_ROWS_ROUTE,
    SDM_ROWS_MESSAGE,
};
#define SDM_N_ROWS_KIND (SDM_ROWS_MESSAGE + 1)

struct sdm_rows;

/* Starts one more row, which the caller adds to each of the columns: arrays, in the order of the
 * statement's parameters, which are nothing else.  A kind has one statement. */
struct sdm_pg_array **sdm_rows_add(struct sdm_tx *tx, enum sdm_rows_kind kind,
                                   const struct sdm_pg_statement *statement);

/* Wants the power of a brick on, before segments are inserted on it. */
void sdm_rows_wake(struct sdm_tx *tx, int32_t device_no);

/* Queues what has come together; for store/tx. */
void sdm_rows_flush(struct sdm_tx *tx);

/* NULL does nothing. */
void sdm_rows_free(struct sdm_rows *rows);
