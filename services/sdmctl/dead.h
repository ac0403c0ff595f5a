/* Messages that could not be carried out.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run functions; the last one of requeue and drop. */
bool sdm_ctl_dead_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_dead_move(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s11_dead_show_reply. */
void sdm_ctl_dead_print(struct sdm_ctl *ctl, const void *reply);
