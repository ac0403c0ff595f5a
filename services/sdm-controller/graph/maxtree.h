/* Values by position, and the lowest position from one on whose value is large enough.
 *
 * Thread rule: none of its own. */
#pragma once

#include <stdint.h>

struct sdm_maxtree {
    /* Leaves from 'size' on, each inner node the larger of its two children; node 1 is the root. */
    uint64_t *nodes;
    uint32_t size;
};

/* 'n' values of 0. */
void sdm_maxtree_init(struct sdm_maxtree *tree, uint32_t n);
void sdm_maxtree_done(struct sdm_maxtree *tree);

/* Cost: O(log n). */
void sdm_maxtree_set(struct sdm_maxtree *tree, uint32_t position, uint64_t value);

/* Sets values by position, all of them at once.  Cost: O(n). */
void sdm_maxtree_fill(struct sdm_maxtree *tree, const uint64_t *values, uint32_t n);

/* The lowest position from 'from' to below 'end' with at least 'value' (above 0), or 'end'.
 * Cost: O(log n). */
uint32_t sdm_maxtree_find(const struct sdm_maxtree *tree, uint32_t from, uint32_t end,
                          uint64_t value);
