/* S7: what a report says of the windows that are known, compared one by one.  Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/wanted.h"
#include "wire/s7.h"

struct sdm_report_finding {
    /* Index of the known window. */
    size_t known;
    /* NULL when the report does not name it. */
    const struct sdm_wire_found_window *found;
    enum sdm_window_level have;
    /* Not wanted, and known by the agent to be gone. */
    bool gone;
    /* Differs from what was known. */
    bool changed;
    /* The agent says why it is not where it is wanted: an error of a window that is there would
     * outlive what it was about. */
    bool failed;
};

struct sdm_report_findings {
    /* One for each known window. */
    struct sdm_report_finding *findings;
    /* Found windows that nobody was ever given. */
    const struct sdm_wire_found_window **strangers;
    size_t n_strangers;
};

/* True when the report comes after one that was made later, by the clock of the same start of the
 * brick ('boot_id' and 'made_us' of the last one taken; 0 for not known): it says nothing. */
bool sdm_report_is_late(const struct sdm_s7_report *report, const char *boot_id, int64_t made_us);

/* Compares 'report' with the windows that are known of its compute brick.  A report older than the
 * generation in which a window ceased to be wanted cannot say that it is gone, nor can one that
 * lists it: listed as absent means that a step of the agent is under way. */
void sdm_compile_report(const struct sdm_s7_report *report, const struct sdm_known_window *known,
                        size_t n_known, struct sdm_arena *arena,
                        struct sdm_report_findings *findings);
