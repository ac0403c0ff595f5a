/* Every message type of schemas/, by name.  Thread rule: everything is constant. */
#pragma once

#include <stddef.h>

#include "lib/wire/codec.h"

/* Sorted by type. */
extern const struct sdm_codec *const sdm_wire_codecs[];
extern const size_t sdm_n_wire_codecs;

/* The codec of "s10.reserve/1", or NULL.  Cost: O(log types). */
const struct sdm_codec *sdm_codec_find(const char *type);
