/* JSON text written without values in between: for the codec, which knows the shape of what it
 * writes.
 *
 * Thread rule: a text belongs to one thread at a time. */
#pragma once

#include <stdint.h>

#include <glib.h>

/* Appends 'text' in quotes, escaped; bytes that are no UTF-8 become '?'. */
void sdm_json_append_string(GString *out, const char *text);

/* Appends the number in decimal. */
void sdm_json_append_integer(GString *out, int64_t number);
