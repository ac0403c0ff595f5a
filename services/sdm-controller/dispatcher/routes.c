#include "sdm-controller/dispatcher/desk.h"
#include "sdm-controller/dispatcher/route.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/reservation/accelerator.h"
#include "sdm-controller/reservation/attach.h"
#include "sdm-controller/reservation/batch.h"
#include "sdm-controller/reservation/group.h"
#include "sdm-controller/reservation/plan.h"
#include "sdm-controller/reservation/release.h"
#include "sdm-controller/reservation/reserve.h"
#include "sdm-controller/reservation/resize.h"
#include "sdm-controller/reservation/show.h"
#include "wire/s10.h"
#include "wire/s11.h"

/* Handlers give the message its type; they hold no logic. */
#define WRITE_HANDLER(layer, name)                                                                 \
    static bool handle_##layer##_##name(                                                           \
        const struct sdm_use_cases *use_cases, struct sdm_tx *tx, const struct sdm_caller *caller, \
        const void *message, struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error) \
    {                                                                                              \
        return sdm_##layer##_##name(use_cases->layer, tx, caller, message, arena, outcome, error); \
    }
#define READ_HANDLER(layer, name)                                                                  \
    static bool handle_##layer##_##name(                                                           \
        const struct sdm_use_cases *use_cases, struct sdm_pg *pg, const struct sdm_caller *caller, \
        const void *message, struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error) \
    {                                                                                              \
        return sdm_##layer##_##name(use_cases->layer, pg, caller, message, arena, outcome, error); \
    }

READ_HANDLER(reservation, plan)
WRITE_HANDLER(reservation, reserve)
WRITE_HANDLER(reservation, attach)
WRITE_HANDLER(reservation, detach)
WRITE_HANDLER(reservation, resize)
WRITE_HANDLER(reservation, release)
WRITE_HANDLER(reservation, renew)
WRITE_HANDLER(reservation, group_join)
WRITE_HANDLER(reservation, group_leave)
WRITE_HANDLER(reservation, accelerator_reserve)
WRITE_HANDLER(reservation, accelerator_release)
WRITE_HANDLER(reservation, batch)
WRITE_HANDLER(registry, register)
WRITE_HANDLER(registry, change)
WRITE_HANDLER(registry, retire)
WRITE_HANDLER(registry, power)
WRITE_HANDLER(registry, fence)
WRITE_HANDLER(registry, quarantine_release)
READ_HANDLER(registry, quarantine_list)
WRITE_HANDLER(registry, project_set)
READ_HANDLER(registry, project_show)
READ_HANDLER(registry, project_list)
WRITE_HANDLER(registry, vm_bind)
READ_HANDLER(registry, vm_list)
READ_HANDLER(registry, agents)
READ_HANDLER(registry, status)
READ_HANDLER(reservation, show)
READ_HANDLER(reservation, list)
READ_HANDLER(registry, show)
READ_HANDLER(desk, list)
READ_HANDLER(desk, show)
READ_HANDLER(desk, requeue)
READ_HANDLER(desk, drop)

#define S10_WRITE(name, codec, handler)                                                            \
    {                                                                                              \
        "s10." name "/1", &(codec), SDM_ROLE_MEMBER, SDM_LANE_RESERVATION, SDM_AUDIT_OUTCOME,      \
            .write = (handler)                                                                     \
    }
#define S10_READ(name, codec, handler)                                                             \
    {                                                                                              \
        "s10." name "/1", &(codec), SDM_ROLE_READER, SDM_LANE_RESERVATION, SDM_AUDIT_NOTHING,      \
            .read = (handler)                                                                      \
    }
#define S11_WRITE(name, codec, handler)                                                            \
    {                                                                                              \
        "s11." name "/1", &(codec), SDM_ROLE_ADMIN, SDM_LANE_REGISTRY, SDM_AUDIT_OUTCOME,          \
            .write = (handler)                                                                     \
    }
