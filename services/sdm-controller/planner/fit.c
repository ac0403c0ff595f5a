#include "sdm-controller/planner/fit.h"

#include <glib.h>

/* Cuts 'size' bytes at 'offset' into segments as far as the rule allows; adds to 'fit'. */
static void cut(uint64_t offset_bytes, uint64_t size_bytes, const struct sdm_fit_rule *rule,
                struct sdm_free_extent *segments, struct sdm_fit *fit)
{
    while (size_bytes > 0 && fit->n_segments < rule->max_segments) {
        uint64_t piece = MIN(size_bytes, rule->max_segment_bytes);

        if (segments != NULL) {
            segments[fit->n_segments] = (struct sdm_free_extent){offset_bytes, piece};
        }
        fit->n_segments++;
        fit->bytes += piece;
        offset_bytes += piece;
        size_bytes -= piece;
    }
}

/* The extent that comes next when all are sorted by size, largest first, then by offset; NULL at
 * the end. */
static const struct sdm_free_extent *next_largest(const struct sdm_extents *extents,
                                                  const struct sdm_free_extent *previous)
{
    const struct sdm_free_extent *next = NULL;

    for (uint32_t i = 0; i < extents->n; i++) {
        const struct sdm_free_extent *item = &extents->items[i];

        if (previous != NULL && (item->size_bytes > previous->size_bytes ||
                                 (item->size_bytes == previous->size_bytes && item <= previous))) {
            continue;
        }
        if (next == NULL || item->size_bytes > next->size_bytes) {
            next = item;
        }
    }
    return next;
}

/* The smallest extent that suffices among those that come after 'previous' in that order. */
static const struct sdm_free_extent *smallest_after(const struct sdm_extents *extents,
                                                    const struct sdm_free_extent *previous,
                                                    uint64_t size_bytes)
{
    const struct sdm_free_extent *best = NULL;

    for (uint32_t i = 0; i < extents->n; i++) {
        const struct sdm_free_extent *item = &extents->items[i];
        bool is_after = item->size_bytes < previous->size_bytes ||
                        (item->size_bytes == previous->size_bytes && item > previous);

        if (is_after && item->size_bytes >= size_bytes &&
            (best == NULL || item->size_bytes < best->size_bytes)) {
            best = item;
        }
    }
    return best;
}

static struct sdm_fit fit_one(const struct sdm_extents *extents, const struct sdm_fit_rule *rule,
                              struct sdm_free_extent *segments)
{
    struct sdm_fit fit = {0};
    const struct sdm_free_extent *item;

    if (segments == NULL) {
        cut(0, rule->want_bytes, rule, NULL, &fit);
        return fit;
    }
    item = rule->lowest_extent ? sdm_extents_first(extents, rule->want_bytes)
                               : sdm_extents_best(extents, rule->want_bytes);
    cut(item->offset_bytes, rule->want_bytes, rule, segments, &fit);
    return fit;
}

struct sdm_fit sdm_fit_extents(const struct sdm_extents *extents, const struct sdm_fit_rule *rule,
                               struct sdm_free_extent *segments)
{
    const struct sdm_free_extent *item = NULL;
    struct sdm_fit fit = {0};

    if (extents->largest_bytes >= rule->want_bytes) {
        return fit_one(extents, rule, segments);
    }
    if (rule->contiguous) {
        return fit;
    }
    while (fit.bytes < rule->want_bytes && fit.n_segments < rule->max_segments) {
        uint64_t rest = rule->want_bytes - fit.bytes;
        const struct sdm_free_extent *last =
            item != NULL ? smallest_after(extents, item, rest) : NULL;

        if (last != NULL) {
            cut(last->offset_bytes, rest, rule, segments, &fit);
            break;
        }
        item = next_largest(extents, item);
        if (item == NULL) {
            break;
        }
        cut(item->offset_bytes, MIN(item->size_bytes, rest), rule, segments, &fit);
    }
    return fit;
}
