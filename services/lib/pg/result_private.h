/* A result as libpq gives it; for lib/pg only. */
#pragma once

#include <libpq-fe.h>

#include "lib/pg/result.h"

struct sdm_pg_result {
    PGresult *rows;
};
