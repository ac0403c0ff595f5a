#include "sdm-controller/planner/attempt.h"

#include <string.h>

/* Bricks whose way is searched in vain, a walk: beyond it the fabric is full, and only an
 * exhaustive attempt goes on. */
enum { MAX_TRIES = 48 };
/* Bricks that a walk looks at, fragmented ones included. */
enum { MAX_STEPS = 512 };
/* How many of the emptiest bricks are added up to see whether powered ones can do alone. */
enum { MAX_SUMMED = 8 };

/* What is tried when a policy's own choice leads nowhere: as few bricks as can be, on or off. */
static const struct sdm_policy_rule parts_rule = {
    .order = SDM_WALK_MOST,
    .family = SDM_INDEX_BY_FREE,
    .pool = 2,
    .compare = sdm_policy_compare_parts,
};

bool sdm_attempt_can_share(const struct sdm_ledger *ledger, const struct sdm_path *circuit,
                           int32_t bandwidth_mbps)
{
    for (int32_t i = 0; i < circuit->n_hops && ledger->n_switches_down > 0; i++) {
        if (ledger->uses[circuit->hops[i].switch_no].state != SDM_BRICK_STATE_ACTIVE) {
            return false;
        }
    }
    return bandwidth_mbps == 0 ||
           sdm_ports_free_bandwidth(&ledger->ports, circuit) >= bandwidth_mbps;
}

int32_t sdm_attempt_bandwidth(const struct sdm_wanted *wanted, int32_t brick_no)
{
    for (uint32_t i = 0; i < wanted->n_own_bricks; i++) {
        if (wanted->own_bricks[i] == brick_no) {
            return 0;
        }
    }
    return wanted->request.bandwidth_mbps;
}

/* What an attempt for a compute brick reads, asked for in waves: each needs what the one before has
 * brought.  First what the circuits that could be shared lead to: most plans end there. */
static void prefetch_shared(const struct sdm_ledger *ledger, const struct sdm_compute *compute)
{
    for (int32_t i = 0; i < compute->n_circuits; i++) {
        const char *brick = (const char *)&ledger->bricks[compute->circuits[i].position];

        __builtin_prefetch(brick);
        __builtin_prefetch(brick + SDM_CACHE_LINE);
        __builtin_prefetch(compute->circuits[i].path);
    }
}

/* Then what a new circuit in the tray needs. */
static void prefetch_tray(const struct sdm_ledger *ledger, int32_t compute_no, int32_t tray)
{
    __builtin_prefetch(&ledger->topology->nodes[compute_no]);
    __builtin_prefetch(&ledger->ports.free_ports[compute_no]);
    __builtin_prefetch(&ledger->index.trays[tray].orders[SDM_INDEX_BY_FREE][SDM_INDEX_POWERED]);
}

static void prefetch_switch(const struct sdm_ledger *ledger, int32_t compute_no, int32_t tray)
{
    const struct sdm_node *node = &ledger->topology->nodes[compute_no];

    __builtin_prefetch(&ledger->topology->nodes[node->sole_switch]);
    __builtin_prefetch(&ledger->uses[node->sole_switch]);
    sdm_ports_prefetch(&ledger->ports, node, compute_no);
    sdm_order_prefetch(&ledger->index.trays[tray].orders[SDM_INDEX_BY_FREE][SDM_INDEX_POWERED]);
}

void sdm_attempt_begin(struct sdm_planner *planner, struct sdm_ledger *ledger, int32_t compute_no,
                       int32_t bandwidth_mbps)
{
    const struct sdm_compute *compute = sdm_state_compute(ledger, compute_no);

    planner->ledger = ledger;
    planner->compute_no = compute_no;
    prefetch_shared(ledger, compute);
    prefetch_tray(ledger, compute_no, compute->tray);
    sdm_path_begin(&planner->search, ledger, compute_no, bandwidth_mbps);
    planner->place.ledger = ledger;
    planner->place.tray = compute->tray;
    planner->place.rack = compute->rack;
    planner->place.n_trunks = -1;
}

static bool is_picked(const struct sdm_planner *planner, int32_t brick_no)
{
    for (uint32_t i = 0; i < planner->n_picks; i++) {
        if (planner->picks[i].candidate.brick_no == brick_no) {
            return true;
        }
    }
    return false;
}

static bool is_new_tray(const struct sdm_planner *planner, int32_t tray)
{
    for (uint32_t i = 0; i < planner->n_picks; i++) {
        if (planner->picks[i].candidate.tray == tray) {
            return false;
        }
    }
    return true;
}

