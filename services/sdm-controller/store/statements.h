/* Every SQL statement of the store, for the contract test that prepares each against a fresh
 * schema.
 *
 * A file of the store ends with SDM_STORE_STATEMENTS(file, &statement, ...), and statements.c lists
 * the files. */
#pragma once

#include <stddef.h>

#include "lib/pg/pg.h"

/* A timestamptz as messages carry it. */
#define SDM_SQL_RFC3339(column)                                                                    \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* Whether reservation r is degraded.  Mostly nothing is lost, and nothing else is read. */
#define SDM_SQL_DEGRADED                                                                           \
    "EXISTS (SELECT FROM sdm.device l WHERE l.state = 'lost' AND (EXISTS (SELECT FROM sdm.segment" \
    " x WHERE x.reservation = r.reservation AND x.brick_no = l.device_no) OR EXISTS (SELECT"       \
    " FROM sdm.segment x JOIN sdm.segment_circuit y USING (segment) JOIN sdm.circuit_hop z"        \
    " USING (circuit) WHERE x.reservation = r.reservation AND z.switch_no = l.device_no)))"

/* Whether the circuits of compute brick p are to be down, whatever stands behind them: its fence is
 * confirmed, or is to cut them.  With power they wait for it to be off. */
#define SDM_SQL_CUT_OFF                                                                            \
    "(p.state = 'fenced' AND (p.fence = 'confirmed' OR p.fence_method = 'cut'"                     \
    " OR (p.fence_method = 'any' AND p.fence <> 'cutting')))"

/* Ends with NULL. */
#define SDM_STORE_STATEMENTS(file, ...)                                                            \
    extern const struct sdm_pg_statement *const sdm_store_##file##_statements[];                   \
    const struct sdm_pg_statement *const sdm_store_##file##_statements[] = {__VA_ARGS__, NULL};

/* Calls 'visit' for each statement of each file. */
void sdm_store_statements_each(void (*visit)(const struct sdm_pg_statement *statement, void *data),
                               void *data);
