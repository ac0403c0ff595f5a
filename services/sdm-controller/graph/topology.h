/* The hardware as an immutable snapshot, made anew when hardware changes.
 *
 * Pure.  Thread rule: a snapshot is shared by reference; everything may be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/topology.h"

struct sdm_topology;
typedef struct sdm_topology sdm_topology;

/* Copies what 'spec' holds.  Refuses as sdm_topology_check().  An empty spec is a valid topology;
 * its unit may be 0 when nothing was registered yet.  Cost: O((devices + links) log). */
struct sdm_topology *sdm_topology_new(const struct sdm_topology_spec *spec, GError **error);
struct sdm_topology *sdm_topology_ref(struct sdm_topology *topology);
void sdm_topology_unref(struct sdm_topology *topology);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_topology, sdm_topology_unref)

/* Everything it holds, borrowed: devices by number, trays and racks by number, links as given;
 * 'segments_end_bytes' is NULL.  A registration appends to it and makes a new snapshot. */
const struct sdm_topology_spec *sdm_topology_spec(const struct sdm_topology *topology);

static inline uint64_t sdm_topology_unit_bytes(const struct sdm_topology *topology)
{
    return sdm_topology_spec(topology)->segment_unit_bytes;
}

/* NULL when there is none.  Cost: O(1). */
const struct sdm_device *sdm_topology_device(const struct sdm_topology *topology,
                                             int32_t device_no);
const struct sdm_device *sdm_topology_find(const struct sdm_topology *topology, const char *id);
const struct sdm_tray *sdm_topology_tray(const struct sdm_topology *topology, int32_t tray_no);
const struct sdm_tray *sdm_topology_find_tray(const struct sdm_topology *topology, const char *id);
const struct sdm_rack *sdm_topology_rack(const struct sdm_topology *topology, int32_t rack_no);
const struct sdm_rack *sdm_topology_find_rack(const struct sdm_topology *topology, const char *id);
/* The memory brick of a NetPort module number. */
const struct sdm_device *sdm_topology_module(const struct sdm_topology *topology, uint32_t module);

/* The other end of the link at a port, and the link unless NULL; false when nothing is linked. */
bool sdm_topology_peer(const struct sdm_topology *topology, struct sdm_port_ref port,
                       struct sdm_port_ref *peer, const struct sdm_link **link);

/* Bytes of all memory bricks that are not retired. */
uint64_t sdm_topology_capacity_bytes(const struct sdm_topology *topology);
