#include "sdm-controller/reservation/claim.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/reservation/plan.h"
#include "sdm-controller/store/circuit.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/rows.h"
#include "sdm-controller/store/segment.h"
#include "sdm-controller/store/shared.h"

struct claimed {
    struct sdm_ledger *ledger;
    /* A plan, or a window. */
    struct sdm_plan *plan;
    struct sdm_window window;
};

static void end_claim(void *data, bool committed)
{
    struct claimed *claimed = data;

    if (!committed) {
        sdm_ledger_lock(claimed->ledger);
        if (claimed->plan != NULL) {
            sdm_ledger_unclaim(claimed->ledger, claimed->plan);
        } else {
            sdm_ledger_free_window(claimed->ledger, claimed->window.compute_no,
                                   claimed->window.entry);
        }
        sdm_ledger_unlock(claimed->ledger);
    }
    sdm_plan_free(claimed->plan);
    g_free(claimed);
}

struct sdm_plan *sdm_claim_plan(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                sdm_plan_fn *plan_fn, void *data, struct sdm_arena *arena,
                                struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    g_autoptr(sdm_plan) plan = NULL;
    struct sdm_refusal refusal = {0};
    struct claimed *claimed;
    bool taken = false;

    sdm_ledger_lock(engine->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(engine->ledger));
    plan = plan_fn(engine, topology, data, &refusal, error);
    if (plan != NULL) {
        taken = sdm_ledger_claim(engine->ledger, plan, error);
    }
    sdm_ledger_unlock(engine->ledger);
    if (!taken) {
        sdm_plan_explain(topology, &refusal, arena, outcome);
        return NULL;
    }
    claimed = g_new0(struct claimed, 1);
    claimed->ledger = engine->ledger;
    claimed->plan = sdm_plan_dup(plan);
    sdm_tx_on_end(tx, end_claim, claimed);
    return sdm_fault("reservation.claimed", error) ? NULL : g_steal_pointer(&plan);
}

/* New circuits are inserted, existing ones get the bandwidth. */
static bool write_paths(struct sdm_tx *tx, const struct sdm_plan *plan,
                        const struct sdm_claim_rows *rows, GError **error)
{
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        const struct sdm_path *path = &plan->paths[i];
        char circuit[SDM_UUID_SIZE];

        if (path->shared) {
            if (path->bandwidth_mbps > 0) {
                sdm_shared_circuit_claim(tx, path->compute_no, path->brick_no,
                                         path->bandwidth_mbps);
            }
            continue;
        }
        sdm_uuid_new(circuit);
        if (!sdm_store_circuit_insert(tx, circuit, path, rows->want_up, error)) {
            return false;
        }
    }
    return true;
}

struct waking {
    struct sdm_ledger *ledger;
    int32_t device_no;
};

static void end_waking(void *data, bool committed)
{
    struct waking *waking = data;

    if (committed) {
        sdm_ledger_lock(waking->ledger);
        sdm_ledger_set_power(waking->ledger, waking->device_no, SDM_POWER_STATE_ON,
                             SDM_POWER_STATE_OFF);
        sdm_ledger_unlock(waking->ledger);
    }
    g_free(waking);
}

static void wake_bricks(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                        const struct sdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_wakes; i++) {
        struct waking *waking = g_new0(struct waking, 1);

        sdm_rows_wake(tx, plan->wakes[i].device_no);
        waking->ledger = engine->ledger;
        waking->device_no = plan->wakes[i].device_no;
        sdm_tx_on_end(tx, end_waking, waking);
        sdm_post_device(tx, engine->settler.sink, SDM_WORK_POWER, plan->wakes[i].device_no);
    }
}

bool sdm_claim_write(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                     const struct sdm_plan *plan, const struct sdm_claim_rows *rows,
                     struct sdm_arena *arena, char (**segments)[SDM_UUID_SIZE], GError **error)
{
    size_t n = MAX(plan->n_segments, rows->member_segment != NULL ? 1 : 0);
    char(*uuids)[SDM_UUID_SIZE] = sdm_arena_alloc(arena, n, SDM_UUID_SIZE);

    wake_bricks(engine, tx, plan);
    if (!write_paths(tx, plan, rows, error)) {
        return false;
    }
    if (rows->member_segment != NULL) {
        g_strlcpy(uuids[0], rows->member_segment, SDM_UUID_SIZE);
        sdm_store_circuit_carry(tx, plan->compute_no, plan->paths[0].brick_no, uuids[0]);
    } else {
        for (uint32_t i = 0; i < plan->n_segments; i++) {
            sdm_uuid_new(uuids[i]);
            sdm_store_circuit_carry(tx, plan->compute_no, plan->segments[i].extent.brick_no,
                                    uuids[i]);
        }
        sdm_store_segments_insert(tx, rows->reservation, plan->segments, uuids, plan->n_segments);
    }
    *segments = uuids;
    return true;
}

bool sdm_claim_window(struct sdm_reservation_engine *engine, struct sdm_tx *tx, int32_t compute_no,
                      uint64_t size_bytes, struct sdm_window *window, GError **error)
{
    struct claimed *claimed;
    bool taken;

    sdm_ledger_lock(engine->ledger);
    taken = sdm_ledger_allocate_window(engine->ledger, compute_no, size_bytes, window, error);
    sdm_ledger_unlock(engine->ledger);
    if (!taken) {
        return false;
    }
    claimed = g_new0(struct claimed, 1);
    claimed->ledger = engine->ledger;
    claimed->window = *window;
    sdm_tx_on_end(tx, end_claim, claimed);
    return true;
}
