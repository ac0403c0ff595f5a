/* The command batch.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_batch(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Reads a JSON file, or the standard input for "-".  The caller frees it; SDM_CTL_USAGE when it
 * cannot be read or is no JSON. */
struct sdm_json *sdm_ctl_read_json(const char *path, GError **error);
