/* Compute bricks that an administrator cuts off: what is to be done, and how far it has come.
 *
 * Functions that return nothing only queue their statement; its error shows at the next one that
 * waits, or at the commit.  Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"
#include "wire/words.h"

/* Where a cable of the brick ends. */
struct sdm_fence_cable {
    int32_t device_no;
    const char *device;
    const char *endpoint;
    bool is_switch;
    bool optical;
    int32_t port;
};

struct sdm_fence {
    int32_t device_no;
    const char *brick;
    const char *endpoint;
    enum sdm_fence_state state;
    enum sdm_fence_method method;
    /* That have failed. */
    int32_t n_tries;
    struct sdm_fence_cable *cables; /* by device and port */
    size_t n_cables;
};

/* NULL without an error when the brick is not fenced (any more). */
struct sdm_fence *sdm_store_fence_load(struct sdm_pg *pg, int32_t device_no,
                                       struct sdm_arena *arena, GError **error);

/* The brick is to be cut off: not planned with from here on, and its agent told to have nothing. */
bool sdm_store_fence_begin(struct sdm_tx *tx, int32_t device_no, enum sdm_fence_method method,
                           GError **error);
/* One more try has failed; '*n_tries' counts it. */
bool sdm_store_fence_tried(struct sdm_tx *tx, int32_t device_no, int32_t *n_tries, GError **error);
/* It is known, or nobody says so; 'off' when its power is. '*ended' is false when another has
 * ended it, or it has been begun anew. */
bool sdm_store_fence_end(struct sdm_tx *tx, int32_t device_no, enum sdm_fence_state state, bool off,
                         bool *ended, GError **error);
/* It may return: switched on, and told to have nothing once more. */
bool sdm_store_fence_undo(struct sdm_tx *tx, int32_t device_no, GError **error);
/* A report of 'generation' says that a brick that returns has nothing mapped: it serves again.
 * '*over' is false when the report is too old for that. */
bool sdm_store_fence_over(struct sdm_tx *tx, int32_t device_no, int64_t generation, bool *over,
                          GError **error);

/* Uuids, in their order, of reservations that were made for the brick or are used on it, with what
 * is left of those that have failed. */
bool sdm_store_fence_reservations(struct sdm_pg *pg, int32_t device_no, struct sdm_arena *arena,
                                  char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error);

/* Nothing is mapped on the brick any more, whatever was; its machines are gone: their uuids. */
bool sdm_store_fence_lose_all(struct sdm_tx *tx, int32_t device_no, struct sdm_arena *arena,
                              char (**vms)[SDM_UUID_SIZE], size_t *n, GError **error);
