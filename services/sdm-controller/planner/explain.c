#include "sdm-controller/planner/explain.h"

#include <inttypes.h>

#include "lib/base/error.h"

/* Bricks up to which an attempt to find the nearest request looks at every one of them. */
enum { MAX_EXHAUSTIVE = 256 };

/* What is added up over all memory bricks. */
struct tally {
    struct sdm_planner *planner;
    const struct sdm_ledger *ledger;
    const struct sdm_wanted *wanted;
    struct sdm_refusal_stage stages[SDM_N_STAGE_STAGE];
    uint64_t largest_bytes;
};

static void count(struct tally *tally, enum sdm_stage_stage stage, uint64_t free_bytes)
{
    tally->stages[stage].n_left++;
    tally->stages[stage].free_bytes += free_bytes;
}

/* The positions of every class up to the worst one allowed. */
static int32_t allowed_ranges(const struct sdm_planner *planner, enum sdm_latency_class worst,
                              struct sdm_range ranges[2 * SDM_N_LATENCY_CLASS])
{
    int32_t n = 0;

    for (int i = 0; i <= (int)worst; i++) {
        n += sdm_walk_class_ranges(&planner->place, (enum sdm_latency_class)i, &ranges[n]);
    }
    return n;
}

/* All bricks of the pod, for the first stage. */
static void tally_pod(struct tally *tally)
{
    for (int32_t i = 0; i < tally->ledger->topology->n_of_kind[SDM_DEVICE_KIND_MEMORY]; i++) {
        if (tally->ledger->briefs[i].free_bytes != SDM_BRIEF_INACTIVE) {
            count(tally, SDM_STAGE_STAGE_BRICKS, tally->ledger->briefs[i].free_bytes);
        }
    }
}

/* The other stages that need no way. */
static void tally_bytes(struct tally *tally, const struct sdm_range *range)
{
    const struct sdm_plan_request *request = &tally->wanted->request;

    for (int32_t i = range->first; i < range->end; i++) {
        const struct sdm_brief *brief = &tally->ledger->briefs[i];

        if (brief->free_bytes == SDM_BRIEF_INACTIVE) {
            continue;
        }
        count(tally, SDM_STAGE_STAGE_CLASS, brief->free_bytes);
        if (brief->free_bytes == 0) {
            continue;
        }
        count(tally, SDM_STAGE_STAGE_CAPACITY, brief->free_bytes);
        tally->largest_bytes = MAX(tally->largest_bytes, brief->largest_bytes);
        if (!request->contiguous || brief->largest_bytes >= request->size_bytes) {
            count(tally, SDM_STAGE_STAGE_CONTIGUOUS, brief->free_bytes);
        }
    }
}

/* True when a circuit leads to the brick, or could; with 'bandwidth_mbps' on every link of a
 * circuit that exists. */
static bool reaches(struct sdm_planner *planner, int32_t brick_no, int32_t bandwidth_mbps)
{
    const struct sdm_path *circuit =
        sdm_state_circuit(planner->ledger, planner->compute_no, brick_no);

    return circuit != NULL ? sdm_attempt_can_share(planner->ledger, circuit, bandwidth_mbps)
                           : sdm_path_sweep(&planner->search, brick_no, &planner->found_path);
}

static bool is_within(int32_t position, const struct sdm_range *ranges, int32_t n_ranges)
{
    for (int32_t i = 0; i < n_ranges; i++) {
        if (position >= ranges[i].first && position < ranges[i].end) {
            return true;
        }
    }
    return false;
}

/* One of the stages that need a way: of the bricks that were left, those that can be reached. */
static void tally_paths(struct tally *tally, const struct sdm_range *ranges, int32_t n_ranges,
                        enum sdm_stage_stage stage, int32_t bandwidth_mbps)
{
    const struct sdm_plan_request *request = &tally->wanted->request;
    struct sdm_planner *planner = tally->planner;
    const int32_t *reached;
    uint32_t n;

    sdm_attempt_begin(planner, planner->ledger, planner->compute_no, bandwidth_mbps);
    reached = sdm_path_reached(&planner->search, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct sdm_brick *brick = &tally->ledger->bricks[reached[i]];
        const struct sdm_extents *free = &brick->free;
        bool own = bandwidth_mbps > 0 && sdm_attempt_bandwidth(tally->wanted, brick->brick_no) == 0;

        if (is_within(reached[i], ranges, n_ranges) && brick->state == SDM_BRICK_STATE_ACTIVE &&
            free->free_bytes > 0 &&
            (!request->contiguous || free->largest_bytes >= request->size_bytes) &&
            reaches(planner, brick->brick_no, own ? 0 : bandwidth_mbps)) {
            count(tally, stage, free->free_bytes);
        }
    }
}

