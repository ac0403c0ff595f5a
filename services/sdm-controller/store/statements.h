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

/* Ends with NULL. */
#define SDM_STORE_STATEMENTS(file, ...)                                                            \
    extern const struct sdm_pg_statement *const sdm_store_##file##_statements[];                   \
    const struct sdm_pg_statement *const sdm_store_##file##_statements[] = {__VA_ARGS__, NULL};

/* Calls 'visit' for each statement of each file. */
void sdm_store_statements_each(void (*visit)(const struct sdm_pg_statement *statement, void *data),
                               void *data);
