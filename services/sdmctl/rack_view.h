/* What is asked for to show racks: the list, then each rack in full.  Thread rule: the main thread.
 */
#pragma once

#include "sdmctl/session.h"
#include "wire/s11.h"

/* One rack in full, or the racks alone when 'rack' is NULL; in 'ctl->arena'.  As sdm_ctl_call(). */
const struct sdm_s11_show_reply *sdm_ctl_rack_ask(struct sdm_ctl *ctl, const char *rack,
                                                  GError **error);

/* Calls 'show' for the one rack that the arguments name, or for each there is; not with --json. */
bool sdm_ctl_rack_each(struct sdm_ctl *ctl, const struct sdm_ctl_args *args,
                       void (*show)(struct sdm_ctl *ctl, const char *rack,
                                    const struct sdm_s11_show_reply *view),
                       GError **error);

/* "on", "off", "going off", or the state when it is not active: "fenced". */
const char *sdm_ctl_brick_condition(const struct sdm_wire_brick_status *brick);
enum sdm_ctl_colour sdm_ctl_brick_colour(const struct sdm_wire_brick_status *brick);
