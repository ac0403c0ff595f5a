/* The command ctl.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_control(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