#define S11_READ(name, codec, role, handler)                                                       \
    {                                                                                              \
        "s11." name "/1", &(codec), (role), SDM_LANE_REGISTRY,                                     \
            (role) == SDM_ROLE_ADMIN ? SDM_AUDIT_READING : SDM_AUDIT_NOTHING, .read = (handler)    \
    }

const struct sdm_route sdm_routes[] = {
    S10_READ("plan", sdm_s10_plan_codec, handle_reservation_plan),
    S10_WRITE("reserve", sdm_s10_reserve_codec, handle_reservation_reserve),
    S10_WRITE("attach", sdm_s10_attach_codec, handle_reservation_attach),
    S10_WRITE("detach", sdm_s10_detach_codec, handle_reservation_detach),
    S10_WRITE("resize", sdm_s10_resize_codec, handle_reservation_resize),
    S10_WRITE("release", sdm_s10_release_codec, handle_reservation_release),
    S10_WRITE("renew", sdm_s10_renew_codec, handle_reservation_renew),
    S10_READ("show", sdm_s10_show_codec, handle_reservation_show),
    S10_READ("list", sdm_s10_list_codec, handle_reservation_list),
    S10_WRITE("group.join", sdm_s10_group_join_codec, handle_reservation_group_join),
    S10_WRITE("group.leave", sdm_s10_group_leave_codec, handle_reservation_group_leave),
    S10_WRITE("accelerator.reserve", sdm_s10_accelerator_reserve_codec,
              handle_reservation_accelerator_reserve),
    S10_WRITE("accelerator.release", sdm_s10_accelerator_release_codec,
              handle_reservation_accelerator_release),
    S10_WRITE("batch", sdm_s10_batch_codec, handle_reservation_batch),
    S11_WRITE("register", sdm_s11_register_codec, handle_registry_register),
    S11_WRITE("change", sdm_s11_change_codec, handle_registry_change),
    S11_WRITE("retire", sdm_s11_retire_codec, handle_registry_retire),
    S11_WRITE("power", sdm_s11_power_codec, handle_registry_power),
    S11_WRITE("fence", sdm_s11_fence_codec, handle_registry_fence),
    S11_WRITE("quarantine.release", sdm_s11_quarantine_release_codec,
              handle_registry_quarantine_release),
    S11_READ("quarantine.list", sdm_s11_quarantine_list_codec, SDM_ROLE_ADMIN,
             handle_registry_quarantine_list),
    S11_WRITE("project.set", sdm_s11_project_set_codec, handle_registry_project_set),
    S11_READ("project.show", sdm_s11_project_show_codec, SDM_ROLE_READER,
             handle_registry_project_show),
    S11_READ("project.list", sdm_s11_project_list_codec, SDM_ROLE_ADMIN,
             handle_registry_project_list),
    S11_WRITE("vm.bind", sdm_s11_vm_bind_codec, handle_registry_vm_bind),
    S11_READ("vm.list", sdm_s11_vm_list_codec, SDM_ROLE_READER, handle_registry_vm_list),
    S11_READ("show", sdm_s11_show_codec, SDM_ROLE_READER, handle_registry_show),
    S11_READ("agents", sdm_s11_agents_codec, SDM_ROLE_ADMIN, handle_registry_agents),
    S11_READ("status", sdm_s11_status_codec, SDM_ROLE_ADMIN, handle_registry_status),
    /* What they change is in the broker, and repeating them does no more. */
    S11_READ("dead.list", sdm_s11_dead_list_codec, SDM_ROLE_ADMIN, handle_desk_list),
    S11_READ("dead.show", sdm_s11_dead_show_codec, SDM_ROLE_ADMIN, handle_desk_show),
    S11_READ("dead.requeue", sdm_s11_dead_requeue_codec, SDM_ROLE_ADMIN, handle_desk_requeue),
    S11_READ("dead.drop", sdm_s11_dead_drop_codec, SDM_ROLE_ADMIN, handle_desk_drop),
};
const size_t sdm_n_routes = G_N_ELEMENTS(sdm_routes);
