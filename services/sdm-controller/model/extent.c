#include "sdm-controller/model/extent.h"

int sdm_extent_compare(const void *a, const void *b)
{
    const struct sdm_extent *left = a;
    const struct sdm_extent *right = b;

    if (left->brick_no != right->brick_no) {
        return left->brick_no < right->brick_no ? -1 : 1;
    }
    return (left->offset_bytes > right->offset_bytes) - (left->offset_bytes < right->offset_bytes);
}

bool sdm_extent_overlaps(const struct sdm_extent *a, const struct sdm_extent *b)
{
    return a->brick_no == b->brick_no && a->offset_bytes < b->offset_bytes + b->size_bytes &&
           b->offset_bytes < a->offset_bytes + a->size_bytes;
}