static void finish(const struct tally *tally, enum sdm_stage_stage last,
                   struct sdm_refusal *refusal)
{
    refusal->n_stages = (uint32_t)last + 1;
    for (uint32_t i = 0; i < refusal->n_stages; i++) {
        refusal->stages[i] = tally->stages[i];
        refusal->stages[i].stage = (enum sdm_stage_stage)i;
    }
}

static const char *name_of(const struct tally *tally)
{
    return tally->ledger->topology->device_of[tally->planner->compute_no]->id;
}

/* Not enough bytes; false when there are. */
static bool explain_bytes(const struct tally *tally, struct sdm_refusal *refusal, GError **error)
{
    const struct sdm_plan_request *request = &tally->wanted->request;
    const struct sdm_refusal_stage *capacity = &tally->stages[SDM_STAGE_STAGE_CAPACITY];
    const char *class_name = sdm_latency_class_name(request->latency_class);

    if (capacity->free_bytes < request->size_bytes) {
        finish(tally, SDM_STAGE_STAGE_CAPACITY, refusal);
        sdm_refuse(error, SDM_ERROR_NO_CAPACITY,
                   "need %" PRIu64 " bytes within class '%s' of '%s', %u bricks have %" PRIu64
                   " free",
                   request->size_bytes, class_name, name_of(tally), capacity->n_left,
                   capacity->free_bytes);
        return true;
    }
    if (tally->stages[SDM_STAGE_STAGE_CONTIGUOUS].n_left == 0) {
        finish(tally, SDM_STAGE_STAGE_CONTIGUOUS, refusal);
        sdm_refuse(error, SDM_ERROR_NO_CAPACITY,
                   "need %" PRIu64 " contiguous bytes within class '%s' of '%s', the largest free "
                   "extent is %" PRIu64,
                   request->size_bytes, class_name, name_of(tally), tally->largest_bytes);
        return true;
    }
    return false;
}

/* Not enough bytes behind ways; false when there are. */
static bool explain_paths(struct tally *tally, const struct sdm_range *ranges, int32_t n_ranges,
                          struct sdm_refusal *refusal, GError **error)
{
    const struct sdm_plan_request *request = &tally->wanted->request;
    const struct sdm_refusal_stage *path = &tally->stages[SDM_STAGE_STAGE_PATH];
    const struct sdm_refusal_stage *bandwidth = &tally->stages[SDM_STAGE_STAGE_BANDWIDTH];

    tally_paths(tally, ranges, n_ranges, SDM_STAGE_STAGE_PATH, 0);
    if (path->free_bytes < request->size_bytes) {
        finish(tally, SDM_STAGE_STAGE_PATH, refusal);
        sdm_refuse(error, SDM_ERROR_NO_PATH,
                   "need a path from '%s' to %" PRIu64 " free bytes, %u of %u bricks can be "
                   "reached and have %" PRIu64,
                   name_of(tally), request->size_bytes, path->n_left,
                   tally->stages[SDM_STAGE_STAGE_CONTIGUOUS].n_left, path->free_bytes);
        return true;
    }
    tally->stages[SDM_STAGE_STAGE_BANDWIDTH] = *path;
    if (request->bandwidth_mbps > 0) {
        tally->stages[SDM_STAGE_STAGE_BANDWIDTH] = (struct sdm_refusal_stage){0};
        tally_paths(tally, ranges, n_ranges, SDM_STAGE_STAGE_BANDWIDTH, request->bandwidth_mbps);
    }
    if (bandwidth->free_bytes < request->size_bytes) {
        finish(tally, SDM_STAGE_STAGE_BANDWIDTH, refusal);
        sdm_refuse(error, SDM_ERROR_NO_PATH,
                   "need %d Mbit/s from '%s' to %" PRIu64 " free bytes, %u of %u bricks can be "
                   "reached with it and have %" PRIu64,
                   request->bandwidth_mbps, name_of(tally), request->size_bytes, bandwidth->n_left,
                   path->n_left, bandwidth->free_bytes);
        return true;
    }
    return false;
}

