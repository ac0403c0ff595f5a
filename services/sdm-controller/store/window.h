/* Attachments and their windows: wanted by requests, found by reports.
 *
 * Functions that return nothing only queue their statement; its error shows at the next one that
 * waits, or at the commit.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/model/wanted.h"
#include "sdm-controller/store/tx.h"
#include "wire/words.h"

struct sdm_new_attachment {
    const char *attachment;
    const char *reservation;
    int32_t compute_no;
    /* NULL unless a guest gets it. */
    const char *vm;
    enum sdm_window_level want;
};

/* Inserts it, or wants the one that is there again. Refuses ALREADY_EXISTS when that one is still
 * wanted. */
bool sdm_store_attachment_insert(struct sdm_tx *tx, const struct sdm_new_attachment *row,
                                 GError **error);
void sdm_store_attachment_set(struct sdm_tx *tx, const char *attachment, enum sdm_window_level want,
                              enum sdm_window_level have, bool clear_error);
void sdm_store_attachment_delete(struct sdm_tx *tx, const char *attachment);

/* A window to be made; the circuit is the one between the compute brick and the segment's brick. */
struct sdm_new_window {
    char window[SDM_UUID_SIZE];
    const char *segment;
    int32_t entry;
    int64_t start_bytes;
    int64_t size_bytes;
};

/* Counts the compute brick's generation up, before its windows change. */
bool sdm_store_generation_next(struct sdm_tx *tx, int32_t compute_no, int64_t *generation,
                               GError **error);

/* '*any_up' says whether the circuit of one of them is up, so that the agent can be told at once.
 * Refuses WRONG_STATE for a compute brick that is fenced. */
bool sdm_store_windows_insert(struct sdm_tx *tx, const char *attachment, int32_t compute_no,
                              int64_t generation, enum sdm_window_level want,
                              const struct sdm_new_window *windows, size_t n, bool *any_up,
                              GError **error);

/* Not wanted any more, as of the compute brick's next generation. */
void sdm_store_windows_unwant(struct sdm_tx *tx, const char *const *windows, size_t n,
                              int64_t generation);
void sdm_store_windows_settle(struct sdm_tx *tx, const char *const *windows, size_t n);
void sdm_store_windows_delete(struct sdm_tx *tx, const char *const *windows, size_t n);

/* Notes that the agent is about to be told of what it shall have; committed before it is told.
 * Windows of one circuit, or of a compute brick in a transaction of its own, when there are
 * reservations that have some; with their reservations locked. */
void sdm_store_windows_offer_circuit(struct sdm_tx *tx, const char *circuit);
bool sdm_store_windows_to_offer(struct sdm_pg *pg, int32_t compute_no, struct sdm_arena *arena,
                                char (**reservations)[SDM_UUID_SIZE], size_t *n, GError **error);
void sdm_store_windows_offer(struct sdm_tx *tx, int32_t compute_no,
                             char (*reservations)[SDM_UUID_SIZE], size_t n);

/* What a compute brick shall have: windows that are wanted and offered.  Refuses NOT_FOUND for a
 * brick that is not there. */
struct sdm_wanted_brick *sdm_store_wanted_load(struct sdm_pg *pg, int32_t compute_no,
                                               struct sdm_arena *arena, GError **error);

/* Reads the compute brick and its windows.  Reports of one brick follow each other on one worker,
 * so nothing is locked. */
bool sdm_store_known_windows(struct sdm_tx *tx, const char *compute_brick, struct sdm_arena *arena,
                             struct sdm_known_brick *brick, struct sdm_known_window **windows,
                             size_t *n, GError **error);

/* Found at this level; 'gone' when the report knows that it is not wanted and does not have it. */
void sdm_store_window_found(struct sdm_tx *tx, const char *window, enum sdm_window_level have,
                            bool gone);
/* What the report said of the attachment: memory of its guest (0 for nothing said), and why it
 * comes no further (NULL for nothing said). */
void sdm_store_attachment_found(struct sdm_tx *tx, const char *attachment,
                                int64_t guest_memory_bytes, const char *error_code,
                                const char *error_text);
/* The report itself: when, from which boot, the generation reached, and when it was made by the
 * agent's clock (0 for not said). */
void sdm_store_agent_reported(struct sdm_tx *tx, int32_t compute_no, const char *boot_id,
                              const char *version, int64_t have_generation, int64_t made_us);

/* Windows of a compute brick with the bytes they take: for loading the ledger. */
typedef bool sdm_store_window_fn(int32_t compute_no, int32_t entry, int64_t start_bytes,
                                 int64_t size_bytes, void *data, GError **error);
bool sdm_store_windows_each(struct sdm_pg *pg, sdm_store_window_fn *visit, void *data,
                            GError **error);
