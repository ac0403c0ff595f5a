/* Which wanted states an agent obeys.
 *
 * Pure; any thread. */
#pragma once

#include <stdint.h>

/* What the agent has seen; both outlive its restart. */
struct sdm_want_seen {
    uint64_t epoch;
    /* The latest of this epoch; 0 for none. */
    uint64_t generation;
};

enum sdm_want_verdict {
    SDM_WANT_FENCED, /* of a leader whose epoch is over */
    SDM_WANT_LATE,   /* delivered late: what came after it is at work already */
    SDM_WANT_OBEYED,
};

/* What becomes of a wanted state.  A new leader counts generations on from the database, so the
 * first word of a new epoch is obeyed whatever its generation. */
enum sdm_want_verdict sdm_want_judge(const struct sdm_want_seen *seen, uint64_t epoch,
                                     uint64_t generation);
