#include <inttypes.h>

#include "sdm-controller/graph/state.h"

static void use_of_memory(const struct sdm_ledger *ledger, int32_t device_no,
                          struct sdm_ledger_use *use)
{
    const struct sdm_brick *brick = sdm_state_brick(ledger, device_no);
    const struct sdm_extents *free = &brick->free;
    const struct sdm_free_extent *last = free->n > 0 ? &free->items[free->n - 1] : NULL;

    use->free_bytes = free->free_bytes;
    use->used_bytes = brick->capacity_bytes - free->free_bytes;
    use->largest_free_bytes = free->largest_bytes;
    use->used_end_bytes =
        last != NULL && last->offset_bytes + last->size_bytes == brick->capacity_bytes
            ? last->offset_bytes
            : brick->capacity_bytes;
}

bool sdm_ledger_use(const struct sdm_ledger *ledger, int32_t device_no, struct sdm_ledger_use *use)
{
    const struct sdm_node *node = sdm_layout_node(ledger->topology, device_no);

    if (node == NULL) {
        return false;
    }
    *use = (struct sdm_ledger_use){
        .state = ledger->uses[device_no].state,
        .want_power = ledger->uses[device_no].want_power,
        .have_power = ledger->uses[device_no].have_power,
        .holder_no = sdm_ledger_holder(ledger, device_no),
    };
    for (int32_t i = 0; i < node->n_ports; i++) {
        uint32_t n = ledger->ports.uses[sdm_ports_number(node, i)].n_circuits;

        use->n_ports_used += n > 0;
        use->n_circuits += (int32_t)n;
    }
    if (node->kind >= SDM_DEVICE_KIND_ELECTRICAL) {
        /* Each passes two ports. */
        use->n_circuits /= 2;
    } else if (node->kind == SDM_DEVICE_KIND_MEMORY) {
        use_of_memory(ledger, device_no, use);
    } else if (node->kind == SDM_DEVICE_KIND_COMPUTE) {
        use->n_windows = sdm_state_compute(ledger, device_no)->windows.n;
    }
    return true;
}

bool sdm_ledger_in_use(const struct sdm_ledger *ledger, int32_t device_no)
{
    struct sdm_ledger_use use;

    return sdm_ledger_use(ledger, device_no, &use) &&
           (use.used_bytes > 0 || use.n_circuits > 0 || use.n_windows > 0 || use.holder_no != 0);
}

void sdm_ledger_totals(const struct sdm_ledger *ledger, struct sdm_ledger_totals *totals)
{
    totals->capacity_bytes = ledger->capacity_bytes;
    totals->free_bytes = ledger->free_bytes;
    totals->n_circuits = ledger->n_circuits;
    totals->n_windows = ledger->n_windows;
    totals->n_holders = ledger->n_holders;
}

void sdm_ledger_each_circuit(const struct sdm_ledger *ledger, sdm_ledger_circuit_fn *visit,
                             void *user)
{
    for (int32_t i = 1; i < ledger->topology->n_nodes; i++) {
        const struct sdm_compute *compute;

        if (!sdm_state_is(ledger, i, SDM_DEVICE_KIND_COMPUTE)) {
            continue;
        }
        compute = sdm_state_compute(ledger, i);
        for (int32_t k = 0; k < compute->n_circuits; k++) {
            struct sdm_path path;

            sdm_state_copy_circuit(compute->circuits[k].path, &path);
            visit(&path, user);
        }
    }
}

void sdm_ledger_each_free_extent(const struct sdm_ledger *ledger, sdm_ledger_extent_fn *visit,
                                 void *user)
{
    for (int32_t i = 1; i < ledger->topology->n_nodes; i++) {
        const struct sdm_extents *free;

        if (!sdm_state_is(ledger, i, SDM_DEVICE_KIND_MEMORY)) {
            continue;
        }
        free = &sdm_state_brick(ledger, i)->free;
        for (uint32_t k = 0; k < free->n; k++) {
            struct sdm_extent extent = {i, free->items[k].offset_bytes, free->items[k].size_bytes};

            visit(&extent, user);
        }
    }
}
