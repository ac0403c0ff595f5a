/* What a new leader asks of its hardware before it serves, and what was found there that the
 * database does not know.
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

/* A device in service, and where it answers. */
struct sdm_asked_device {
    int32_t device_no;
    bool is_compute;
    bool is_memory;
    const char *id;
    const char *endpoint;
    /* An agent that reported not long before the last report of all did. */
    bool speaks;
    /* In service, and did not answer. */
    bool lost;
};

/* All that are not retired; 'silence_us' is how long an agent that speaks is silent.
 */
bool sdm_store_asked_devices(struct sdm_pg *pg, int64_t silence_us, struct sdm_arena *arena,
                             struct sdm_asked_device **devices, size_t *n, GError **error);

/* A segment of a memory brick, and who is known to map it: ids joined by commas, sorted. */
struct sdm_brick_segment {
    char segment[SDM_UUID_SIZE];
    char reservation[SDM_UUID_SIZE]; /* "" for none */
    int64_t offset_bytes;
    int64_t size_bytes;
    enum sdm_segment_state state;
    bool want_free;
    const char *users;
    const char *mapped_by; /* NULL unless it was found */
};

/* Sorted by offset.  '*fenced' are the ids of fenced compute bricks, joined. */
bool sdm_store_brick_segments(struct sdm_pg *pg, int32_t brick_no, struct sdm_arena *arena,
                              struct sdm_brick_segment **segments, size_t *n, const char **fenced,
                              GError **error);

/* Bytes that nobody has and somebody maps go to quarantine. */
bool sdm_store_found_insert(struct sdm_tx *tx, const char *segment, int32_t brick_no,
                            int64_t offset_bytes, int64_t size_bytes, const char *mapped_by,
                            const char *text, GError **error);

/* Who maps a segment in quarantine now. */
void sdm_store_found_mapped_by(struct sdm_tx *tx, const char *segment, const char *mapped_by);

/* True while bytes are mapped that were found so and that no administrator has seen gone. */
bool sdm_store_found_any(struct sdm_pg *pg, bool *any, GError **error);

/* Numbers of the memory bricks with findings that 'compute_brick' maps. */
bool sdm_store_found_bricks(struct sdm_pg *pg, const char *compute_brick, struct sdm_arena *arena,
                            int32_t **bricks, size_t *n, GError **error);

/* Numbers of the compute bricks that map a finding. */
bool sdm_store_found_users(struct sdm_pg *pg, const char *segment, struct sdm_arena *arena,
                           int32_t **bricks, size_t *n, GError **error);

/* Live segments of 'reservation' have become 'mapped_by''s, which maps them as another's. */
void sdm_store_found_reservation(struct sdm_tx *tx, const char *reservation, const char *mapped_by);

/* Released by an administrator, and nobody maps it any more: it waits for its scrub. */
void sdm_store_found_to_scrub(struct sdm_tx *tx, const char *segment);

/* Whose bytes an entry leads to. */
struct sdm_led_to {
    int32_t brick_no; /* 0 when no such module is registered */
    /* The reservation of a live segment that the same compute brick has a window of; "" for none.
     */
    char reservation[SDM_UUID_SIZE];
};
bool sdm_store_led_to(struct sdm_pg *pg, int32_t compute_no, int64_t module, int64_t offset_bytes,
                      int64_t size_bytes, struct sdm_led_to *led_to, GError **error);
