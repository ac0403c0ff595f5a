/* Reads a rack file (schemas/rack.json) into the model.
 *
 * Thread rule: none; everything is in the arguments. */
#pragma once

#include "emurack/rack.h"

/* Returns the rack (sdm_emu_rack_free()), or NULL with the file's error, a codec's refusal, or
 * INVALID_TOPOLOGY as rack.h says. */
struct sdm_emu_rack *sdm_emu_rack_file_load(const char *path, GError **error);

/* The same from the file's bytes. */
struct sdm_emu_rack *sdm_emu_rack_file_read(const char *bytes, size_t size, GError **error);
