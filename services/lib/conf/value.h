/* One option's value: from text into its member, and back to a text that may be shown. */
#pragma once

#include "lib/conf/conf.h"

/* Zeroes the member, whatever it held: programs hand in a struct that nobody has written yet. */
void sdm_value_init(const struct sdm_conf_option *option, void *values);

/* Reads 'text' into the option's member of 'values', whose old string is freed.  '*shown' becomes
 * a new text fit for logs.  Refuses as sdm_conf_load() says; nothing is changed then. */
bool sdm_value_set(const struct sdm_conf_option *option, void *values, const char *text,
                   char **shown, GError **error);

/* Frees the member's string, if it is one. */
void sdm_value_clear(const struct sdm_conf_option *option, void *values);
