#include "sdm-controller/planner/walk.h"

static const struct sdm_range *memory_of_tray(const struct sdm_walk_place *place, int32_t tray)
{
    return &place->ledger->topology->trays[tray].bricks[SDM_DEVICE_KIND_MEMORY];
}

static const struct sdm_range *memory_of_rack(const struct sdm_walk_place *place, int32_t rack)
{
    return &place->ledger->topology->racks[rack].bricks[SDM_DEVICE_KIND_MEMORY];
}

/* What is left of 'all' without 'hole', which lies within or is empty. */
static int32_t around(struct sdm_range all, struct sdm_range hole, struct sdm_range ranges[2])
{
    int32_t n = 0;

    if (hole.first == hole.end) {
        hole = (struct sdm_range){all.end, all.end};
    }
    if (all.first < hole.first) {
        ranges[n++] = (struct sdm_range){all.first, hole.first};
    }
    if (hole.end < all.end) {
        ranges[n++] = (struct sdm_range){hole.end, all.end};
    }
    return n;
}

int32_t sdm_walk_class_ranges(const struct sdm_walk_place *place,
                              enum sdm_latency_class latency_class, struct sdm_range ranges[2])
{
    struct sdm_range tray = *memory_of_tray(place, place->tray);
    struct sdm_range rack = *memory_of_rack(place, place->rack);
    struct sdm_range none = {0, 0};

    switch (latency_class) {
    case SDM_LATENCY_CLASS_TRAY:
        return around(tray, none, ranges);
    case SDM_LATENCY_CLASS_RACK:
        return around(rack, tray, ranges);
    case SDM_LATENCY_CLASS_INTER_RACK:
        break;
    }
    return around((struct sdm_range){0, place->ledger->topology->n_of_kind[SDM_DEVICE_KIND_MEMORY]},
                  rack, ranges);
}

static bool read_head(struct sdm_walk *walk, int32_t i)
{
    return walk->order == SDM_WALK_MOST
               ? sdm_order_previous(walk->orders[i], &walk->cursors[i], &walk->heads[i])
               : sdm_order_next(walk->orders[i], &walk->cursors[i], &walk->heads[i]);
}

static void add_sets(struct sdm_walk *walk, const struct sdm_sets *sets,
                     enum sdm_index_family family)
{
    const struct sdm_order *order = &sets->orders[family][walk->power];
    int32_t i = walk->n_orders;

    if (order->n == 0) {
        return;
    }
    walk->orders[i] = order;
    walk->cursors[i] = walk->order == SDM_WALK_MOST
                           ? sdm_order_end(order)
                           : sdm_order_seek(order, sdm_index_key(walk->units, 0));
    walk->has_head[i] = read_head(walk, i);
    walk->n_orders++;
}

static void add_range(struct sdm_walk *walk, struct sdm_range range, bool by_tree)
{
    walk->ranges[walk->n_ranges] = range;
    walk->by_tree[walk->n_ranges] = by_tree;
    walk->n_ranges++;
}

static void begin_by_position(struct sdm_walk *walk, enum sdm_latency_class latency_class)
{
    const struct sdm_walk_place *place = walk->place;
    struct sdm_range ranges[2];
    int32_t n = sdm_walk_class_ranges(place, latency_class, ranges);

    if (latency_class == SDM_LATENCY_CLASS_TRAY) {
        add_range(walk, *memory_of_tray(place, place->tray), false);
        return;
    }
    for (int32_t i = 0; i < place->n_trunks; i++) {
        bool in_rack = place->ledger->topology->trays[place->trunks[i]].rack == place->rack;

        if (in_rack == (latency_class == SDM_LATENCY_CLASS_RACK)) {
            add_range(walk, *memory_of_tray(place, place->trunks[i]), false);
        }
    }
    for (int32_t i = 0; i < n && place->is_open; i++) {
        add_range(walk, ranges[i], true);
    }
}

static void begin_by_key(struct sdm_walk *walk, enum sdm_latency_class latency_class,
                         enum sdm_index_family family)
{
    const struct sdm_walk_place *place = walk->place;
    const struct sdm_index *index = &place->ledger->index;

    if (latency_class == SDM_LATENCY_CLASS_TRAY) {
        add_sets(walk, &index->trays[place->tray], family);
        return;
    }
    walk->skip = latency_class == SDM_LATENCY_CLASS_RACK ? *memory_of_tray(place, place->tray)
                                                         : *memory_of_rack(place, place->rack);
    for (int32_t i = 0; i < place->n_trunks; i++) {
        bool in_rack = place->ledger->topology->trays[place->trunks[i]].rack == place->rack;

        if (in_rack == (latency_class == SDM_LATENCY_CLASS_RACK)) {
            add_sets(walk, &index->trays[place->trunks[i]], family);
        }
    }
    if (place->is_open) {
        add_sets(walk,
                 latency_class == SDM_LATENCY_CLASS_RACK ? &index->racks[place->rack] : &index->pod,
                 family);
    }
}

