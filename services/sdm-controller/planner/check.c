#include "sdm-controller/planner/check.h"

#include <inttypes.h>

#include "lib/base/error.h"

static const char *name_of(const struct sdm_ledger *ledger, int32_t device_no)
{
    return ledger->topology->device_of[device_no]->id;
}

bool sdm_check_compute(const struct sdm_ledger *ledger, int32_t compute_no, GError **error)
{
    const struct sdm_node *node;

    if (compute_no > 0 && compute_no < ledger->topology->n_nodes &&
        sdm_state_compute(ledger, compute_no)->exists) {
        return true;
    }
    node = sdm_layout_node(ledger->topology, compute_no);
    if (node == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick has number %d", compute_no);
    }
    return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is not a compute brick but %s",
                      name_of(ledger, compute_no), sdm_device_kind_name(node->kind));
}

bool sdm_check_active(const struct sdm_ledger *ledger, int32_t compute_no, GError **error)
{
    enum sdm_brick_state state = (enum sdm_brick_state)sdm_state_compute(ledger, compute_no)->state;

    if (state != SDM_BRICK_STATE_ACTIVE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "compute brick '%s' is %s, not active",
                          name_of(ledger, compute_no), sdm_brick_state_name(state));
    }
    return true;
}

bool sdm_check_request(const struct sdm_ledger *ledger, const struct sdm_plan_request *request,
                       GError **error)
{
    g_autoptr(GError) inactive = NULL;
    bool any_active = false;

    for (uint32_t i = 0; i < request->n_compute; i++) {
        if (!sdm_check_compute(ledger, request->compute_nos[i], error)) {
            return false;
        }
        g_clear_error(&inactive);
        any_active = any_active || sdm_check_active(ledger, request->compute_nos[i], &inactive);
    }
    if (request->n_compute == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no compute brick is named");
    }
    if (!any_active) {
        g_propagate_error(error, g_steal_pointer(&inactive));
        return false;
    }
    if (request->size_bytes == 0 || request->size_bytes % ledger->unit_bytes != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED,
                          "need %" PRIu64 " bytes, which is not a multiple of the unit of %" PRIu64,
                          request->size_bytes, ledger->unit_bytes);
    }
    return true;
}

/* More than could be had from an empty pod. */
bool sdm_check_size(const struct sdm_planner *planner, const struct sdm_ledger *ledger,
                    const struct sdm_plan_request *request, GError **error)
{
    uint64_t capacity = sdm_topology_capacity_bytes(ledger->topology);
    uint64_t unit = ledger->unit_bytes;
    uint64_t dimm = MAX(planner->params.max_segment_bytes / unit * unit, unit);
    uint64_t largest = ledger->topology->largest_capacity_bytes;

    if (request->size_bytes > capacity) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need %" PRIu64 " bytes, all memory bricks together have %" PRIu64,
                          request->size_bytes, capacity);
    }
    if (request->contiguous && request->size_bytes > largest) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need %" PRIu64
                          " contiguous bytes, the largest memory brick has %" PRIu64,
                          request->size_bytes, largest);
    }
    if (request->contiguous && request->mode == SDM_MODE_VM && request->size_bytes > dimm) {
        return sdm_refuse(error, SDM_ERROR_TOO_LARGE,
                          "need one DIMM of %" PRIu64 " bytes, the largest is %" PRIu64,
                          request->size_bytes, dimm);
    }
    return true;
}