static struct sdm_fit_rule fit_rule(const struct sdm_planner *planner, uint64_t want_bytes)
{
    return (struct sdm_fit_rule){
        .want_bytes = want_bytes,
        .max_segment_bytes = planner->max_segment_bytes,
        .max_segments = planner->max_segments - planner->n_segments,
        .contiguous = planner->contiguous,
        .lowest_extent = planner->rule->lowest_extent,
    };
}

/* What a choice among bricks looks for. */
struct choice {
    uint64_t want_bytes;
    /* Only bricks that can give all of it. */
    bool whole;
    enum sdm_index_power power;
    enum sdm_latency_class first_class;
    enum sdm_latency_class last_class;
    enum sdm_walk_order order;
    int (*compare)(const struct sdm_candidate *a, const struct sdm_candidate *b);
    /* See struct sdm_policy_rule. */
    bool shared_first;
    /* The best so far. */
    bool found;
    struct sdm_pick *best;
};

static enum sdm_latency_class class_of(const struct sdm_planner *planner,
                                       const struct sdm_brick *brick)
{
    if (brick->tray == planner->place.tray) {
        return SDM_LATENCY_CLASS_TRAY;
    }
    return brick->rack == planner->place.rack ? SDM_LATENCY_CLASS_RACK
                                              : SDM_LATENCY_CLASS_INTER_RACK;
}

/* Makes a candidate of a brick; false when it can give too little. */
static bool assess(const struct sdm_planner *planner, const struct choice *choice, int32_t position,
                   struct sdm_candidate *candidate)
{
    const struct sdm_brick *brick = &planner->ledger->bricks[position];
    const struct sdm_extents *free = &brick->free;
    struct sdm_fit_rule rule = fit_rule(planner, choice->want_bytes);
    struct sdm_fit fit = sdm_fit_extents(free, &rule, NULL);

    if (fit.bytes == 0 || (choice->whole && fit.bytes < choice->want_bytes) ||
        is_picked(planner, brick->brick_no)) {
        return false;
    }
    *candidate = (struct sdm_candidate){
        .brick_no = brick->brick_no,
        .position = position,
        .tray = brick->tray,
        .latency_class = class_of(planner, brick),
        .power = choice->power,
        .awake = brick->awake,
        .is_new_tray = is_new_tray(planner, brick->tray),
        .free_bytes = free->free_bytes,
        .largest_bytes = free->largest_bytes,
        .fit_bytes = fit.bytes,
        .n_segments = fit.n_segments,
    };
    return true;
}

static void keep_if_better(struct choice *choice, const struct sdm_candidate *candidate,
                           const struct sdm_path *path)
{
    if (choice->found && choice->compare(candidate, &choice->best->candidate) >= 0) {
        return;
    }
    choice->found = true;
    choice->best->candidate = *candidate;
    memcpy(&choice->best->path, path,
           offsetof(struct sdm_path, hops) + (size_t)path->n_hops * sizeof path->hops[0]);
}

/* Whether the brick at the end of a circuit can do, before the circuit itself is read. */
static bool assess_shared(const struct sdm_planner *planner, const struct choice *choice,
                          const struct sdm_circuit_ref *ref, struct sdm_candidate *candidate)
{
    const struct sdm_brick *brick = &planner->ledger->bricks[ref->position];

    if (!ref->is_memory || brick->state != SDM_BRICK_STATE_ACTIVE ||
        brick->power != (uint8_t)choice->power ||
        !assess(planner, choice, (int32_t)ref->position, candidate) ||
        candidate->latency_class < choice->first_class ||
        candidate->latency_class > choice->last_class) {
        return false;
    }
    candidate->shared = true;
    candidate->n_hops = (int32_t)ref->n_hops;
    return !choice->found || choice->compare(candidate, &choice->best->candidate) < 0;
}

static void choose_shared(struct sdm_planner *planner, struct choice *choice)
{
    const struct sdm_ledger *ledger = planner->ledger;
    const struct sdm_compute *compute = sdm_state_compute(ledger, planner->compute_no);

    for (int32_t i = 0; i < compute->n_circuits; i++) {
        const struct sdm_circuit_ref *ref = &compute->circuits[i];
        int32_t bandwidth_mbps = sdm_attempt_bandwidth(planner->wanted, ref->brick_no);
        struct sdm_candidate candidate;

        if (assess_shared(planner, choice, ref, &candidate) &&
            sdm_attempt_can_share(ledger, ref->path, bandwidth_mbps)) {
            keep_if_better(choice, &candidate, ref->path);
            choice->best->path.shared = true;
            choice->best->path.bandwidth_mbps = bandwidth_mbps;
        }
    }
}

