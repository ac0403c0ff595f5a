#include "sdm-controller/graph/windows.h"

#include <string.h>

#include <glib.h>

enum { N_WORDS = SDM_WINDOW_N_ENTRIES / 64 };

void sdm_windows_done(struct sdm_windows *windows)
{
    g_free(windows->items);
    g_free(windows->taken);
    *windows = (struct sdm_windows){0};
}

static int32_t find_entry(const struct sdm_windows *windows)
{
    for (int i = 0; windows->taken != NULL && i < N_WORDS; i++) {
        if (windows->taken[i] != UINT64_MAX) {
            return i * 64 + __builtin_ctzll(~windows->taken[i]);
        }
    }
    return windows->taken == NULL ? 0 : SDM_WINDOW_N_ENTRIES;
}

static uint64_t align_up(uint64_t bytes, uint64_t unit_bytes)
{
    return (bytes + unit_bytes - 1) / unit_bytes * unit_bytes;
}

/* The first aligned address from 'start' on at which a window does not cover the register file. */
static uint64_t skip_hole(uint64_t start, uint64_t size_bytes, uint64_t unit_bytes)
{
    return start < SDM_WINDOW_HOLE_END_BYTES && start + size_bytes > SDM_WINDOW_HOLE_START_BYTES
               ? align_up(SDM_WINDOW_HOLE_END_BYTES, unit_bytes)
               : start;
}

bool sdm_windows_find(const struct sdm_windows *windows, uint64_t size_bytes, uint64_t unit_bytes,
                      struct sdm_window *window)
{
    int32_t entry = find_entry(windows);
    uint64_t start = align_up(SDM_WINDOW_FLOOR_BYTES, unit_bytes);

    if (entry == SDM_WINDOW_N_ENTRIES || size_bytes > SDM_WINDOW_CEILING_BYTES) {
        return false;
    }
    start = skip_hole(start, size_bytes, unit_bytes);
    for (int32_t i = 0; i < windows->n; i++) {
        const struct sdm_window *item = &windows->items[i];

        if (start + size_bytes <= item->start_bytes) {
            break;
        }
        start = MAX(start, align_up(item->start_bytes + item->size_bytes, unit_bytes));
        start = skip_hole(start, size_bytes, unit_bytes);
    }
    if (start + size_bytes > SDM_WINDOW_CEILING_BYTES) {
        return false;
    }
    window->entry = entry;
    window->start_bytes = start;
    window->size_bytes = size_bytes;
    return true;
}

/* The first window that begins at or behind 'start_bytes'. */
static int32_t find_from(const struct sdm_windows *windows, uint64_t start_bytes)
{
    int32_t at = 0;

    while (at < windows->n && windows->items[at].start_bytes < start_bytes) {
        at++;
    }
    return at;
}

bool sdm_windows_add(struct sdm_windows *windows, const struct sdm_window *window)
{
    int32_t at = find_from(windows, window->start_bytes);
    uint64_t bit = UINT64_C(1) << (window->entry % 64);

    if (windows->taken == NULL) {
        windows->taken = g_new0(uint64_t, N_WORDS);
    }
    if ((windows->taken[window->entry / 64] & bit) != 0 ||
        (at < windows->n &&
         windows->items[at].start_bytes < window->start_bytes + window->size_bytes) ||
        (at > 0 && windows->items[at - 1].start_bytes + windows->items[at - 1].size_bytes >
                       window->start_bytes)) {
        return false;
    }
    if (windows->n == windows->room) {
        windows->room = windows->room == 0 ? 4 : windows->room * 2;
        windows->items = g_renew(struct sdm_window, windows->items, windows->room);
    }
    memmove(&windows->items[at + 1], &windows->items[at],
            (size_t)(windows->n - at) * sizeof *windows->items);
    windows->items[at] = *window;
    windows->n++;
    windows->taken[window->entry / 64] |= bit;
    return true;
}

bool sdm_windows_remove(struct sdm_windows *windows, int32_t entry)
{
    for (int32_t at = 0; at < windows->n; at++) {
        if (windows->items[at].entry == entry) {
            windows->n--;
            memmove(&windows->items[at], &windows->items[at + 1],
                    (size_t)(windows->n - at) * sizeof *windows->items);
            windows->taken[entry / 64] &= ~(UINT64_C(1) << (entry % 64));
            return true;
        }
    }
    return false;
}
