/* Bricks and switches that do not answer, and whom that concerns.  Thread rule: as the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"
#include "wire/words.h"

/* 'changed' is false when it was so already, or the device is not in service. */
bool sdm_store_health_set(struct sdm_tx *tx, int32_t device_no, bool lost, bool *changed,
                          GError **error);

/* Found on or off, whatever was last known. */
bool sdm_store_health_power(struct sdm_tx *tx, int32_t device_no, bool off, bool *changed,
                            GError **error);

/* Who has bytes on the brick, or a path through the switch. */
struct sdm_affected {
    char reservation[SDM_UUID_SIZE];
    const char *project;
    enum sdm_reservation_state state;
    int64_t size_bytes;
    /* NULL unless a virtual machine has it, as the next. */
    const char *vm;
    const char *compute_brick;
};

/* At most 'n_max', by reservation; '*n_all' counts all. */
bool sdm_store_health_affected(struct sdm_pg *pg, int32_t device_no, size_t n_max,
                               struct sdm_arena *arena, struct sdm_affected **affected, size_t *n,
                               int64_t *n_all, GError **error);
