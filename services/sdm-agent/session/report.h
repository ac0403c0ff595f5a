/* A report from what was found.
 *
 * Pure; any thread. */
#pragma once

#include "sdm-agent/session/record.h"
#include "wire/s7.h"

/* UUID of a window that is found and that nothing explains. */
#define SDM_WINDOW_NOBODY "00000000-0000-0000-0000-000000000000"

struct sdm_report_input {
    const char *brick;
    const char *boot_id;
    const char *version;
    uint64_t epoch;
    uint64_t generation;
    const struct sdm_want *want;
    const struct sdm_found *found;
    const struct sdm_step_plan *plan; /* of the two */
    const struct sdm_records *records;
    int64_t now_us;
    int64_t made_us; /* told: by the clock of this start of the brick */
};

/* Why a wanted level is not reached, as far as the controller should know: a refusal by hypervisor,
 * guest or kernel at once, what may mend by itself (a circuit that is not there yet) after a while,
 * a part of this machine that is away never.  False for nothing to tell. */
bool sdm_report_error(const struct sdm_window_state *state, const struct sdm_record *record,
                      enum sdm_window_level level, int64_t now_us, enum sdm_error_code *code,
                      const char **text);

/* The encoded message, g_free(). */
char *sdm_report_write(const struct sdm_report_input *input, size_t *size);
