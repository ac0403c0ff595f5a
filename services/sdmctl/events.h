/* The command events.  Thread rule: the main thread; events arrive on the connection's. */
#pragma once

#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_events(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