/* What looking at a brick reads, asked for at once. */
static void prefetch_brick(const struct sdm_ledger *ledger, int32_t position, int32_t brick_no)
{
    __builtin_prefetch(&ledger->bricks[position]);
    __builtin_prefetch(&ledger->topology->nodes[brick_no]);
    __builtin_prefetch(&ledger->ports.free_ports[brick_no]);
    __builtin_prefetch(&ledger->uses[brick_no]);
}

/* Looks at one brick of a walk; '*tries' counts searches. */
static void consider(struct sdm_planner *planner, struct choice *choice, int32_t position,
                     uint32_t *n_found, uint32_t *tries)
{
    int32_t brick_no = planner->ledger->topology->order[SDM_DEVICE_KIND_MEMORY][position];
    struct sdm_candidate candidate;
    bool has_path;

    prefetch_brick(planner->ledger, position, brick_no);
    if (!assess(planner, choice, position, &candidate) ||
        sdm_state_circuit(planner->ledger, planner->compute_no, brick_no) != NULL) {
        return;
    }
    /* Fewer hops can only make it better: without, it is at its best. */
    if (choice->found && choice->compare(&candidate, &choice->best->candidate) >= 0) {
        (*n_found)++;
        return;
    }
    has_path = planner->exhaustive
                   ? sdm_path_sweep(&planner->search, brick_no, &planner->found_path)
                   : sdm_path_find(&planner->search, brick_no, &planner->found_path);
    if (!has_path) {
        (*tries)++;
        return;
    }
    (*n_found)++;
    candidate.n_hops = planner->found_path.n_hops;
    keep_if_better(choice, &candidate, &planner->found_path);
}

static void begin_walk(struct sdm_planner *planner, const struct choice *choice,
                       enum sdm_latency_class latency_class)
{
    uint64_t units = choice->whole ? choice->want_bytes / planner->ledger->unit_bytes : 1;
    enum sdm_index_family family =
        planner->contiguous ? SDM_INDEX_BY_LARGEST : planner->rule->family;

    if (planner->exhaustive) {
        uint32_t n;
        const int32_t *reached = sdm_path_reached(&planner->search, &n);

        sdm_walk_begin_reached(&planner->walk, &planner->place, latency_class, choice->power,
                               reached, n);
        return;
    }
    if (latency_class != SDM_LATENCY_CLASS_TRAY && planner->place.n_trunks < 0) {
        planner->place.is_open = planner->ledger->uses[planner->compute_no].n_open_ports > 0;
        planner->place.n_trunks = sdm_path_trunks(&planner->search, planner->place.trunks);
    }
    sdm_walk_begin(&planner->walk, &planner->place, latency_class, choice->order, family,
                   choice->power, units);
}

static void choose_new(struct sdm_planner *planner, struct choice *choice,
                       enum sdm_latency_class latency_class)
{
    uint32_t pool = planner->exhaustive ? UINT32_MAX : planner->rule->pool;
    uint32_t limit = planner->exhaustive ? UINT32_MAX : MAX_TRIES;
    uint32_t steps = planner->exhaustive ? UINT32_MAX : MAX_STEPS;
    uint32_t n_found = 0;
    uint32_t tries = 0;
    int32_t position;

    if (latency_class == SDM_LATENCY_CLASS_TRAY) {
        prefetch_switch(planner->ledger, planner->compute_no, planner->place.tray);
    }
    begin_walk(planner, choice, latency_class);
    while (n_found < pool && tries < limit && steps-- > 0 &&
           sdm_walk_next(&planner->walk, &position)) {
        consider(planner, choice, position, &n_found, &tries);
    }
}

/* The best brick of the classes and the power asked for; false when none will do. */
static bool choose(struct sdm_planner *planner, struct choice *choice)
{
    choice->found = false;
    choose_shared(planner, choice);
    if (choice->found && choice->shared_first) {
        return true;
    }
    for (int i = choice->first_class; i <= (int)choice->last_class; i++) {
        choose_new(planner, choice, (enum sdm_latency_class)i);
    }
    return choice->found;
}

