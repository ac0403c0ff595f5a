#include "sdm-controller/graph/maxtree.h"

#include <string.h>

#include <glib.h>

void sdm_maxtree_init(struct sdm_maxtree *tree, uint32_t n)
{
    tree->size = 1;
    while (tree->size < n) {
        tree->size *= 2;
    }
    tree->nodes = g_new0(uint64_t, 2 * (size_t)tree->size);
}

void sdm_maxtree_done(struct sdm_maxtree *tree)
{
    g_free(tree->nodes);
    tree->nodes = NULL;
}

void sdm_maxtree_set(struct sdm_maxtree *tree, uint32_t position, uint64_t value)
{
    uint32_t node = tree->size + position;

    tree->nodes[node] = value;
    for (node /= 2; node > 0; node /= 2) {
        uint64_t larger = MAX(tree->nodes[(size_t)2 * node], tree->nodes[(size_t)2 * node + 1]);

        if (tree->nodes[node] == larger) {
            return;
        }
        tree->nodes[node] = larger;
    }
}

void sdm_maxtree_fill(struct sdm_maxtree *tree, const uint64_t *values, uint32_t n)
{
    memcpy(&tree->nodes[tree->size], values, n * sizeof *values);
    for (uint32_t node = tree->size - 1; node > 0; node--) {
        tree->nodes[node] = MAX(tree->nodes[(size_t)2 * node], tree->nodes[(size_t)2 * node + 1]);
    }
}

uint32_t sdm_maxtree_find(const struct sdm_maxtree *tree, uint32_t from, uint32_t end,
                          uint64_t value)
{
    uint32_t node = tree->size + from;

    if (from >= end || from >= tree->size) {
        return end;
    }
    /* Up, to the right, until a subtree holds one; the last node of a row has no right neighbour.
     */
    while (tree->nodes[node] < value) {
        while ((node & 1) == 1) {
            node /= 2;
        }
        if (node == 0) {
            return end;
        }
        node++;
    }
    while (node < tree->size) {
        node *= 2;
        node += tree->nodes[node] < value;
    }
    return MIN(node - tree->size, end);
}
