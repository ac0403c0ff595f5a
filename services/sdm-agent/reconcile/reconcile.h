/* Compares what a compute brick shall have with what it has and says what can be done now.
 *
 * It is level-triggered: only steps whose conditions hold in 'found' are named, so that every order
 * rule is a fact that was seen and not a hope: an entry is mapped before it is onlined or plugged,
 * a DIMM is out or a block offline before its entry goes.  After a step has ended, well or not, the
 * caller looks again and asks again; steps named together do not depend on each other.
 *
 * What it never does, whatever 'want' says:
 *   - take away an entry under a DIMM that a guest has, or under a block that is not offline; a
 * DIMM whose bytes are not known may lie on any entry that is not wanted;
 *   - give bytes to a second kernel: one segment is plugged in one guest or onlined, never both;
 *   - decide from a part of 'found' that is not known.
 *
 * Pure; any thread. */
#pragma once

#include "sdm-agent/state/state.h"

/* In the order in which steps are listed. */
enum sdm_step_kind {
    SDM_STEP_DETACH_DIMM,  /* ask the guest for it; done when the guest has given it up */
    SDM_STEP_OFFLINE_HOST, /* all blocks of the window */
    SDM_STEP_UNMAP,
    SDM_STEP_MAP,
    SDM_STEP_ONLINE_HOST, /* all blocks of the window */
    SDM_STEP_ATTACH_DIMM, /* plug it unless it is there, and see that the guest has grown */
    SDM_N_STEP_KINDS,
};

#define SDM_NO_ENTRY SDM_NETPORT_N_ENTRIES

struct sdm_step {
    enum sdm_step_kind kind;
    unsigned entry;                   /* SDM_NO_ENTRY when a DIMM's entry is not known */
    char window[SDM_UUID_SIZE];       /* "" for an entry or block that no wanted window explains */
    char vm[SDM_UUID_SIZE];           /* of the DIMM steps */
    struct sdm_netport_entry netport; /* of the entry; of DIMM steps only 'path' and size count */
    uint64_t size_bytes;
    bool shared;
    char path[SDM_SEGMENT_PATH_SIZE]; /* of ATTACH_DIMM */
};

/* What steps under way (or resting after a failure) hold: nothing that touches these is named. */
struct sdm_busy {
    bool entries[SDM_NETPORT_N_ENTRIES + 1];
    GHashTable *windows; /* set of window UUIDs; NULL for none */
};

/* How far one wanted window is. */
struct sdm_window_state {
    enum sdm_window_level have;
    /* Why nothing can be done for it now, when 'refused'. */
    bool refused;
    enum sdm_error_code code;
    char text[256];
    bool dimm_present;           /* plugged, whether the guest has confirmed it or not */
    uint64_t guest_memory_bytes; /* of the guest that it is in or shall be in; 0 for not known */
};

struct sdm_step_plan {
    struct sdm_step *steps;
    unsigned n_steps;
    struct sdm_window_state *states; /* one a wanted window, in their order */
    unsigned n_states;
    bool converged; /* everything wanted is reached, and nothing else is left */
};
typedef struct sdm_step_plan sdm_step_plan;

/* 'busy' may be NULL.  The same arguments always give the same plan.  Codes in 'states':
 *   AGENT_REFUSED  windows that contradict each other, or a window that a mode cannot have;
 *   NOT_FOUND      no running guest of that UUID;
 *   IN_USE         the entry's place, or the segment, is still used by something else;
 *   NO_SLOT        the guest has no free DIMM slot, or too little room below its maximum;
 *   UNAVAILABLE    the part that would do it does not answer.
 * Cost: O(n log n) of windows, entries, blocks and DIMMs.  The caller frees the plan. */
struct sdm_step_plan *sdm_reconcile(const struct sdm_want *want, const struct sdm_found *found,
                                    const struct sdm_busy *busy);
void sdm_step_plan_free(struct sdm_step_plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_step_plan, sdm_step_plan_free)

const char *sdm_step_kind_name(enum sdm_step_kind kind);
