#include "sdm-controller/registry/power.h"

#include "lib/base/error.h"
#include "sdm-controller/registry/brick.h"

bool sdm_registry_power_done(struct sdm_registry *registry, struct sdm_tx *tx, int32_t device_no,
                             const GError *refusal, struct sdm_arena *arena, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device;
    struct sdm_ledger_use use = {0};
    bool on;

    sdm_ledger_lock(registry->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_use(registry->ledger, device_no, &use);
    sdm_ledger_unlock(registry->ledger);
    device = sdm_topology_device(topology, device_no);
    if (device == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", device_no);
    }
    on = (refusal == NULL) == (use.want_power == SDM_POWER_STATE_ON);
    sdm_brick_event(registry, tx, device, use.state, on ? SDM_POWER_STATE_ON : SDM_POWER_STATE_OFF,
                    refusal == NULL ? (on ? "switched on" : "switched off") : refusal->message);
    return sdm_brick_answer(registry, tx, topology, device, "s11.power/1", refusal, arena, error);
}
