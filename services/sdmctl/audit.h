/* Commands on the audit log.  They read the database itself: an auditor takes nobody's word for it,
 * the controller's least.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run functions. */
bool sdm_ctl_audit_verify(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_audit_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
