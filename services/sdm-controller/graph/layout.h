/* How a topology snapshot lies in memory: what the ledger and the planner read on their hot path.
 *
 * Only for the layers graph and planner; everybody else uses sdm-controller/graph/topology.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/graph/topology.h"

/* What is looked up at random is kept from straddling two of them. */
#define SDM_CACHE_LINE 64

/* A device of up to so many ports has them as bits of one word, see struct sdm_ports. */
#define SDM_MASK_PORTS 64
/* Levels of the fabric: electrical and optical switches of a tray, a rack, the pod. */
#define SDM_MAX_LEVELS 6
/* Ways up from one switch that are kept; fabrics with more lose none but the longest. */
#define SDM_MAX_UP_ROUTES 64

/* A device as path search sees it; indexed by device number, 'exists' false in gaps. */
struct sdm_node {
    bool exists;
    /* A brick with a cable to another brick. */
    bool has_cable;
    uint8_t kind;
    /* Switches: 0 (electrical, in a tray) to 5 (optical, between racks). */
    uint8_t level;
    /* Dense indices; -1 for none. */
    int32_t tray;
    int32_t rack;
    /* Index among the devices of its kind, in the order of racks, trays and numbers; so the bricks
     * of a tray or rack have consecutive ones. */
    int32_t position;
    int32_t n_ports;
    /* Its port 'p' is element 'first_port + p' of 'ports'. */
    uint32_t first_port;
    /* Bricks of up to SDM_MASK_PORTS ports: the switch that all linked ones lead to; 0 when there
     * are several, or none. */
    int32_t sole_switch;
    /* Switches: its bundles and its ways up. */
    uint32_t first_bundle;
    uint32_t n_bundles;
    uint32_t first_up;
    uint32_t n_up;
} __attribute__((aligned(SDM_CACHE_LINE)));

struct sdm_port {
    /* 0 when nothing is linked. */
    int32_t peer_no;
    int32_t peer_port;
    /* Index into the links of the spec. */
    uint32_t link : 31;
    /* Of a switch: one peer only, see struct sdm_hop. */
    bool exclusive : 1;
    /* Of the link. */
    int32_t bandwidth_mbps;
};
/* Four to a cache line: a plan's time is the lines that it touches. */
G_STATIC_ASSERT(sizeof(struct sdm_port) == 16);

/* The links between two switches, seen from one of them; a switch's bundles are sorted by peer. */
struct sdm_bundle {
    int32_t peer_no;
    /* Own ports, ascending, in 'bundle_ports'. */
    uint32_t first;
    uint32_t n;
};

/* Switches from one on, each at a higher level than the one before. */
struct sdm_up_route {
    int32_t n;
    int32_t switches[SDM_MAX_LEVELS];
};

/* Ranges of positions of a tray or rack, by kind of brick. */
struct sdm_range {
    int32_t first;
    int32_t end;
};

struct sdm_group {
    /* The rack of a tray (dense); of a rack itself. */
    int32_t rack;
    struct sdm_range bricks[SDM_DEVICE_KIND_ELECTRICAL];
};

struct sdm_topology {
    int refs;
    struct sdm_topology_spec spec;
    GHashTable *device_by_id;
    GHashTable *tray_by_id;
    GHashTable *rack_by_id;
    GHashTable *tray_by_no;
    GHashTable *rack_by_no;
    GHashTable *device_by_module;
    GHashTable *accelerator_kinds;
    /* Of memory bricks that are not retired: all together, and the largest. */
    uint64_t capacity_bytes;
    uint64_t largest_capacity_bytes;

    /* By device number: kind and position, small enough to stay in a processor's cache when the
     * nodes do not; SDM_PLACE_NONE in gaps. */
    uint32_t *places;
    /* By device number; 'n_nodes' is the highest number + 1. */
    struct sdm_node *nodes;
    int32_t n_nodes;
    const struct sdm_device **device_of;
    struct sdm_port *ports;
    uint32_t n_ports;
    /* Device numbers by kind and position. */
    int32_t *order[SDM_N_DEVICE_KIND];
    int32_t n_of_kind[SDM_N_DEVICE_KIND];
    /* By position of an accelerator: its kind's number, from 0. */
    int32_t *accelerator_kind;
    int32_t n_accelerator_kinds;
    struct sdm_group *trays;
    int32_t n_trays;
    struct sdm_group *racks;
    int32_t n_racks;
    struct sdm_bundle *bundles;
    int32_t *bundle_ports;
    struct sdm_up_route *up_routes;
};

#define SDM_PLACE_KIND_SHIFT 24
#define SDM_PLACE_NONE       UINT32_MAX

static inline bool sdm_layout_is(const struct sdm_topology *topology, int32_t device_no,
                                 enum sdm_device_kind kind)
{
    return device_no > 0 && device_no < topology->n_nodes &&
           topology->places[device_no] >> SDM_PLACE_KIND_SHIFT == (uint32_t)kind;
}

/* Of a device that exists. */
static inline int32_t sdm_layout_position(const struct sdm_topology *topology, int32_t device_no)
{
    return (int32_t)(topology->places[device_no] & ((1U << SDM_PLACE_KIND_SHIFT) - 1));
}

/* NULL when there is no such device; cheaper than sdm_topology_device(). */
static inline const struct sdm_node *sdm_layout_node(const struct sdm_topology *topology,
                                                     int32_t device_no)
{
    return device_no > 0 && device_no < topology->n_nodes && topology->nodes[device_no].exists
               ? &topology->nodes[device_no]
               : NULL;
}

/* Both must exist. */
static inline enum sdm_latency_class sdm_layout_distance(const struct sdm_node *a,
                                                         const struct sdm_node *b)
{
    if (a->tray == b->tray) {
        return SDM_LATENCY_CLASS_TRAY;
    }
    return a->rack == b->rack ? SDM_LATENCY_CLASS_RACK : SDM_LATENCY_CLASS_INTER_RACK;
}

/* The links from one switch to another; NULL when there are none.  Cost: O(log bundles). */
const struct sdm_bundle *sdm_layout_bundle(const struct sdm_topology *topology,
                                           const struct sdm_node *from, int32_t to_no);

/* Fills bundles and ways up; part of sdm_topology_new(). */
void sdm_layout_make_fabric(struct sdm_topology *topology);
