/* The command complete, which bash completion calls.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run function: prints what the last word may become, one a line; nothing when nothing is known,
 * never an error.  A line "FILES" asks for file names. */
bool sdm_ctl_complete(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
