/* Segments in quarantine: bytes that somebody may still reach.
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

/* The segments of a reservation that are not scrubbed already go to quarantine; '*size_bytes' is
 * what of its project's bytes is still counted: those and the ones that are being scrubbed. */
bool sdm_store_quarantine_reservation(struct sdm_tx *tx, const char *reservation, const char *text,
                                      uint64_t *size_bytes, GError **error);

/* Nobody reaches what the reservation has in quarantine, now that the compute brick 'fenced' is cut
 * off: it goes the way of release.  What another brick was found to map stays. */
void sdm_store_quarantine_clear(struct sdm_tx *tx, const char *reservation, const char *fenced);

struct sdm_quarantined {
    char segment[SDM_UUID_SIZE];
    char reservation[SDM_UUID_SIZE]; /* "" for none */
    const char *project;             /* NULL for none, as the next */
    const char *compute_brick;
    const char *brick;
    int64_t offset_bytes;
    int64_t size_bytes;
    const char *since;
    const char *text;
    bool released;
    /* The agent of a compute brick that is not fenced has it mapped, as far as it has said. */
    bool in_use;
    /* Found mapped, and still so. */
    bool found;
};

/* Up to 'n_max' by uuid, behind 'after' (NULL for all); of one brick unless 'brick' is NULL. */
bool sdm_store_quarantine_list(struct sdm_pg *pg, const char *brick, const char *after,
                               size_t n_max, struct sdm_arena *arena, struct sdm_quarantined **rows,
                               size_t *n, GError **error);

/* Refuses NOT_FOUND for a segment that is not in quarantine. */
bool sdm_store_quarantine_read(struct sdm_pg *pg, const char *segment, struct sdm_arena *arena,
                               struct sdm_quarantined *row, GError **error);

/* An administrator has decided: no window of it counts as there, and it is given up; one that no
 * reservation has waits for its scrub at once. */
void sdm_store_quarantine_release(struct sdm_tx *tx, const char *segment);

/* The same for bytes that were found mapped and still are: whoever maps them is asked to let go,
 * and then they wait for their scrub. */
void sdm_store_quarantine_release_found(struct sdm_tx *tx, const char *segment);
