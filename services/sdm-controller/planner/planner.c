#include "sdm-controller/planner/planner.h"

#include "sdm-controller/planner/attempt.h"
#include "sdm-controller/planner/check.h"
#include "sdm-controller/planner/explain.h"
#include "sdm-controller/planner/picked.h"

struct sdm_planner *sdm_planner_new(const struct sdm_planner_params *params)
{
    struct sdm_planner *planner = g_new0(struct sdm_planner, 1);

    planner->params = *params;
    planner->picks = g_new0(struct sdm_pick, SDM_PLANNER_MAX_SEGMENTS);
    planner->segments = g_new0(struct sdm_plan_segment, SDM_PLANNER_MAX_SEGMENTS);
    planner->pieces = g_new0(struct sdm_free_extent, SDM_PLANNER_MAX_SEGMENTS);
    return planner;
}

void sdm_planner_free(struct sdm_planner *planner)
{
    if (planner == NULL) {
        return;
    }
    sdm_path_done(&planner->search);
    g_free(planner->picks);
    g_free(planner->segments);
    g_free(planner->pieces);
    g_free(planner);
}

/* Tries the compute bricks in their order. */
static bool attempt_all(struct sdm_planner *planner, struct sdm_ledger *ledger,
                        const struct sdm_wanted *wanted, bool exhaustive)
{
    const struct sdm_plan_request *request = &wanted->request;

    for (uint32_t i = 0; i < request->n_compute; i++) {
        struct sdm_attempt attempt = {
            .compute_no = request->compute_nos[i],
            .size_bytes = request->size_bytes,
            .latency_class = request->latency_class,
            .contiguous = request->contiguous,
            .exhaustive = exhaustive,
        };

        if (sdm_state_compute(ledger, attempt.compute_no)->state == SDM_BRICK_STATE_ACTIVE &&
            (!exhaustive || sdm_explain_has_bytes(planner, ledger, wanted, attempt.compute_no)) &&
            sdm_attempt_run(planner, ledger, wanted, &attempt)) {
            return true;
        }
    }
    return false;
}

static int32_t first_active(const struct sdm_ledger *ledger, const struct sdm_plan_request *request)
{
    uint32_t i = 0;

    while (sdm_state_compute(ledger, request->compute_nos[i])->state != SDM_BRICK_STATE_ACTIVE) {
        i++;
    }
    return request->compute_nos[i];
}

static struct sdm_plan *plan_memory(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                    const struct sdm_wanted *wanted, struct sdm_refusal *refusal,
                                    GError **error)
{
    const struct sdm_plan_request *request = &wanted->request;
    g_autoptr(GError) reason = NULL;
    bool too_large;

    *refusal = (struct sdm_refusal){0};
    if (!sdm_check_request(ledger, request, error)) {
        return NULL;
    }
    too_large = !sdm_check_size(planner, ledger, request, error);
    if (!too_large && attempt_all(planner, ledger, wanted, false)) {
        return sdm_picked_plan(planner, request);
    }
    /* Where the bytes are there, only the ways to them were not found: look at all of them. */
    if (!too_large && attempt_all(planner, ledger, wanted, true)) {
        return sdm_picked_plan(planner, request);
    }
    sdm_explain_stages(planner, ledger, wanted, first_active(ledger, request), refusal, &reason);
    sdm_explain_nearest(planner, ledger, wanted, &refusal->nearest);
    if (!too_large) {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return NULL;
}

struct sdm_plan *sdm_planner_plan(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                  const struct sdm_plan_request *request,
                                  struct sdm_refusal *refusal, GError **error)
{
    struct sdm_wanted wanted = {.request = *request};

    return plan_memory(planner, ledger, &wanted, refusal, error);
}

struct sdm_plan *sdm_planner_plan_growth(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                         const struct sdm_plan_request *request,
                                         const int32_t *brick_nos, uint32_t n_bricks,
                                         uint32_t n_segments, struct sdm_refusal *refusal,
                                         GError **error)
{
    struct sdm_wanted wanted = {*request, brick_nos, n_bricks, n_segments};

    return plan_memory(planner, ledger, &wanted, refusal, error);
}
