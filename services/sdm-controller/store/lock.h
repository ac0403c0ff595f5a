/* Locks of rows, in the one order that keeps writing transactions from waiting for each other in a
 * circle (docs/DATABASE.md): names of groups, reservations, compute bricks, each sorted.  What
 * comes after these, store/shared.h writes at the end.
 *
 * A transaction takes them once, before it reads what it decides on.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stddef.h>

#include <glib.h>

#include "lib/base/id.h"
#include "sdm-controller/store/tx.h"

/* Lists of names, which are borrowed. */
struct sdm_lock_set {
    GPtrArray *reservations; /* uuids; one that is not there is no matter */
    /* Groups by name, as a row may not be there yet; 'projects' of them, in step. */
    GPtrArray *groups;
    GPtrArray *projects;
    GPtrArray *compute_bricks; /* beside those that the reservations are used on */
};
typedef struct sdm_lock_set sdm_lock_set;

struct sdm_lock_set *sdm_lock_set_new(void);
void sdm_lock_set_free(struct sdm_lock_set *set);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_lock_set, sdm_lock_set_free)

/* Locks them, the compute bricks of the reservations too, until the transaction ends.  Nothing
 * waits here: it travels ahead of the next statement, which gives its error. */
void sdm_lock(struct sdm_tx *tx, const struct sdm_lock_set *set);

/* The same for reservations alone. */
void sdm_lock_reservations(struct sdm_tx *tx, char (*reservations)[SDM_UUID_SIZE], size_t n);
