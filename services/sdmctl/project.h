/* Projects, their quotas and what they use.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_project_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s11_project_reply. */
void sdm_ctl_project_print(struct sdm_ctl *ctl, const void *reply);
