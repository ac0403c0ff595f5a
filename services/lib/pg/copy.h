/* Rows of a SELECT by COPY in binary form: for tables that are read whole, where one result a row,
 * as sdm_pg_stream() makes it, takes most of the time.
 *
 * Columns are read in their order; the statement casts each to what is read.
 *
 * Thread rule: as the connection. */
#pragma once

#include "lib/pg/pg.h"

struct sdm_pg_copy_row;

/* The next column.  After the first that is NULL, of another size, or not there, nothing is read
 * any more, and the stream ends with SDM_PG BAD_VALUE; 0 is returned. */
int32_t sdm_pg_copy_int32(struct sdm_pg_copy_row *row);
int64_t sdm_pg_copy_int64(struct sdm_pg_copy_row *row);
bool sdm_pg_copy_bool(struct sdm_pg_copy_row *row);
/* Of type uuid. */
void sdm_pg_copy_uuid(struct sdm_pg_copy_row *row, uint8_t uuid[16]);

/* False when a column could not be read so far. */
bool sdm_pg_copy_ok(const struct sdm_pg_copy_row *row);

/* Called for each row, valid during the call; false with 'error' set, or with a column that could
 * not be read, ends the stream.  It must not use the connection. */
typedef bool sdm_pg_copy_fn(struct sdm_pg_copy_row *row, void *data, GError **error);

/* Hands the rows of 'statement', which has no parameters, over one by one.  Not in a transaction.
 * Rows that follow a failed call are read and dropped. */
bool sdm_pg_copy(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                 sdm_pg_copy_fn *row_fn, void *data, GError **error);
