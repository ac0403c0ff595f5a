#include "sdm-controller/dispatcher/route.h"
#include "sdm-controller/registry/registry.h"
#include "wire/s11.h"

/* Handlers give the message its type; they hold no logic. */
#define WRITE_REGISTRY(name)                                                                       \
    static bool handle_##name(                                                                     \
        const struct sdm_use_cases *use_cases, struct sdm_tx *tx, const struct sdm_caller *caller, \
        const void *message, struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error) \
    {                                                                                              \
        return sdm_registry_##name(use_cases->registry, tx, caller, message, arena, outcome,       \
                                   error);                                                         \
    }
#define READ_REGISTRY(name)                                                                        \
    static bool handle_##name(                                                                     \
        const struct sdm_use_cases *use_cases, struct sdm_pg *pg, const struct sdm_caller *caller, \
        const void *message, struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error) \
    {                                                                                              \
        return sdm_registry_##name(use_cases->registry, pg, caller, message, arena, outcome,       \
                                   error);                                                         \
    }

WRITE_REGISTRY(register)
WRITE_REGISTRY(change)
WRITE_REGISTRY(retire)
WRITE_REGISTRY(power)
WRITE_REGISTRY(vm_bind)
READ_REGISTRY(vm_list)
READ_REGISTRY(show)
READ_REGISTRY(agents)
READ_REGISTRY(status)

const struct sdm_route sdm_routes[] = {
    {"s11.register/1", &sdm_s11_register_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .write = handle_register},
    {"s11.change/1", &sdm_s11_change_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .write = handle_change},
    {"s11.retire/1", &sdm_s11_retire_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .write = handle_retire},
    {"s11.power/1", &sdm_s11_power_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY, .write = handle_power},
    {"s11.vm.bind/1", &sdm_s11_vm_bind_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .write = handle_vm_bind},
    {"s11.vm.list/1", &sdm_s11_vm_list_codec, SDM_ROLE_READER, SDM_LANE_REGISTRY,
     .read = handle_vm_list},
    {"s11.show/1", &sdm_s11_show_codec, SDM_ROLE_READER, SDM_LANE_REGISTRY, .read = handle_show},
    {"s11.agents/1", &sdm_s11_agents_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .read = handle_agents},
    {"s11.status/1", &sdm_s11_status_codec, SDM_ROLE_ADMIN, SDM_LANE_REGISTRY,
     .read = handle_status},
};
const size_t sdm_n_routes = G_N_ELEMENTS(sdm_routes);
