/* One report while it is taken, for the files that do so.  Thread rule: the worker's own. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/compile/report.h"
#include "sdm-controller/store/vm.h"
#include "sdm-controller/store/window.h"
#include "sdm-controller/synthesizer/job.h"
#include "sdm-controller/synthesizer/report.h"

struct sdm_taking {
    const struct sdm_synthesizer_config *config;
    struct sdm_strangers *strangers;
    struct sdm_settler settler;
    const struct sdm_s7_report *report;
    struct sdm_looks *looks;
    struct sdm_tx tx;
    struct sdm_arena *arena;
    struct sdm_known_brick brick;
    struct sdm_known_window *known;
    size_t n_known;
    struct sdm_vm *vms;
    /* Of before one that has been taken: it says nothing. */
    bool late;
    /* Made under our epoch; and before anything was wanted under it: what was there before. */
    bool current;
    bool first;
    struct sdm_report_findings findings;
    /* Virtual machines of other bricks that it names, joined; NULL when it says nothing. */
    const char *elsewhere;
    /* Reservations to settle: keys of a set. */
    GHashTable *touched;
};

/* taking_unknown.c */

/* True while it is not known what the agent had before this leader. */
bool sdm_taking_asks(const struct sdm_taking *taking);
/* What the agent has and the database does not know: told, once, and looked into while
 * sdm_taking_asks(). */
bool sdm_taking_unknown(struct sdm_taking *taking, GError **error);

/* taking_vms.c */

/* Reads the report's virtual machines; the reservations of those that it leaves out are to be
 * locked. */
bool sdm_taking_read_vms(struct sdm_taking *taking, char (**reservations)[SDM_UUID_SIZE], size_t *n,
                         GError **error);
/* Those that appeared, vanished, or are another brick's. */
bool sdm_taking_vms(struct sdm_taking *taking, GError **error);