static void clear(struct sdm_walk *walk, const struct sdm_walk_place *place,
                  enum sdm_walk_order order, enum sdm_index_power power, uint64_t units)
{
    walk->place = place;
    walk->order = order;
    walk->power = power;
    walk->units = units;
    walk->n_orders = 0;
    walk->has_last = false;
    walk->skip = (struct sdm_range){0, 0};
    walk->n_ranges = 0;
    walk->range = 0;
    walk->only_reached = false;
}

void sdm_walk_begin(struct sdm_walk *walk, const struct sdm_walk_place *place,
                    enum sdm_latency_class latency_class, enum sdm_walk_order order,
                    enum sdm_index_family family, enum sdm_index_power power, uint64_t units)
{
    clear(walk, place, order, power, units);
    if (order == SDM_WALK_POSITION) {
        begin_by_position(walk, latency_class);
    } else {
        begin_by_key(walk, latency_class, family);
    }
}

void sdm_walk_begin_reached(struct sdm_walk *walk, const struct sdm_walk_place *place,
                            enum sdm_latency_class latency_class, enum sdm_index_power power,
                            const int32_t *positions, uint32_t n)
{
    struct sdm_range ranges[2];
    int32_t n_ranges = sdm_walk_class_ranges(place, latency_class, ranges);

    clear(walk, place, SDM_WALK_POSITION, power, 1);
    walk->only_reached = true;
    walk->reached = positions;
    walk->n_reached = n;
    walk->next_reached = 0;
    for (int32_t i = 0; i < n_ranges; i++) {
        add_range(walk, ranges[i], false);
    }
}

/* The next key of all sets: the lowest, or walking from the most, the highest. */
static bool next_key(struct sdm_walk *walk, uint64_t *key)
{
    int32_t best = -1;

    for (int32_t i = 0; i < walk->n_orders; i++) {
        if (walk->has_head[i] &&
            (best < 0 || (walk->order == SDM_WALK_MOST) == (walk->heads[i] > walk->heads[best]))) {
            best = i;
        }
    }
    if (best < 0) {
        return false;
    }
    *key = walk->heads[best];
    walk->has_head[best] = read_head(walk, best);
    return true;
}

static bool next_by_key(struct sdm_walk *walk, int32_t *position)
{
    uint64_t key;

    while (next_key(walk, &key)) {
        int32_t found = sdm_index_position(key);

        /* A tray that is open and has a trunk to us stands in two sets. */
        if (walk->has_last && key == walk->last) {
            continue;
        }
        walk->has_last = true;
        walk->last = key;
        if (walk->order == SDM_WALK_MOST && key < sdm_index_key(walk->units, 0)) {
            return false;
        }
        if (found < walk->skip.first || found >= walk->skip.end) {
            *position = found;
            return true;
        }
    }
    return false;
}

static bool suits(const struct sdm_walk *walk, int32_t position)
{
    const struct sdm_index_entry *entry = &walk->place->ledger->index.entries[position];

    return entry->in_tray && entry->power == walk->power &&
           entry->keys[SDM_INDEX_BY_FREE] >= sdm_index_key(walk->units, 0);
}

static bool next_by_position(struct sdm_walk *walk, int32_t *position)
{
    const struct sdm_maxtree *tree = &walk->place->ledger->index.trees[walk->power];

    while (walk->range < walk->n_ranges) {
        struct sdm_range *range = &walk->ranges[walk->range];

        if (walk->by_tree[walk->range]) {
            range->first = (int32_t)sdm_maxtree_find(tree, (uint32_t)range->first,
                                                     (uint32_t)range->end, walk->units);
        } else {
            while (range->first < range->end && !suits(walk, range->first)) {
                range->first++;
            }
        }
        if (range->first < range->end) {
            *position = range->first++;
            return true;
        }
        walk->range++;
    }
    return false;
}

static bool next_reached(struct sdm_walk *walk, int32_t *position)
{
    while (walk->next_reached < walk->n_reached) {
        int32_t found = walk->reached[walk->next_reached++];
        const struct sdm_brick *brick = &walk->place->ledger->bricks[found];
        bool counts = brick->state == SDM_BRICK_STATE_ACTIVE &&
                      brick->power == (uint8_t)walk->power && brick->free.free_bytes > 0;

        for (int32_t i = 0; i < walk->n_ranges && counts; i++) {
            if (found >= walk->ranges[i].first && found < walk->ranges[i].end) {
                *position = found;
                return true;
            }
        }
    }
    return false;
}

bool sdm_walk_next(struct sdm_walk *walk, int32_t *position)
{
    if (walk->only_reached) {
        return next_reached(walk, position);
    }
    return walk->order == SDM_WALK_POSITION ? next_by_position(walk, position)
                                            : next_by_key(walk, position);
}
