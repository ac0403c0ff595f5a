/* What is in a guest already, or on its way.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"

struct sdm_vm_load {
    /* Windows of its attachments, each a DIMM. */
    int64_t n_windows;
    /* Bytes of those that the guest does not have yet. */
    int64_t coming_bytes;
};

bool sdm_store_vm_load(struct sdm_pg *pg, const char *vm, struct sdm_vm_load *load, GError **error);
