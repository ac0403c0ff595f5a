/* Commands on virtual machines.  Thread rule: the main thread. */
#pragma once

#include "lib/base/id.h"
#include "sdmctl/session.h"

/* Run function. */
bool sdm_ctl_vm_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s11_vm_bind_reply. */
void sdm_ctl_vm_print_bound(struct sdm_ctl *ctl, const void *reply);

/* The UUID that 'text' is, or of the one virtual machine of that name, which is asked for.
 * SDM_CTL_USAGE when none or several have it; else as sdm_ctl_call(). */
bool sdm_ctl_vm_find(struct sdm_ctl *ctl, const char *text, char uuid[SDM_UUID_SIZE],
                     GError **error);

/* Every virtual machine there is: an array of struct sdm_wire_vm_status, or NULL as by
 * sdm_ctl_call(). */
GArray *sdm_ctl_vm_all(struct sdm_ctl *ctl, const char *after, bool one_page, GError **error);
