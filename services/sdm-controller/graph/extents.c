#include "sdm-controller/graph/extents.h"

#include <string.h>

#include <glib.h>

void sdm_extents_init(struct sdm_extents *extents, uint64_t capacity_bytes)
{
    extents->items = extents->here;
    extents->items[0] = (struct sdm_free_extent){0, capacity_bytes};
    extents->n = 1;
    extents->room = SDM_EXTENTS_HERE;
    extents->free_bytes = capacity_bytes;
    extents->largest_bytes = capacity_bytes;
}

void sdm_extents_done(struct sdm_extents *extents)
{
    if (extents->items != extents->here) {
        g_free(extents->items);
    }
    *extents = (struct sdm_extents){0};
}

/* The first extent that begins behind 'offset_bytes'. */
static uint32_t find_behind(const struct sdm_extents *extents, uint64_t offset_bytes)
{
    uint32_t low = 0;
    uint32_t high = extents->n;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (extents->items[middle].offset_bytes <= offset_bytes) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void grow(struct sdm_extents *extents)
{
    struct sdm_free_extent *items = g_new(struct sdm_free_extent, (size_t)extents->room * 2);

    memcpy(items, extents->items, extents->n * sizeof *items);
    if (extents->items != extents->here) {
        g_free(extents->items);
    }
    extents->items = items;
    extents->room *= 2;
}

static void insert_at(struct sdm_extents *extents, uint32_t at, struct sdm_free_extent item)
{
    if (extents->n == extents->room) {
        grow(extents);
    }
    memmove(&extents->items[at + 1], &extents->items[at],
            (extents->n - at) * sizeof *extents->items);
    extents->items[at] = item;
    extents->n++;
}

static void remove_at(struct sdm_extents *extents, uint32_t at)
{
    extents->n--;
    memmove(&extents->items[at], &extents->items[at + 1],
            (extents->n - at) * sizeof *extents->items);
}

static void find_largest(struct sdm_extents *extents)
{
    extents->largest_bytes = 0;
    for (uint32_t i = 0; i < extents->n; i++) {
        extents->largest_bytes = MAX(extents->largest_bytes, extents->items[i].size_bytes);
    }
}

bool sdm_extents_is_free(const struct sdm_extents *extents, uint64_t offset_bytes,
                         uint64_t size_bytes)
{
    uint32_t behind = find_behind(extents, offset_bytes);
    const struct sdm_free_extent *item = behind > 0 ? &extents->items[behind - 1] : NULL;

    return item != NULL && offset_bytes - item->offset_bytes <= item->size_bytes &&
           size_bytes <= item->size_bytes - (offset_bytes - item->offset_bytes);
}

bool sdm_extents_take(struct sdm_extents *extents, uint64_t offset_bytes, uint64_t size_bytes)
{
    struct sdm_free_extent *item;
    uint64_t before;
    uint64_t after;
    bool was_largest;
    uint32_t at;

    if (!sdm_extents_is_free(extents, offset_bytes, size_bytes)) {
        return false;
    }
    at = find_behind(extents, offset_bytes) - 1;
    item = &extents->items[at];
    before = offset_bytes - item->offset_bytes;
    after = item->size_bytes - before - size_bytes;
    was_largest = item->size_bytes == extents->largest_bytes;
    if (before > 0) {
        item->size_bytes = before;
        if (after > 0) {
            insert_at(extents, at + 1, (struct sdm_free_extent){offset_bytes + size_bytes, after});
        }
    } else if (after > 0) {
        *item = (struct sdm_free_extent){offset_bytes + size_bytes, after};
    } else {
        remove_at(extents, at);
    }
    extents->free_bytes -= size_bytes;
    if (was_largest) {
        find_largest(extents);
    }
    return true;
}

bool sdm_extents_give(struct sdm_extents *extents, uint64_t offset_bytes, uint64_t size_bytes)
{
    uint32_t at = find_behind(extents, offset_bytes);
    struct sdm_free_extent *before = at > 0 ? &extents->items[at - 1] : NULL;
    struct sdm_free_extent *after = at < extents->n ? &extents->items[at] : NULL;
    bool joins_before;
    bool joins_after;

    if ((before != NULL && before->offset_bytes + before->size_bytes > offset_bytes) ||
        (after != NULL && offset_bytes + size_bytes > after->offset_bytes)) {
        return false;
    }
    joins_before = before != NULL && before->offset_bytes + before->size_bytes == offset_bytes;
    joins_after = after != NULL && offset_bytes + size_bytes == after->offset_bytes;
    extents->free_bytes += size_bytes;
    if (joins_before) {
        before->size_bytes += size_bytes + (joins_after ? after->size_bytes : 0);
        size_bytes = before->size_bytes;
        if (joins_after) {
            remove_at(extents, at);
        }
    } else if (joins_after) {
        after->offset_bytes = offset_bytes;
        after->size_bytes += size_bytes;
        size_bytes = after->size_bytes;
    } else {
        insert_at(extents, at, (struct sdm_free_extent){offset_bytes, size_bytes});
    }
    extents->largest_bytes = MAX(extents->largest_bytes, size_bytes);
    return true;
}

const struct sdm_free_extent *sdm_extents_best(const struct sdm_extents *extents,
                                               uint64_t size_bytes)
{
    const struct sdm_free_extent *best = NULL;

    for (uint32_t i = 0; i < extents->n; i++) {
        const struct sdm_free_extent *item = &extents->items[i];

        if (item->size_bytes >= size_bytes &&
            (best == NULL || item->size_bytes < best->size_bytes)) {
            best = item;
        }
    }
    return best;
}

const struct sdm_free_extent *sdm_extents_first(const struct sdm_extents *extents,
                                                uint64_t size_bytes)
{
    for (uint32_t i = 0; i < extents->n; i++) {
        if (extents->items[i].size_bytes >= size_bytes) {
            return &extents->items[i];
        }
    }
    return NULL;
}
