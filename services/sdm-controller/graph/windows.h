/* The windows of one compute brick, by address, and its NetPort entries.
 *
 * Thread rule: none of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/model/window.h"

/* All zero has no window. */
struct sdm_windows {
    struct sdm_window *items;
    int32_t n;
    int32_t room;
    /* A bit for each entry taken; made with the first window. */
    uint64_t *taken;
};

void sdm_windows_done(struct sdm_windows *windows);

/* Finds the lowest free entry and the lowest free aligned range; false when there is none. */
bool sdm_windows_find(const struct sdm_windows *windows, uint64_t size_bytes, uint64_t unit_bytes,
                      struct sdm_window *window);
/* False, with nothing changed, when its entry or any of its addresses is taken. */
bool sdm_windows_add(struct sdm_windows *windows, const struct sdm_window *window);
/* False when the entry is not taken. */
bool sdm_windows_remove(struct sdm_windows *windows, int32_t entry);
