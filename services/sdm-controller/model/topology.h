/* Hardware as one whole: what racks, trays, devices and links must fulfil together.
 *
 * Pure.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/device.h"
#include "sdm-controller/model/link.h"

/* Borrowed arrays, in any order. */
struct sdm_topology_spec {
    const struct sdm_rack *racks;
    size_t n_racks;
    const struct sdm_tray *trays;
    size_t n_trays;
    const struct sdm_device *devices;
    size_t n_devices;
    const struct sdm_link *links;
    size_t n_links;
    uint64_t segment_unit_bytes;
    /* Parallel to 'devices': where the last segment of a memory brick ends; NULL when there are no
     * segments. */
    const uint64_t *segments_end_bytes;
};

/* Checks everything together.  Refuses INVALID_TOPOLOGY, naming the culprit: a number or an id
 * twice; a tray of an unknown rack; a device in an unknown tray or rack, or in a rack other than
 * its tray's; a brick without a tray; a memory brick without capacity, with a module that another
 * has, or with a capacity that is not a multiple of the unit or ends before its last segment; an
 * accelerator without kind; a link to a device or port that is not there, from a device to itself,
 * to a port that another link has, or without bandwidth; a unit that is not a power of two of at
 * least 4096.  Cost: O(n log n). */
bool sdm_topology_check(const struct sdm_topology_spec *spec, GError **error);
