/* The topology as it will be: what stands there and what a registration adds.
 *
 * Pure but for asking the ledger what is used.  Thread rule: one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/graph/topology.h"
#include "wire/s11.h"

struct sdm_draft {
    struct sdm_ledger *ledger;
    struct sdm_topology *base;
    /* Everything: first what stands there, from 'n_old' on what is new. */
    GArray *racks;
    GArray *trays;
    GArray *devices;
    GArray *links;
    struct {
        size_t n_racks;
        size_t n_trays;
        size_t n_devices;
        size_t n_links;
    } old;
    /* Ids of new objects to their numbers. */
    GHashTable *rack_nos;
    GHashTable *tray_nos;
    GHashTable *device_nos;
    uint64_t segment_unit_bytes;
    size_t n_unchanged;
};
typedef struct sdm_draft sdm_draft;

/* Starts from what 'ledger' holds now. */
void sdm_draft_init(struct sdm_draft *draft, struct sdm_ledger *ledger);
void sdm_draft_clear(struct sdm_draft *draft);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sdm_draft, sdm_draft_clear)

/* Adds what is new of 'request'.  Refuses as sdm_registry_register() says, but for what
 * sdm_draft_build() finds. */
bool sdm_draft_merge(struct sdm_draft *draft, const struct sdm_s11_register *request,
                     GError **error);

/* Checks it as a whole; the new snapshot (sdm_topology_unref()), or NULL with INVALID_TOPOLOGY. */
struct sdm_topology *sdm_draft_build(const struct sdm_draft *draft, GError **error);
