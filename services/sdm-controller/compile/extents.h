/* What a memory brick says is mapped of it, compared with what the database says of its bytes.
 * Pure.
 *
 * Bytes are freed only after a scrub, which a memory brick refuses while they are mapped: what is
 * mapped and known to be nobody's, or another's, says that the database is older than the hardware.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "sdm-controller/model/extent.h"
#include "wire/words.h"

/* Compute bricks are named by their ids, sorted and joined by commas. */
struct sdm_found_extent {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    const char *users;
};

struct sdm_known_extent {
    char segment[SDM_UUID_SIZE];
    char reservation[SDM_UUID_SIZE]; /* "" for none */
    uint64_t offset_bytes;
    uint64_t size_bytes;
    enum sdm_segment_state state;
    /* Given up by an administrator, or its reservation. */
    bool want_free;
    /* Whose windows lead to it, as far as is known. */
    const char *users;
    /* Found in quarantine before: by whom it was mapped then; NULL for one that was not. */
    const char *mapped_by;
};

/* A known extent that is mapped by others than is known ('is_taken': it was live), or was found
 * before and is mapped by others than then. */
struct sdm_extent_change {
    size_t known;
    bool is_taken;
    const char *mapped_by;
};

struct sdm_extent_findings {
    /* Mapped, and no segment has them. */
    struct sdm_found_extent *unknown;
    size_t n_unknown;
    struct sdm_extent_change *changes;
    size_t n_changes;
};

/* 'known' is sorted by offset and without overlap, as the database keeps it.  'ignored' are compute
 * bricks that are fenced: what they have leads nowhere. */
void sdm_compile_extents(const struct sdm_found_extent *found, size_t n_found,
                         const struct sdm_known_extent *known, size_t n_known, const char *ignored,
                         struct sdm_arena *arena, struct sdm_extent_findings *findings);

/* Keeps of 'findings' what 'later' says too: whatever was on its way between two looks is gone. */
void sdm_extent_findings_confirm(struct sdm_extent_findings *findings,
                                 const struct sdm_extent_findings *later);
