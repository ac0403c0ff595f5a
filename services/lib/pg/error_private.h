/* How lib/pg makes its errors; for lib/pg only. */
#pragma once

#include <libpq-fe.h>

#include "lib/pg/error.h"

/* Sets 'error' from a result that failed; true when the connection is of no use after it. */
bool sdm_pg_set_result_error(GError **error, const PGresult *result, const char *what);

/* Sets 'error' from a connection that could not be made. */
void sdm_pg_set_connect_error(GError **error, const PGconn *conn);

/* Sets an SDM_PG error without SQLSTATE; returns false. */
bool sdm_pg_fail(GError **error, enum sdm_pg_error code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