/* Everything is there brick by brick, but not all at once. */
static void explain_rest(struct tally *tally, struct sdm_refusal *refusal, GError **error)
{
    struct sdm_planner *planner = tally->planner;
    const struct sdm_plan_request *request = &tally->wanted->request;
    int32_t n_windows = sdm_state_compute(planner->ledger, planner->compute_no)->windows.n;
    struct sdm_attempt attempt = {
        .compute_no = planner->compute_no,
        .size_bytes = request->size_bytes,
        .latency_class = request->latency_class,
        .contiguous = request->contiguous,
        .exhaustive = true,
    };
    uint32_t n_segments;

    /* The last attempt may have been for another compute brick: once more, for its counts. */
    sdm_attempt_run(planner, planner->ledger, tally->wanted, &attempt);
    n_segments = planner->n_segments;

    tally->stages[SDM_STAGE_STAGE_WINDOW] = tally->stages[SDM_STAGE_STAGE_BANDWIDTH];
    if (n_segments == planner->max_segments &&
        (int32_t)planner->max_segments == SDM_WINDOW_N_ENTRIES - n_windows) {
        tally->stages[SDM_STAGE_STAGE_WINDOW] = (struct sdm_refusal_stage){0};
        finish(tally, SDM_STAGE_STAGE_WINDOW, refusal);
        sdm_refuse(error, SDM_ERROR_NO_WINDOW,
                   "need more NetPort entries of '%s' for %" PRIu64 " bytes, %d of %d are taken",
                   name_of(tally), request->size_bytes, n_windows, SDM_WINDOW_N_ENTRIES);
    } else if (n_segments == planner->max_segments) {
        finish(tally, SDM_STAGE_STAGE_CONTIGUOUS, refusal);
        sdm_refuse(error, SDM_ERROR_NO_CAPACITY,
                   "need %" PRIu64 " bytes in at most %u segments, the largest free extents "
                   "within class '%s' of '%s' hold %" PRIu64,
                   request->size_bytes, planner->max_segments,
                   sdm_latency_class_name(request->latency_class), name_of(tally),
                   planner->placed_bytes);
    } else {
        finish(tally, SDM_STAGE_STAGE_BANDWIDTH, refusal);
        sdm_refuse(error, SDM_ERROR_NO_PATH,
                   "need paths from '%s' to %" PRIu64 " free bytes, free ports suffice for "
                   "%" PRIu64 " only",
                   name_of(tally), request->size_bytes, planner->placed_bytes);
    }
}

void sdm_explain_stages(struct sdm_planner *planner, struct sdm_ledger *ledger,
                        const struct sdm_wanted *wanted, int32_t compute_no,
                        struct sdm_refusal *refusal, GError **error)
{
    struct tally tally = {.planner = planner, .ledger = ledger, .wanted = wanted};
    struct sdm_range ranges[2 * SDM_N_LATENCY_CLASS];
    int32_t n_ranges;

    sdm_attempt_begin(planner, ledger, compute_no, 0);
    n_ranges = allowed_ranges(planner, wanted->request.latency_class, ranges);
    tally_pod(&tally);
    for (int32_t i = 0; i < n_ranges; i++) {
        tally_bytes(&tally, &ranges[i]);
    }
    if (!explain_bytes(&tally, refusal, error) &&
        !explain_paths(&tally, ranges, n_ranges, refusal, error)) {
        explain_rest(&tally, refusal, error);
    }
}

bool sdm_explain_has_bytes(struct sdm_planner *planner, struct sdm_ledger *ledger,
                           const struct sdm_wanted *wanted, int32_t compute_no)
{
    struct tally tally = {.planner = planner, .ledger = ledger, .wanted = wanted};
    struct sdm_range ranges[2 * SDM_N_LATENCY_CLASS];
    int32_t n_ranges;

    sdm_attempt_begin(planner, ledger, compute_no, 0);
    n_ranges = allowed_ranges(planner, wanted->request.latency_class, ranges);
    for (int32_t i = 0; i < n_ranges; i++) {
        tally_bytes(&tally, &ranges[i]);
    }
    return tally.stages[SDM_STAGE_STAGE_CAPACITY].free_bytes >= wanted->request.size_bytes &&
           tally.stages[SDM_STAGE_STAGE_CONTIGUOUS].n_left > 0;
}

/* Whether the request works for one of its compute bricks when it is changed so; '*compute_no'
 * tells for which. */
