#include "sdm-controller/graph/index.h"

#include <stdlib.h>
#include <string.h>

void sdm_index_init(struct sdm_index *index, const struct sdm_topology *topology)
{
    uint32_t n = (uint32_t)topology->n_of_kind[SDM_DEVICE_KIND_MEMORY];

    *index = (struct sdm_index){
        .topology = topology,
        .trays = g_new0(struct sdm_sets, topology->n_trays + 1),
        .racks = g_new0(struct sdm_sets, topology->n_racks + 1),
        .entries = g_new0(struct sdm_index_entry, n + 1),
        .accelerators =
            g_malloc0((size_t)(topology->n_accelerator_kinds + 1) * sizeof *index->accelerators),
    };
    for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
        sdm_maxtree_init(&index->trees[power], n);
    }
}

static void sets_done(struct sdm_sets *sets)
{
    for (int family = 0; family < SDM_N_INDEX_FAMILY; family++) {
        for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
            sdm_order_done(&sets->orders[family][power]);
        }
    }
}

void sdm_index_done(struct sdm_index *index)
{
    for (int32_t i = 0; i < index->topology->n_trays; i++) {
        sets_done(&index->trays[i]);
    }
    for (int32_t i = 0; i < index->topology->n_racks; i++) {
        sets_done(&index->racks[i]);
    }
    sets_done(&index->pod);
    for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
        sdm_maxtree_done(&index->trees[power]);
        for (int32_t kind = 0; kind < index->topology->n_accelerator_kinds; kind++) {
            sdm_order_done(&index->accelerators[kind][power]);
        }
    }
    g_free(index->trays);
    g_free(index->racks);
    g_free(index->entries);
    g_free(index->accelerators);
}

static const struct sdm_node *node_at(const struct sdm_index *index, int32_t position)
{
    return &index->topology->nodes[index->topology->order[SDM_DEVICE_KIND_MEMORY][position]];
}

/* Moves one key within one set of sets; 'was' and 'is' say whether it was and is to be in it. */
static void move_key(struct sdm_sets *sets, int family, const struct sdm_index_entry *old,
                     const struct sdm_index_entry *new, bool was, bool is)
{
    if (was && is && old->power == new->power && old->keys[family] == new->keys[family]) {
        return;
    }
    if (was) {
        sdm_order_remove(&sets->orders[family][old->power], old->keys[family]);
    }
    if (is) {
        sdm_order_insert(&sets->orders[family][new->power], new->keys[family]);
    }
}

void sdm_index_place(struct sdm_index *index, int32_t position, const struct sdm_index_entry *entry)
{
    struct sdm_index_entry *old = &index->entries[position];
    const struct sdm_node *node = node_at(index, position);
    uint64_t units = entry->is_open ? entry->keys[SDM_INDEX_BY_FREE] >> SDM_INDEX_POSITION_BITS : 0;

    for (int family = 0; family < SDM_N_INDEX_FAMILY; family++) {
        move_key(&index->trays[node->tray], family, old, entry, old->in_tray, entry->in_tray);
        move_key(&index->racks[node->rack], family, old, entry, old->is_open, entry->is_open);
        move_key(&index->pod, family, old, entry, old->is_open, entry->is_open);
    }
    if (old->is_open && old->power != entry->power) {
        sdm_maxtree_set(&index->trees[old->power], (uint32_t)position, 0);
    }
    sdm_maxtree_set(&index->trees[entry->power], (uint32_t)position, units);
    *old = *entry;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* One family: all keys in their order, each to the end of the sets that it belongs to. */
static void fill_family(struct sdm_index *index, int family, uint64_t *keys, uint32_t n)
{
    qsort(keys, n, sizeof *keys, compare_keys);
    for (uint32_t i = 0; i < n; i++) {
        int32_t position = sdm_index_position(keys[i]);
        const struct sdm_index_entry *entry = &index->entries[position];
        const struct sdm_node *node = node_at(index, position);

        sdm_order_append(&index->trays[node->tray].orders[family][entry->power], keys[i]);
        if (entry->is_open) {
            sdm_order_append(&index->racks[node->rack].orders[family][entry->power], keys[i]);
            sdm_order_append(&index->pod.orders[family][entry->power], keys[i]);
        }
    }
}

static void fill_tree(struct sdm_index *index, enum sdm_index_power power, uint64_t *units,
                      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct sdm_index_entry *entry = &index->entries[i];

        units[i] = entry->is_open && entry->power == power
                       ? entry->keys[SDM_INDEX_BY_FREE] >> SDM_INDEX_POSITION_BITS
                       : 0;
    }
    sdm_maxtree_fill(&index->trees[power], units, n);
}

void sdm_index_fill(struct sdm_index *index, const struct sdm_index_entry *entries)
{
    uint32_t n = (uint32_t)index->topology->n_of_kind[SDM_DEVICE_KIND_MEMORY];
    g_autofree uint64_t *values = g_new(uint64_t, n + 1);

    memcpy(index->entries, entries, n * sizeof *entries);
    for (int family = 0; family < SDM_N_INDEX_FAMILY; family++) {
        uint32_t n_keys = 0;

        for (uint32_t i = 0; i < n; i++) {
            values[n_keys] = entries[i].keys[family];
            n_keys += entries[i].in_tray;
        }
        fill_family(index, family, values, n_keys);
    }
    for (int power = 0; power < SDM_N_INDEX_POWER; power++) {
        fill_tree(index, (enum sdm_index_power)power, values, n);
    }
}

void sdm_index_place_accelerator(struct sdm_index *index, int32_t position, bool is_free,
                                 enum sdm_index_power power)
{
    int32_t kind = index->topology->accelerator_kind[position];

    for (int i = 0; i < SDM_N_INDEX_POWER; i++) {
        struct sdm_order *order = &index->accelerators[kind][i];
        bool is_in = sdm_order_contains(order, (uint64_t)position);
        bool shall_be_in = is_free && i == (int)power;

        if (is_in && !shall_be_in) {
            sdm_order_remove(order, (uint64_t)position);
        } else if (!is_in && shall_be_in) {
            sdm_order_insert(order, (uint64_t)position);
        }
    }
}
