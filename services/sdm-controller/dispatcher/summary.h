/* A request in one line, for people who read the audit log: "size_bytes=1073741824 mode=vm".
 *
 * Thread rule: values. */
#pragma once

#include <glib.h>

#include "lib/wire/codec.h"

/* The longest summary, with the terminating zero. */
#define SDM_SUMMARY_SIZE 512

/* Appends the members of a message of that codec, but its key and project; objects by their
 * members, lists by their first items or their length. */
void sdm_summary_append(GString *out, const struct sdm_codec *codec, const void *message);

/* Cuts it to the longest, at the beginning of a letter. */
void sdm_summary_cut(GString *out);