static bool works(struct sdm_planner *planner, struct sdm_ledger *ledger,
                  const struct sdm_wanted *wanted, struct sdm_attempt attempt, int32_t *compute_no)
{
    for (uint32_t i = 0; i < wanted->request.n_compute; i++) {
        attempt.compute_no = wanted->request.compute_nos[i];
        if (ledger->uses[attempt.compute_no].state == SDM_BRICK_STATE_ACTIVE &&
            sdm_attempt_run(planner, ledger, wanted, &attempt)) {
            *compute_no = attempt.compute_no;
            return true;
        }
    }
    return false;
}

/* The most that one segment can hold: halve the units between what works and what does not. */
static uint64_t most_contiguous(struct sdm_planner *planner, struct sdm_ledger *ledger,
                                const struct sdm_wanted *wanted, struct sdm_attempt attempt)
{
    uint64_t unit = ledger->unit_bytes;
    uint64_t low = 0;
    uint64_t high = attempt.size_bytes / unit;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        attempt.size_bytes = middle * unit;
        if (sdm_attempt_run(planner, ledger, wanted, &attempt)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low * unit;
}

/* The most that can be placed as asked, over all compute bricks. */
static void nearest_size(struct sdm_planner *planner, struct sdm_ledger *ledger,
                         const struct sdm_wanted *wanted, struct sdm_attempt attempt,
                         struct sdm_nearest *nearest)
{
    const struct sdm_plan_request *request = &wanted->request;
    uint64_t size_bytes = MIN(attempt.size_bytes / ledger->unit_bytes * ledger->unit_bytes,
                              sdm_topology_capacity_bytes(ledger->topology) + ledger->unit_bytes);

    for (uint32_t i = 0; i < request->n_compute; i++) {
        uint64_t placed_bytes;

        attempt.compute_no = request->compute_nos[i];
        attempt.size_bytes = size_bytes;
        if (ledger->uses[attempt.compute_no].state != SDM_BRICK_STATE_ACTIVE) {
            continue;
        }
        if (attempt.contiguous) {
            placed_bytes = most_contiguous(planner, ledger, wanted, attempt);
        } else {
            sdm_attempt_run(planner, ledger, wanted, &attempt);
            placed_bytes = planner->placed_bytes;
        }
        if (placed_bytes > nearest->size_bytes) {
            nearest->has_size = true;
            nearest->size_bytes = placed_bytes;
            nearest->compute_no = i > 0 ? attempt.compute_no : 0;
        }
    }
}

/* The narrowest of the classes beyond the one asked for that would do.  In a large pod an attempt
 * goes along the fabric's hierarchy only and may miss a way; so before a class is named, nearer
 * ones are tried with every way. */
static void nearest_class(struct sdm_planner *planner, struct sdm_ledger *ledger,
                          const struct sdm_wanted *wanted, struct sdm_attempt asked,
                          struct sdm_nearest *nearest)
{
    int first = (int)asked.latency_class + 1;
    int32_t compute_no;
    int found = first;

    for (; found < SDM_N_LATENCY_CLASS; found++) {
        asked.latency_class = (enum sdm_latency_class)found;
        if (works(planner, ledger, wanted, asked, &compute_no)) {
            break;
        }
    }
    if (found == SDM_N_LATENCY_CLASS) {
        return;
    }
    for (int i = first; i < found && !asked.exhaustive; i++) {
        struct sdm_attempt every = asked;

        every.latency_class = (enum sdm_latency_class)i;
        every.exhaustive = true;
        if (works(planner, ledger, wanted, every, &compute_no)) {
            found = i;
        }
    }
    nearest->has_latency_class = true;
    nearest->latency_class = (enum sdm_latency_class)found;
}

void sdm_explain_nearest(struct sdm_planner *planner, struct sdm_ledger *ledger,
                         const struct sdm_wanted *wanted, struct sdm_nearest *nearest)
{
    const struct sdm_plan_request *request = &wanted->request;
    struct sdm_attempt asked = {
        .size_bytes = request->size_bytes,
        .latency_class = request->latency_class,
        .contiguous = request->contiguous,
        .exhaustive = ledger->topology->n_of_kind[SDM_DEVICE_KIND_MEMORY] <= MAX_EXHAUSTIVE,
    };
    int32_t compute_no;

    nearest_size(planner, ledger, wanted, asked, nearest);
    nearest_class(planner, ledger, wanted, asked, nearest);
    if (request->contiguous) {
        struct sdm_attempt split = asked;

        split.contiguous = false;
        nearest->may_split = works(planner, ledger, wanted, split, &compute_no);
    }
}
