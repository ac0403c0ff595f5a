/* What the planner prefers among bricks that fit: the policies behind one interface.
 *
 * near       least latency: the nearest class first, in it the brick that fits with least to spare;
 * pack       fewest powered bricks: the fullest brick that fits, wherever allowed;
 * spread     most bricks: equal shares on the emptiest bricks of different trays;
 * first-fit  the brick that comes first in the order of racks, trays and numbers (baseline);
 * best-fit   the brick whose largest free extent fits with least to spare (baseline);
 * locality   fewest switches, then best fit: network-aware locality as in Zervas, Yuan, Saljoghei,
 *            Chen, Mishra, "Optically disaggregated data centers with minimal remote memory
 *            latency: technologies, architectures, and resource allocation", J. Opt. Commun. Netw.
 *            10(2), A270, 2018: compute and memory as near as what is free in the network allows.
 *            Switches on the way stand for its latencies; best fit is ours; its composing of
 *            processors and storage has no counterpart here.
 *
 * Pure: everything is constant. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sdm-controller/graph/index.h"
#include "wire/words.h"

/* In which order the index is walked for bricks that can hold all that is wanted. */
enum sdm_walk_order {
    SDM_WALK_LEAST,    /* the least that suffices first */
    SDM_WALK_MOST,     /* the most first */
    SDM_WALK_POSITION, /* by rack, tray and number */
};

/* A brick that could take part in a plan. */
struct sdm_candidate {
    int32_t brick_no;
    int32_t position;
    int32_t tray;
    enum sdm_latency_class latency_class;
    enum sdm_index_power power;
    /* Nothing to wake, and to wait for. */
    bool awake;
    /* An existing circuit leads there. */
    bool shared;
    /* The plan has taken nothing from its tray yet. */
    bool is_new_tray;
    int32_t n_hops;
    uint64_t free_bytes;
    uint64_t largest_bytes;
    /* What it can give of what is wanted, in how many segments. */
    uint64_t fit_bytes;
    uint32_t n_segments;
};

struct sdm_policy_rule {
    /* Look at a class only when nearer ones do not do. */
    bool by_class;
    /* Within what is looked at together, a brick with a circuit to share is preferred to any
     * without: when there is one, the others need not be looked at. */
    bool shared_first;
    /* Ask for equal shares. */
    bool shares;
    /* Which extent of a brick: the lowest that suffices, not the smallest. */
    bool lowest_extent;
    enum sdm_walk_order order;
    enum sdm_index_family family;
    /* How many that work are compared. */
    uint32_t pool;
    /* Negative when 'a' is to be preferred; never 0 for different bricks. */
    int (*compare)(const struct sdm_candidate *a, const struct sdm_candidate *b);
};

const struct sdm_policy_rule *sdm_policy_rule(enum sdm_policy policy);

/* For bricks that can only give a part: the most first, so that few are needed. */
int sdm_policy_compare_parts(const struct sdm_candidate *a, const struct sdm_candidate *b);
