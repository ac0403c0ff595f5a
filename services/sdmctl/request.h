/* From a command's arguments to its request, by the table of its uses.
 *
 * Thread rule: the main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/json/json.h"
#include "sdmctl/session.h"

/* The request's body, checked against its schema, so that what is wrong is said without a way to
 * the controller.  A command with a key gets a random one when none is given, and 'args' then holds
 * it.  Names of virtual machines are looked up.  The caller frees it.
 *
 * NULL with SDM_CTL_USAGE set for a wrong value, or as sdm_ctl_call() sets it for a look-up. */
struct sdm_json *sdm_ctl_request_make(struct sdm_ctl *ctl, struct sdm_ctl_args *args,
                                      GError **error);

/* The same, with one more member, borrowed, that no argument gives. */
struct sdm_json *sdm_ctl_request_make_with(struct sdm_ctl *ctl, struct sdm_ctl_args *args,
                                           const char *member, struct sdm_json *value,
                                           GError **error);

/* Gives 'args' a random key when its command has one and none is given. */
void sdm_ctl_request_need_key(struct sdm_ctl_args *args);

/* Checks a body against the schema of 'type'; SDM_CTL_USAGE with the place and what was wanted. */
bool sdm_ctl_request_check(struct sdm_ctl *ctl, const char *type, const struct sdm_json *body,
                           GError **error);

/* Sends the command's request; the decoded reply, in 'ctl->arena', or NULL with 'error' set. */
void *sdm_ctl_request_send(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* The run function of a command that is one request: makes it, sends it, prints the reply. */
bool sdm_ctl_run_request(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
