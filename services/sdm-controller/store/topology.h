/* Racks, trays, devices and links, whole: read at start, written when hardware is registered.
 *
 * Numbers are given by the registry, the only writer, densely from 1.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "sdm-controller/model/device.h"
#include "sdm-controller/model/link.h"
#include "sdm-controller/store/tx.h"

/* Everything that was registered, by number: arrays of struct sdm_rack, sdm_tray, sdm_device,
 * sdm_link. */
struct sdm_stored_topology {
    GArray *racks;
    GArray *trays;
    GArray *devices;
    GArray *links;
    uint64_t segment_unit_bytes; /* 0 before the first registration */
};
typedef struct sdm_stored_topology sdm_stored_topology;

/* Reads all of it by streams; free what it holds with
 * sdm_stored_topology_clear(). */
bool sdm_topology_read(struct sdm_pg *pg, struct sdm_stored_topology *topology, GError **error);
void sdm_stored_topology_clear(struct sdm_stored_topology *topology);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sdm_stored_topology, sdm_stored_topology_clear)

/* Sets the pod's segment unit, once. */
bool sdm_topology_insert_unit(struct sdm_tx *tx, uint64_t segment_unit_bytes, GError **error);

/* Each writes rows under the numbers that they hold, in one statement.  Devices start active, with
 * their found power equal to the wanted one. */
bool sdm_topology_insert_racks(struct sdm_tx *tx, const struct sdm_rack *racks, size_t n,
                               GError **error);
bool sdm_topology_insert_trays(struct sdm_tx *tx, const struct sdm_tray *trays, size_t n,
                               GError **error);
bool sdm_topology_insert_devices(struct sdm_tx *tx, const struct sdm_device *devices, size_t n,
                                 GError **error);
bool sdm_topology_insert_links(struct sdm_tx *tx, const struct sdm_link *links, size_t n,
                               GError **error);
