#include "sdm-controller/loader.h"

#include "sdm-controller/graph/topology.h"
#include "sdm-controller/store/circuit_load.h"
#include "sdm-controller/store/segment.h"
#include "sdm-controller/store/topology.h"
#include "sdm-controller/store/usage.h"
#include "sdm-controller/store/window.h"

static struct sdm_topology *load_topology(struct sdm_pg *pg, GError **error)
{
    g_auto(sdm_stored_topology) stored = {0};
    struct sdm_topology_spec spec;

    if (!sdm_topology_read(pg, &stored, error)) {
        return NULL;
    }
    spec = (struct sdm_topology_spec){
        .racks = (const struct sdm_rack *)stored.racks->data,
        .n_racks = stored.racks->len,
        .trays = (const struct sdm_tray *)stored.trays->data,
        .n_trays = stored.trays->len,
        .devices = (const struct sdm_device *)stored.devices->data,
        .n_devices = stored.devices->len,
        .links = (const struct sdm_link *)stored.links->data,
        .n_links = stored.links->len,
        .segment_unit_bytes = stored.segment_unit_bytes,
    };
    return sdm_topology_new(&spec, error);
}

static bool add_segment(const struct sdm_extent *extent, void *data, GError **error)
{
    return sdm_ledger_add_segment(data, extent, error);
}

static bool add_circuit(const struct sdm_path *path, void *data, GError **error)
{
    return sdm_ledger_add_circuit(data, path, error);
}

static bool add_window(int32_t compute_no, int32_t entry, int64_t start_bytes, int64_t size_bytes,
                       void *data, GError **error)
{
    const struct sdm_window window = {compute_no, entry, (uint64_t)start_bytes,
                                      (uint64_t)size_bytes};

    return sdm_ledger_add_window(data, &window, error);
}

static bool add_holder(int32_t accelerator_no, int32_t compute_no, void *data, GError **error)
{
    return sdm_ledger_add_holder(data, accelerator_no, compute_no, error);
}

struct sdm_ledger *sdm_loader_load(struct sdm_pg *pg, GError **error)
{
    g_autoptr(sdm_topology) topology = load_topology(pg, error);
    g_autoptr(sdm_ledger) ledger = NULL;
    bool ok;

    if (topology == NULL) {
        return NULL;
    }
    ledger = sdm_ledger_new(topology);
    /* Nobody else has it yet; the lock is what its functions expect. */
    sdm_ledger_lock(ledger);
    sdm_ledger_begin_load(ledger);
    ok = sdm_store_segments_each(pg, add_segment, ledger, error) &&
         sdm_store_circuits_each(pg, add_circuit, ledger, error) &&
         sdm_store_windows_each(pg, add_window, ledger, error) &&
         sdm_usage_holders_each(pg, add_holder, ledger, error);
    sdm_ledger_end_load(ledger);
    sdm_ledger_unlock(ledger);
    return ok ? g_steal_pointer(&ledger) : NULL;
}
