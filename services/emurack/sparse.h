/* Ranges of sparse files: copied without their holes, cleared by making holes.
 *
 * Thread rule: none; everything is in the arguments. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

/* Makes the target's range equal to the source's; where the source has holes the target gets some.
 */
bool sdm_sparse_copy(int source, uint64_t source_offset_bytes, int target,
                     uint64_t target_offset_bytes, uint64_t size_bytes, GError **error);

/* Copies only what the source holds and leaves the rest of the target's range as it is. */
bool sdm_sparse_overlay(int source, uint64_t source_offset_bytes, int target,
                        uint64_t target_offset_bytes, uint64_t size_bytes, GError **error);

/* Makes a hole, so that the range reads as zeroes. */
bool sdm_sparse_clear(int file, uint64_t offset_bytes, uint64_t size_bytes, GError **error);
