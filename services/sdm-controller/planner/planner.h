/* Chooses segments and paths for a reservation.
 *
 * Pure: reads a ledger that the caller has locked; the same ledger and request always give the same
 * plan.  A plan holds nothing until sdm_ledger_claim() takes it.
 *
 * Thread rule: a planner belongs to one ledger; its functions are called with that ledger locked.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/request.h"
#include "sdm-controller/planner/refusal.h"

struct sdm_planner_params {
    /* Mode vm: largest DIMM; rounded down to the unit, at least one unit. */
    uint64_t max_segment_bytes;
    /* Most segments of one plan; 1 to 1024. */
    uint32_t max_segments;
    /* Policy spread: most bricks of one plan. */
    uint32_t max_spread;
};
#define SDM_PLANNER_PARAMS_DEFAULT                                                                 \
    {                                                                                              \
        .max_segment_bytes = UINT64_C(1) << 40, .max_segments = 64, .max_spread = 4                \
    }

struct sdm_planner;
typedef struct sdm_planner sdm_planner;

struct sdm_planner *sdm_planner_new(const struct sdm_planner_params *params);
void sdm_planner_free(struct sdm_planner *planner);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_planner, sdm_planner_free)

/* Plans 'request'.  The compute bricks are tried in the order given; the first that works is taken.
 * An existing circuit is used before ports are spent on a new one; bricks that are off are woken
 * only when powered ones of the same preference do not do.  Mode device, for a group, asks for
 * 'contiguous'.  Cost: O(log bricks + segments + paths), independent of the number of bricks
 * otherwise; a refusal costs O(memory bricks).
 *
 * Returns a new plan (sdm_plan_free()), or NULL with SDM_ERROR and 'refusal' set:
 *   NOT_FOUND    a compute brick does not exist;
 *   WRONG_KIND   it is not a compute brick;
 *   WRONG_STATE  none of the compute bricks is active;
 *   NOT_ALIGNED  the size is no multiple of the unit, or 0;
 *   TOO_LARGE    more than all memory bricks of the pod (contiguous: the largest brick, and in mode
 *                vm the largest DIMM) could ever hold;
 *   NO_CAPACITY  not enough free bytes within the class;
 *   NO_PATH      free bytes exist, but no path has a free port, or the bandwidth, at every hop;
 *   NO_WINDOW    the compute brick has too few NetPort entries left. */
struct sdm_plan *sdm_planner_plan(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                  const struct sdm_plan_request *request,
                                  struct sdm_refusal *refusal, GError **error);

/* Plans more for a reservation that exists: 'request->size_bytes' is what is added; it has
 * 'n_segments' segments already, on the 'n_bricks' bricks listed, whose circuits hold its
 * bandwidth. Refuses as above. */
struct sdm_plan *sdm_planner_plan_growth(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                         const struct sdm_plan_request *request,
                                         const int32_t *brick_nos, uint32_t n_bricks,
                                         uint32_t n_segments, struct sdm_refusal *refusal,
                                         GError **error);

/* Plans the path of one more compute brick to a segment that exists (a member of a group).  The
 * plan has no segments and one path.  Refuses NOT_FOUND, WRONG_KIND, WRONG_STATE, NO_PATH,
 * NO_WINDOW; NO_CAPACITY when the segment's brick is further away than 'latency_class'. */
struct sdm_plan *sdm_planner_plan_member(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                         int32_t compute_no, const struct sdm_extent *extent,
                                         enum sdm_latency_class latency_class,
                                         int32_t bandwidth_mbps, struct sdm_refusal *refusal,
                                         GError **error);

/* Plans an accelerator of a kind that nobody holds, nearest first, powered first.  The plan has no
 * segments, one path and 'accelerator_no'.  Refuses NOT_FOUND (also a kind that no brick has),
 * WRONG_KIND, WRONG_STATE, NO_CAPACITY (none free within the class), NO_PATH. */
struct sdm_plan *sdm_planner_plan_accelerator(struct sdm_planner *planner,
                                              struct sdm_ledger *ledger, const char *kind,
                                              int32_t compute_no,
                                              enum sdm_latency_class latency_class,
                                              int32_t bandwidth_mbps, struct sdm_refusal *refusal,
                                              GError **error);
