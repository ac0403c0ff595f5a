/* Arguments as libpq takes them; for lib/pg only. */
#pragma once

#include "lib/pg/args.h"

/* The text of one argument, borrowed; NULL for SQL's NULL. */
const char *sdm_pg_args_value(const struct sdm_pg_args *args, int index);