static bool choose_whole(struct sdm_planner *planner, struct choice *choice,
                         enum sdm_index_power power)
{
    choice->whole = true;
    choice->power = power;
    choice->order = planner->rule->order;
    choice->compare = planner->rule->compare;
    choice->shared_first = planner->rule->shared_first;
    return choose(planner, choice);
}

static bool choose_part(struct sdm_planner *planner, struct choice *choice,
                        enum sdm_index_power power)
{
    if (planner->contiguous) {
        return false;
    }
    choice->whole = false;
    choice->power = power;
    choice->order = planner->rule->order == SDM_WALK_POSITION ? SDM_WALK_POSITION : SDM_WALK_MOST;
    choice->compare = planner->rule->order == SDM_WALK_POSITION ? planner->rule->compare
                                                                : sdm_policy_compare_parts;
    choice->shared_first = planner->rule->shared_first && choice->compare == planner->rule->compare;
    return choose(planner, choice);
}

/* Whether the emptiest powered bricks of a class hold what is wanted; an exhaustive attempt knows
 * which of them can be reached, others do not. */
static bool powered_suffice(struct sdm_planner *planner, const struct choice *choice)
{
    struct choice parts = *choice;
    uint32_t limit = planner->exhaustive ? UINT32_MAX : MAX_SUMMED;
    uint64_t sum = 0;

    parts.whole = false;
    parts.power = SDM_INDEX_POWERED;
    parts.order = SDM_WALK_MOST;
    for (int i = choice->first_class; i <= (int)choice->last_class; i++) {
        int32_t position;
        uint32_t n = 0;

        begin_walk(planner, &parts, (enum sdm_latency_class)i);
        while (n++ < limit && sum < choice->want_bytes &&
               sdm_walk_next(&planner->walk, &position)) {
            sum += planner->ledger->bricks[position].free.free_bytes;
        }
    }
    return sum >= choice->want_bytes;
}

/* One brick out of these classes: powered ones first, unless only waking one more will do. */
static bool choose_in(struct sdm_planner *planner, struct choice *choice)
{
    if (choose_whole(planner, choice, SDM_INDEX_POWERED)) {
        return true;
    }
    if (planner->rule != &parts_rule && !planner->contiguous && powered_suffice(planner, choice) &&
        choose_part(planner, choice, SDM_INDEX_POWERED)) {
        return true;
    }
    return choose_whole(planner, choice, SDM_INDEX_OFF) ||
           choose_part(planner, choice, SDM_INDEX_POWERED) ||
           choose_part(planner, choice, SDM_INDEX_OFF);
}

static bool choose_brick(struct sdm_planner *planner, uint64_t want_bytes, struct sdm_pick *pick)
{
    struct choice choice = {.want_bytes = want_bytes, .best = pick};
    int last = (int)planner->latency_class;

    for (int i = SDM_LATENCY_CLASS_TRAY; planner->rule->by_class && i <= last; i++) {
        choice.first_class = (enum sdm_latency_class)i;
        choice.last_class = (enum sdm_latency_class)i;
        if (choose_in(planner, &choice)) {
            return true;
        }
    }
    choice.first_class = SDM_LATENCY_CLASS_TRAY;
    choice.last_class = planner->latency_class;
    return !planner->rule->by_class && choose_in(planner, &choice);
}

/* Makes the pick's path taken, so that the next search sees it. */
static void apply(struct sdm_planner *planner)
{
    const struct sdm_path *path = &planner->picks[planner->n_applied].path;
    struct sdm_ports *ports = &planner->ledger->ports;

    if (path->shared) {
        sdm_ports_claim_bandwidth(ports, path, path->bandwidth_mbps);
    } else {
        sdm_ports_apply(ports, path);
    }
    planner->n_applied++;
    sdm_attempt_begin(planner, planner->ledger, planner->compute_no,
                      planner->wanted->request.bandwidth_mbps);
}

static void undo_all(struct sdm_planner *planner)
{
    while (planner->n_applied > 0) {
        const struct sdm_path *path = &planner->picks[--planner->n_applied].path;
        struct sdm_ports *ports = &planner->ledger->ports;

        if (path->shared) {
            sdm_ports_claim_bandwidth(ports, path, -path->bandwidth_mbps);
        } else {
            sdm_ports_undo(ports, path);
        }
    }
}

