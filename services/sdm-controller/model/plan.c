#include "sdm-controller/model/plan.h"

#include <string.h>

static size_t align(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

struct sdm_plan *sdm_plan_new(uint32_t n_segments, uint32_t n_paths, uint32_t n_wakes)
{
    size_t head = align(sizeof(struct sdm_plan));
    size_t segments = align(n_segments * sizeof(struct sdm_plan_segment));
    size_t paths = align(n_paths * sizeof(struct sdm_path));
    char *block = g_malloc0(head + segments + paths + n_wakes * sizeof(struct sdm_plan_wake));
    struct sdm_plan *plan = (struct sdm_plan *)block;

    plan->n_segments = n_segments;
    plan->n_paths = n_paths;
    plan->n_wakes = n_wakes;
    plan->segments = (struct sdm_plan_segment *)(block + head);
    plan->paths = (struct sdm_path *)(block + head + segments);
    plan->wakes = (struct sdm_plan_wake *)(block + head + segments + paths);
    return plan;
}

struct sdm_plan *sdm_plan_dup(const struct sdm_plan *plan)
{
    struct sdm_plan *copy = sdm_plan_new(plan->n_segments, plan->n_paths, plan->n_wakes);
    struct sdm_plan lists = *copy;

    *copy = *plan;
    copy->segments = lists.segments;
    copy->paths = lists.paths;
    copy->wakes = lists.wakes;
    memcpy(copy->segments, plan->segments, plan->n_segments * sizeof *plan->segments);
    memcpy(copy->paths, plan->paths, plan->n_paths * sizeof *plan->paths);
    memcpy(copy->wakes, plan->wakes, plan->n_wakes * sizeof *plan->wakes);
    return copy;
}

void sdm_plan_free(struct sdm_plan *plan)
{
    g_free(plan);
}
