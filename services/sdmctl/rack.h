/* Commands on racks.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run functions. */
bool sdm_ctl_rack_register(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_rack_show(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_rack_tree(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
