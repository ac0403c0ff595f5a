#include <inttypes.h>

#include "lib/base/error.h"
#include "sdm-controller/graph/state.h"

void sdm_ledger_begin_load(struct sdm_ledger *ledger)
{
    ledger->loading = true;
}

void sdm_ledger_end_load(struct sdm_ledger *ledger)
{
    sdm_state_index(ledger);
    ledger->loading = false;
}

bool sdm_ledger_add_segment(struct sdm_ledger *ledger, const struct sdm_extent *extent,
                            GError **error)
{
    struct sdm_brick *brick;

    if (!sdm_state_is(ledger, extent->brick_no, SDM_DEVICE_KIND_MEMORY)) {
        return sdm_fail(error, "a segment is on device %d, which is no memory brick",
                        extent->brick_no);
    }
    brick = sdm_state_brick(ledger, extent->brick_no);
    if (extent->size_bytes == 0 ||
        !sdm_extents_take(&brick->free, extent->offset_bytes, extent->size_bytes)) {
        return sdm_fail(error,
                        "a segment of %" PRIu64 " bytes at %" PRIu64
                        " of brick %d overlaps another or the end",
                        extent->size_bytes, extent->offset_bytes, extent->brick_no);
    }
    ledger->free_bytes -= extent->size_bytes;
    sdm_state_refresh(ledger, extent->brick_no);
    return true;
}

bool sdm_ledger_add_circuit(struct sdm_ledger *ledger, const struct sdm_path *path, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (!sdm_state_is(ledger, path->compute_no, SDM_DEVICE_KIND_COMPUTE)) {
        return sdm_fail(error, "a circuit begins at device %d, which is no compute brick",
                        path->compute_no);
    }
    if (!sdm_state_is(ledger, path->brick_no, SDM_DEVICE_KIND_MEMORY) &&
        !sdm_state_is(ledger, path->brick_no, SDM_DEVICE_KIND_ACCELERATOR)) {
        return sdm_fail(error, "a circuit ends at device %d, which is no brick for it",
                        path->brick_no);
    }
    if (sdm_state_circuit(ledger, path->compute_no, path->brick_no) != NULL) {
        return sdm_fail(error, "two circuits join devices %d and %d", path->compute_no,
                        path->brick_no);
    }
    if (!sdm_ports_check(&ledger->ports, path, &reason)) {
        return sdm_fail(error, "the circuit of devices %d and %d is impossible: %s",
                        path->compute_no, path->brick_no, reason->message);
    }
    sdm_state_add_circuit(ledger, path);
    return true;
}

bool sdm_ledger_add_window(struct sdm_ledger *ledger, const struct sdm_window *window,
                           GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (!sdm_state_is(ledger, window->compute_no, SDM_DEVICE_KIND_COMPUTE)) {
        return sdm_fail(error, "a window is on device %d, which is no compute brick",
                        window->compute_no);
    }
    if (!sdm_window_validate(window, ledger->unit_bytes, &reason)) {
        return sdm_fail(error, "a window of device %d is impossible: %s", window->compute_no,
                        reason->message);
    }
    if (!sdm_windows_add(&sdm_state_compute(ledger, window->compute_no)->windows, window)) {
        return sdm_fail(error, "entry %d of device %d, or its addresses, are in two windows",
                        window->entry, window->compute_no);
    }
    ledger->n_windows++;
    return true;
}

bool sdm_ledger_add_holder(struct sdm_ledger *ledger, int32_t accelerator_no, int32_t compute_no,
                           GError **error)
{
    int32_t *holder;

    if (!sdm_state_is(ledger, accelerator_no, SDM_DEVICE_KIND_ACCELERATOR) ||
        !sdm_state_is(ledger, compute_no, SDM_DEVICE_KIND_COMPUTE)) {
        return sdm_fail(error, "device %d cannot hold device %d as an accelerator", compute_no,
                        accelerator_no);
    }
    holder = &ledger->holders[ledger->topology->nodes[accelerator_no].position];
    if (*holder != 0) {
        return sdm_fail(error, "devices %d and %d hold accelerator %d", *holder, compute_no,
                        accelerator_no);
    }
    *holder = compute_no;
    ledger->n_holders++;
    sdm_state_refresh(ledger, accelerator_no);
    return true;
}

/* Takes the bytes that 'from' has taken of one brick. */
static bool carry_extents(struct sdm_ledger *to, const struct sdm_brick *brick, int32_t brick_no,
                          GError **error)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i <= brick->free.n; i++) {
        uint64_t start =
            i < brick->free.n ? brick->free.items[i].offset_bytes : brick->capacity_bytes;
        struct sdm_extent used = {brick_no, end, start - end};

        if (used.size_bytes > 0 && !sdm_ledger_add_segment(to, &used, error)) {
            return false;
        }
        end = i < brick->free.n ? start + brick->free.items[i].size_bytes : start;
    }
    return true;
}

static bool carry_compute(struct sdm_ledger *to, const struct sdm_compute *compute, GError **error)
{
    for (int32_t i = 0; i < compute->n_circuits; i++) {
        struct sdm_path path;

        sdm_state_copy_circuit(compute->circuits[i].path, &path);
        if (!sdm_ledger_add_circuit(to, &path, error)) {
            return false;
        }
    }
    for (int32_t i = 0; i < compute->windows.n; i++) {
        if (!sdm_ledger_add_window(to, &compute->windows.items[i], error)) {
            return false;
        }
    }
    return true;
}

static bool carry_device(struct sdm_ledger *to, const struct sdm_ledger *from, int32_t device_no,
                         GError **error)
{
    const struct sdm_node *node = &from->topology->nodes[device_no];
    const struct sdm_device_use *use = &from->uses[device_no];

    sdm_ledger_set_state(to, device_no, use->state);
    sdm_ledger_set_power(to, device_no, use->want_power, use->have_power);
    switch ((enum sdm_device_kind)node->kind) {
    case SDM_DEVICE_KIND_MEMORY:
        return carry_extents(to, &from->bricks[node->position], device_no, error);
    case SDM_DEVICE_KIND_COMPUTE:
        return carry_compute(to, sdm_state_compute(from, device_no), error);
    case SDM_DEVICE_KIND_ACCELERATOR:
        return from->holders[node->position] == 0 ||
               sdm_ledger_add_holder(to, device_no, from->holders[node->position], error);
    case SDM_DEVICE_KIND_ELECTRICAL:
    case SDM_DEVICE_KIND_OPTICAL:
        break;
    }
    return true;
}

bool sdm_ledger_set_topology(struct sdm_ledger *ledger, struct sdm_topology *topology,
                             GError **error)
{
    struct sdm_ledger next = {0};
    struct sdm_ledger before = *ledger;

    sdm_state_init(&next, topology);
    for (int32_t i = 1; i < ledger->topology->n_nodes; i++) {
        g_autoptr(GError) reason = NULL;

        if (ledger->topology->nodes[i].exists && !carry_device(&next, ledger, i, &reason)) {
            sdm_state_done(&next);
            return sdm_refuse(error, SDM_ERROR_IN_USE, "'%s' is in use: %s",
                              ledger->topology->device_of[i]->id, reason->message);
        }
    }
    sdm_ledger_end_load(&next);
    /* Everything but the mutex, which the caller holds. */
    memcpy((char *)ledger + sizeof ledger->mutex, (char *)&next + sizeof next.mutex,
           sizeof next - sizeof next.mutex);
    sdm_state_done(&before);
    return true;
}
