/* The named forms of strings: what the patterns of schemas/common.json say, as functions.
 *
 * tests/contract compares each function with its pattern over many samples.  Thread rule: pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sdm_pattern {
    SDM_PATTERN_NONE,
    SDM_PATTERN_ID,
    SDM_PATTERN_UUID,
    SDM_PATTERN_PROJECT,
    SDM_PATTERN_KEY,
    SDM_PATTERN_TIMESTAMP,
    SDM_PATTERN_ENDPOINT,
    SDM_PATTERN_ACCELERATOR_KIND,
    SDM_N_PATTERNS,
};

/* True when 'text' has that form; everything has the form SDM_PATTERN_NONE. */
bool sdm_pattern_match(enum sdm_pattern pattern, const char *text);

/* The name of its definition in schemas/common.json, "id"; "string" for SDM_PATTERN_NONE. */
const char *sdm_pattern_name(enum sdm_pattern pattern);

/* What a string of that form looks like, one fragment for an error's text. */
const char *sdm_pattern_text(enum sdm_pattern pattern);
