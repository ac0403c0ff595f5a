/* Segments in quarantine.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_quarantine_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s11_quarantine_reply. */
void sdm_ctl_quarantine_print(struct sdm_ctl *ctl, const void *reply);
