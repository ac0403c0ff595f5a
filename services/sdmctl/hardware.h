/* Commands on bricks, agents and the controller, and their replies for people.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Of a struct sdm_s11_brick_reply. */
void sdm_ctl_brick_print(struct sdm_ctl *ctl, const void *reply);

/* Run function. */
bool sdm_ctl_agents(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s11_status_reply. */
void sdm_ctl_status_print(struct sdm_ctl *ctl, const void *reply);
