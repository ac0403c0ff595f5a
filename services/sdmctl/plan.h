/* Plans and paths for people.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"
#include "wire/s10.h"

/* Of a struct sdm_s10_plan_reply. */
void sdm_ctl_plan_print(struct sdm_ctl *ctl, const void *reply);

/* "cb0:2 → el0 0→4 → mb0:1   10Gbit/s, existing circuit"; the caller frees it. */
char *sdm_ctl_path_format(const struct sdm_ctl_screen *screen, const char *compute_brick,
                          const struct sdm_wire_path *path);