/* Takes the segments that the pick at the end of the list is to give. */
static void place(struct sdm_planner *planner, uint64_t want_bytes)
{
    struct sdm_pick *pick = &planner->picks[planner->n_picks];
    const struct sdm_brick *brick = sdm_state_brick(planner->ledger, pick->candidate.brick_no);
    struct sdm_fit_rule rule = fit_rule(planner, want_bytes);
    struct sdm_fit fit = sdm_fit_extents(&brick->free, &rule, planner->pieces);

    for (uint32_t i = 0; i < fit.n_segments; i++) {
        planner->segments[planner->n_segments++] = (struct sdm_plan_segment){
            .extent = {pick->candidate.brick_no, planner->pieces[i].offset_bytes,
                       planner->pieces[i].size_bytes},
            .latency_class = pick->candidate.latency_class,
            .path = planner->n_picks,
        };
    }
    pick->path.n_users = (int32_t)fit.n_segments;
    planner->placed_bytes += fit.bytes;
    planner->n_picks++;
}

static uint64_t share_of(const struct sdm_planner *planner, uint64_t size_bytes)
{
    uint64_t unit = planner->ledger->unit_bytes;
    uint64_t n = MIN(size_bytes / unit, MIN(planner->params.max_spread, planner->max_segments));

    if (!planner->rule->shares || planner->contiguous || n < 2) {
        return size_bytes;
    }
    return (size_bytes / unit + n - 1) / n * unit;
}

static bool fill(struct sdm_planner *planner, uint64_t size_bytes)
{
    uint64_t share = share_of(planner, size_bytes);

    while (planner->placed_bytes < size_bytes) {
        uint64_t rest = size_bytes - planner->placed_bytes;
        uint64_t want = MIN(share, rest);

        if (planner->n_segments == planner->max_segments ||
            !choose_brick(planner, want, &planner->picks[planner->n_picks])) {
            return false;
        }
        place(planner, want);
        if (planner->placed_bytes < size_bytes) {
            apply(planner);
        }
    }
    return true;
}

static void set_limits(struct sdm_planner *planner, const struct sdm_wanted *wanted,
                       int32_t compute_no)
{
    uint64_t unit = planner->ledger->unit_bytes;
    int32_t n_entries =
        SDM_WINDOW_N_ENTRIES - sdm_state_compute(planner->ledger, compute_no)->windows.n;
    uint32_t most = MIN(planner->params.max_segments, (uint32_t)SDM_PLANNER_MAX_SEGMENTS);

    planner->max_segment_bytes = wanted->request.mode == SDM_MODE_VM
                                     ? MAX(planner->params.max_segment_bytes / unit * unit, unit)
                                     : UINT64_MAX;
    planner->max_segments = most > wanted->n_own_segments ? most - wanted->n_own_segments : 0;
    planner->max_segments = MIN(planner->max_segments, (uint32_t)MAX(n_entries, 0));
}

static bool run(struct sdm_planner *planner, const struct sdm_attempt *attempt,
                const struct sdm_policy_rule *rule)
{
    bool done;

    sdm_attempt_begin(planner, planner->ledger, attempt->compute_no,
                      planner->wanted->request.bandwidth_mbps);
    planner->rule = rule;
    planner->n_picks = 0;
    planner->n_segments = 0;
    planner->placed_bytes = 0;
    done = fill(planner, attempt->size_bytes);
    undo_all(planner);
    return done;
}

bool sdm_attempt_run(struct sdm_planner *planner, struct sdm_ledger *ledger,
                     const struct sdm_wanted *wanted, const struct sdm_attempt *attempt)
{
    uint64_t placed_bytes;

    planner->ledger = ledger;
    planner->wanted = wanted;
    planner->latency_class = attempt->latency_class;
    planner->contiguous = attempt->contiguous;
    planner->exhaustive = attempt->exhaustive;
    set_limits(planner, wanted, attempt->compute_no);
    if (planner->contiguous) {
        planner->max_segments = MIN(planner->max_segments, 1);
    }
    if (run(planner, attempt, sdm_policy_rule(wanted->request.policy))) {
        return true;
    }
    /* What the policy prefers may use up ports or segments; the emptiest bricks need fewest. */
    placed_bytes = planner->placed_bytes;
    if (run(planner, attempt, &parts_rule)) {
        return true;
    }
    /* Another size makes other shares, so what they placed says nothing of it. */
    if (!sdm_policy_rule(wanted->request.policy)->shares) {
        planner->placed_bytes = MAX(planner->placed_bytes, placed_bytes);
    }
    return false;
}
