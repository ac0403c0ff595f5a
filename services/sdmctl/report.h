/* What is said when a command fails, and with which exit status.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Says on the standard error (with --json on the standard output, as error/1) what went wrong, with
 * all that a refusal holds: stages, the nearest request as a command line, how to repeat.  'args'
 * may be NULL.  Returns the exit status. */
enum sdm_ctl_exit sdm_ctl_report(struct sdm_ctl *ctl, const struct sdm_ctl_args *args,
                                 const GError *error);

/* The command line of 'args', ready to copy; 'nearest' (or NULL) overrides what it names; with the
 * key only when 'with_key'.  The caller frees it. */
char *sdm_ctl_command_line(const struct sdm_ctl_args *args, const struct sdm_wire_nearest *nearest,
                           bool with_key);
