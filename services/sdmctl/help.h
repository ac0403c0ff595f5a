/* What the tables of commands and options say of themselves.  Thread rule: any thread. */
#pragma once

#include "sdmctl/command.h"

/* "sdmctl --help"; the caller frees it. */
char *sdm_ctl_help(void);
/* "sdmctl plan --help"; the caller frees it. */
char *sdm_ctl_help_command(const struct sdm_ctl_command *command);
/* The commands of a group ("rack") with their summaries; the caller frees it. */
char *sdm_ctl_help_group(const char *group);
/* "plan SIZE [OPTION...]"; the caller frees it. */
char *sdm_ctl_usage_line(const struct sdm_ctl_command *command);
/* "--wait=LEVEL", or "SIZE" of an argument; the caller frees it. */
char *sdm_ctl_usage_of(const struct sdm_ctl_use *use);
/* What is known of a parameter: text, words, default; the caller frees it. */
char *sdm_ctl_describe(const struct sdm_ctl_use *use);
/* The manual page sdmctl(1) in roff; the caller frees it. */
char *sdm_ctl_manual(void);
