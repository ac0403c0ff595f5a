#include "sdm-controller/planner/picked.h"

#include <string.h>

/* Adds a device that is not awake, when it has to be switched on, and the time until it is on. */
static uint32_t add_wake(const struct sdm_ledger *ledger, int32_t device_no, struct sdm_plan *plan,
                         uint32_t n_wakes)
{
    const struct sdm_device *device = ledger->topology->device_of[device_no];
    const struct sdm_device_use *use = &ledger->uses[device_no];

    plan->wake_ms = MAX(plan->wake_ms, device->wake_ms);
    if (sdm_state_power(use) == SDM_INDEX_OFF) {
        plan->wakes[n_wakes++] = (struct sdm_plan_wake){
            .device_no = device_no,
            .wake_ms = device->wake_ms,
            .power_mw = MAX(device->active_mw, device->idle_mw),
        };
        plan->power_mw += plan->wakes[n_wakes - 1].power_mw;
    }
    return n_wakes;
}

static uint32_t count_wakes(const struct sdm_planner *planner)
{
    uint32_t n = sdm_state_compute(planner->ledger, planner->compute_no)->power == SDM_INDEX_OFF;

    for (uint32_t i = 0; i < planner->n_picks; i++) {
        n += planner->picks[i].candidate.power == SDM_INDEX_OFF;
    }
    return n;
}

static void fill_wakes(const struct sdm_planner *planner, struct sdm_plan *plan)
{
    uint32_t n = 0;

    if (!sdm_state_compute(planner->ledger, planner->compute_no)->awake) {
        n = add_wake(planner->ledger, planner->compute_no, plan, n);
    }
    for (uint32_t i = 0; i < planner->n_picks; i++) {
        if (!planner->picks[i].candidate.awake) {
            n = add_wake(planner->ledger, planner->picks[i].candidate.brick_no, plan, n);
        }
    }
    g_assert(n == plan->n_wakes);
}

/* Few and mostly in order already. */
static void sort_segments(struct sdm_plan *plan)
{
    for (uint32_t i = 1; i < plan->n_segments; i++) {
        struct sdm_plan_segment segment = plan->segments[i];
        uint32_t at = i;

        while (at > 0 && sdm_extent_compare(&plan->segments[at - 1].extent, &segment.extent) > 0) {
            plan->segments[at] = plan->segments[at - 1];
            at--;
        }
        plan->segments[at] = segment;
    }
}

static void copy_path(struct sdm_path *to, const struct sdm_path *from)
{
    memcpy(to, from, offsetof(struct sdm_path, hops) + (size_t)from->n_hops * sizeof from->hops[0]);
}

/* Paths come sorted by brick; 'path' of the segments follows. */
static void fill_paths(const struct sdm_planner *planner, struct sdm_plan *plan)
{
    uint32_t order[SDM_PLANNER_MAX_SEGMENTS];
    uint32_t rank[SDM_PLANNER_MAX_SEGMENTS];

    for (uint32_t i = 0; i < planner->n_picks; i++) {
        uint32_t at = i;

        while (at > 0 && planner->picks[order[at - 1]].candidate.brick_no >
                             planner->picks[i].candidate.brick_no) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    for (uint32_t i = 0; i < planner->n_picks; i++) {
        copy_path(&plan->paths[i], &planner->picks[order[i]].path);
        rank[order[i]] = i;
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        plan->segments[i].path = rank[plan->segments[i].path];
        plan->latency_class = MAX(plan->latency_class, plan->segments[i].latency_class);
        plan->size_bytes += plan->segments[i].extent.size_bytes;
    }
}

struct sdm_plan *sdm_picked_plan(const struct sdm_planner *planner,
                                 const struct sdm_plan_request *request)
{
    struct sdm_plan *plan =
        sdm_plan_new(planner->n_segments, planner->n_picks, count_wakes(planner));

    plan->compute_no = planner->compute_no;
    plan->mode = request->mode;
    plan->policy = request->policy;
    plan->latency_class = SDM_LATENCY_CLASS_TRAY;
    memcpy(plan->segments, planner->segments, planner->n_segments * sizeof *plan->segments);
    sort_segments(plan);
    fill_paths(planner, plan);
    fill_wakes(planner, plan);
    return plan;
}
