/* Random requests, reports, refusals and delays against a small model of database, switches and
 * agent: whatever their order, no segment is scrubbed that a window can still reach, no window is
 * forgotten that an agent may have, and all of it comes to rest. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sdm-controller/compile/report.h"
#include "sdm-controller/model/progress.h"
#include "sdm-controller/model/reservation.h"

#define ABSENT SDM_WINDOW_LEVEL_ABSENT

enum { MAX = 8, MAX_STEPS = 16, N_RUNS = 600, N_ACTIONS = 120, N_REST = 200 };

/* What the agent of the one compute brick was told, and has. */
struct agent {
    struct sdm_s7_want want;
    struct sdm_wire_wanted_window told[MAX];
    /* On its way: only the last one counts. */
    struct sdm_s7_want coming;
    struct sdm_wire_wanted_window coming_windows[MAX];
    bool is_coming;
    struct sdm_wire_found_window has[MAX];
    size_t n_has;
};

struct world {
    GRand *random;
    const char *label;
    struct sdm_snapshot s;
    struct sdm_snapshot_segment segments[MAX];
    struct sdm_snapshot_attachment attachments[1];
    struct sdm_snapshot_window windows[MAX];
    int64_t generations[MAX]; /* of 'windows' */
    struct sdm_snapshot_circuit circuits[2];
    struct sdm_snapshot_route routes[MAX];
    int64_t generation;
    int n_ids;
    struct agent agent;
    bool is_faulty;
    /* Segments of refused growth. */
    int n_given_up;
};

#define CHECK(world, condition, ...)                                                               \
    cr_assert((condition), "%s: " #condition " " G_STRINGIFY(__LINE__), (world)->label)

static bool chance(struct world *world, int percent)
{
    return g_rand_int_range(world->random, 0, 100) < percent;
}

/* --- The agent. */

static struct sdm_wire_found_window *agent_has(struct agent *agent, const char *window)
{
    for (size_t i = 0; i < agent->n_has; i++) {
        if (strcmp(agent->has[i].window, window) == 0) {
            return &agent->has[i];
        }
    }
    return NULL;
}

/* May have it now, or come to have it by what it was told or is being told. */
static bool agent_may_have(struct agent *agent, const char *window)
{
    for (size_t i = 0; i < agent->want.n_windows; i++) {
        if (strcmp(agent->told[i].window, window) == 0) {
            return true;
        }
    }
    for (size_t i = 0; agent->is_coming && i < agent->coming.n_windows; i++) {
        if (strcmp(agent->coming_windows[i].window, window) == 0) {
            return true;
        }
    }
    return agent_has(agent, window) != NULL;
}

static void agent_receive(struct agent *agent)
{
    if (agent->is_coming) {
        agent->want = agent->coming;
        memcpy(agent->told, agent->coming_windows, sizeof agent->told);
        agent->is_coming = false;
    }
}

static const struct sdm_wire_wanted_window *agent_wants(const struct agent *agent, const char *id)
{
    for (size_t i = 0; i < agent->want.n_windows; i++) {
        if (strcmp(agent->told[i].window, id) == 0) {
            return &agent->told[i];
        }
    }
    return NULL;
}

/* One step of one window; with faults, a refusal now and then. */
static void agent_step(struct world *world)
{
    struct agent *agent = &world->agent;

    for (size_t i = 0; i < agent->want.n_windows; i++) {
        struct sdm_wire_found_window *found = agent_has(agent, agent->told[i].window);

        if (found == NULL) {
            found = &agent->has[agent->n_has++];
            *found = (struct sdm_wire_found_window){.have = ABSENT};
            g_strlcpy(found->window, agent->told[i].window, sizeof found->window);
        }
        found->has_error_code =
            world->is_faulty && found->have < agent->told[i].want && chance(world, 10);
        found->error_code = SDM_ERROR_NO_SLOT;
        if (found->have < agent->told[i].want && !found->has_error_code) {
            found->have++;
        }
    }
    for (size_t i = agent->n_has; i > 0; i--) {
        struct sdm_wire_found_window *found = &agent->has[i - 1];

        if (agent_wants(agent, found->window) != NULL) {
            continue;
        }
        if (found->have > ABSENT) {
            found->have--;
        }
        if (found->have == ABSENT) {
            *found = agent->has[--agent->n_has];
        }
    }
}

/* --- The database: what settle does with a step. */

static void forget_window(struct world *world, size_t i)
{
    struct sdm_snapshot *s = &world->s;

    CHECK(world, !world->windows[i].offered);
    CHECK(world, !agent_may_have(&world->agent, world->windows[i].window));
    s->n_windows--;
    memmove(&world->windows[i], &world->windows[i + 1],
            (s->n_windows - i) * sizeof world->windows[0]);
    memmove(&world->generations[i], &world->generations[i + 1],
            (s->n_windows - i) * sizeof world->generations[0]);
}

static bool is_crossed(const struct world *world, size_t circuit)
{
    for (size_t i = 0; i < world->s.n_windows; i++) {
        if (world->windows[i].circuit == circuit) {
            return true;
        }
    }
    return world->circuits[circuit].n_other_windows > 0;
}

/* No window reaches the segment, and its circuit is cut unless other windows need it. */
static void check_scrub(struct world *world, size_t segment)
{
    for (size_t i = 0; i < world->s.n_windows; i++) {
        CHECK(world, world->windows[i].segment != segment);
    }
    for (size_t i = 0; i < world->s.n_routes; i++) {
        size_t circuit = world->routes[i].circuit;

        CHECK(world, world->routes[i].segment != segment || !world->circuits[circuit].have_up ||
                         is_crossed(world, circuit));
    }
}

static void drop_route(struct world *world, size_t i)
{
    world->routes[i] = world->routes[--world->s.n_routes];
}

static bool apply_windows(struct world *world, const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = world->s.n_windows; i > 0; i--) {
        const struct sdm_progress_window *step = &progress->windows[i - 1];

        CHECK(world, !(step->undo && step->settle));
        if (step->undo) {
            world->windows[i - 1].want = ABSENT;
            world->generations[i - 1] = ++world->generation;
        }
        world->windows[i - 1].settled |= step->settle;
        changed |= step->undo || step->settle || step->drop;
        if (step->drop) {
            forget_window(world, i - 1);
        }
    }
    return changed;
}

static bool apply_attachment(struct world *world, const struct sdm_progress_attachment *step)
{
    struct sdm_snapshot_attachment *attachment = &world->attachments[0];
    bool changed = step->drop || step->want != attachment->want || step->have != attachment->have;

    if (step->drop) {
        world->s.n_attachments = 0;
        return true;
    }
    attachment->want = step->want;
    attachment->have = step->have;
    if (changed && step->want != ABSENT && step->have == step->want) {
        attachment->error_code = NULL;
    }
    return changed;
}

static bool apply_segments(struct world *world, const struct sdm_progress *progress)
{
    bool changed = false;

    for (size_t i = 0; i < world->s.n_segments; i++) {
        bool given_up = progress->segments[i].want_free && !world->segments[i].want_free;

        changed |= given_up;
        world->n_given_up += given_up;
        world->segments[i].want_free = progress->segments[i].want_free;
        if (progress->segments[i].scrub) {
            check_scrub(world, i);
            world->segments[i].state = SDM_SEGMENT_STATE_SCRUBBING;
            changed = true;
        }
    }
    for (size_t i = world->s.n_routes; i > 0; i--) {
        if (progress->routes[i - 1].drop) {
            drop_route(world, i - 1);
            changed = true;
        }
    }
    return changed;
}

static bool step(struct world *world)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_progress progress;
    bool changed;

    sdm_progress_next(&world->s, arena, &progress);
    changed = apply_windows(world, &progress);
    changed |= world->s.n_attachments > 0 && apply_attachment(world, &progress.attachments[0]);
    changed |= apply_segments(world, &progress);
    for (size_t i = 0; i < world->s.n_circuits; i++) {
        CHECK(world, !progress.circuits[i].idle || !world->circuits[i].have_up);
        changed |= world->circuits[i].want_up != progress.circuits[i].want_up;
        world->circuits[i].want_up = progress.circuits[i].want_up;
    }
    changed |= world->s.state != progress.state;
    CHECK(world, sdm_reservation_may_move(world->s.state, progress.state));
    world->s.state = progress.state;
    return changed;
}

static void settle(struct world *world)
{
    int n = 0;

    while (step(world)) {
        CHECK(world, ++n < MAX_STEPS);
    }
}

/* --- What happens: requests, as the use cases of the reservation engine make them. */

static void add_segment(struct world *world)
{
    size_t i = world->s.n_segments++;
    size_t circuit = (size_t)g_rand_int_range(world->random, 0, (int)world->s.n_circuits);

    world->segments[i] = (struct sdm_snapshot_segment){.size_bytes = 1};
    world->routes[world->s.n_routes++] = (struct sdm_snapshot_route){i, circuit};
}

static size_t circuit_of(const struct world *world, size_t segment)
{
    for (size_t i = 0; i < world->s.n_routes; i++) {
        if (world->routes[i].segment == segment) {
            return world->routes[i].circuit;
        }
    }
    g_assert_not_reached();
}

static void wire(struct world *world, size_t segment)
{
    size_t i = world->s.n_windows++;

    world->windows[i] = (struct sdm_snapshot_window){.segment = segment,
                                                     .circuit = circuit_of(world, segment),
                                                     .want = SDM_WINDOW_LEVEL_ATTACHED};
    g_snprintf(world->windows[i].window, sizeof world->windows[i].window, "w%d", world->n_ids++);
    world->generations[i] = ++world->generation;
}

static void unwant(struct world *world, size_t first_segment)
{
    world->generation++;
    for (size_t i = 0; i < world->s.n_windows; i++) {
        if (world->windows[i].segment >= first_segment && world->windows[i].want != ABSENT) {
            world->windows[i].want = ABSENT;
            world->generations[i] = world->generation;
        }
    }
}

static void attach(struct world *world)
{
    if (world->s.state != SDM_RESERVATION_STATE_HELD || world->s.n_attachments > 0) {
        return;
    }
    world->s.n_attachments = 1;
    world->attachments[0] =
        (struct sdm_snapshot_attachment){.compute_no = 1, .want = SDM_WINDOW_LEVEL_ATTACHED};
    for (size_t i = 0; i < world->s.n_segments; i++) {
        if (!world->segments[i].want_free) {
            wire(world, i);
        }
    }
}

static void detach(struct world *world)
{
    if (world->s.state == SDM_RESERVATION_STATE_ATTACHED ||
        world->s.state == SDM_RESERVATION_STATE_ATTACHING) {
        unwant(world, 0);
    }
}

static void resize(struct world *world)
{
    size_t last = world->s.n_segments - 1;

    if (world->s.state != SDM_RESERVATION_STATE_HELD &&
        world->s.state != SDM_RESERVATION_STATE_ATTACHED) {
        return;
    }
    if (chance(world, 60) && world->s.n_segments < MAX / 2 && world->s.n_windows < MAX / 2) {
        add_segment(world);
        if (world->s.n_attachments > 0) {
            wire(world, world->s.n_segments - 1);
        }
    } else if (last > 0 && world->s.n_segments > 1 && !world->segments[last].want_free) {
        unwant(world, last);
        world->segments[last].want_free = true;
    }
}

static void release(struct world *world)
{
    if (world->s.state >= SDM_RESERVATION_STATE_RELEASING) {
        return;
    }
    unwant(world, 0);
    for (size_t i = 0; i < world->s.n_segments; i++) {
        world->segments[i].want_free = true;
    }
    world->s.state = SDM_RESERVATION_STATE_RELEASING;
}

/* --- What happens: pieces of the synthesizer. */

static void work_circuit(struct world *world, size_t i)
{
    struct sdm_snapshot_circuit *circuit = &world->circuits[i];

    if (circuit->want_up && !circuit->have_up && world->is_faulty && chance(world, 20)) {
        for (size_t j = 0; j < world->s.n_windows; j++) {
            if (world->windows[j].circuit == i && !world->windows[j].settled &&
                world->windows[j].want != ABSENT) {
                world->attachments[0].error_code = "FABRIC_REFUSED";
            }
        }
        return;
    }
    for (size_t j = 0; !circuit->want_up && j < world->s.n_windows; j++) {
        CHECK(world, world->windows[j].circuit != i ||
                         !agent_may_have(&world->agent, world->windows[j].window));
    }
    circuit->have_up = circuit->want_up;
}

static void work_agent(struct world *world)
{
    struct agent *agent = &world->agent;

    agent->coming = (struct sdm_s7_want){.generation = (uint64_t)world->generation};
    for (size_t i = 0; i < world->s.n_windows; i++) {
        struct sdm_snapshot_window *window = &world->windows[i];
        struct sdm_wire_wanted_window *told = &agent->coming_windows[agent->coming.n_windows];

        window->offered |= window->want != ABSENT && world->circuits[window->circuit].have_up;
        if (window->want != ABSENT && window->offered) {
            *told = (struct sdm_wire_wanted_window){.want = window->want};
            g_strlcpy(told->window, window->window, sizeof told->window);
            agent->coming.n_windows++;
        }
    }
    agent->is_coming = true;
}

static void take_report(struct world *world)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_s7_report report = {.generation = world->agent.want.generation,
                                         .windows = world->agent.has,
                                         .n_windows = world->agent.n_has};
    struct sdm_known_window known[MAX] = {0};
    struct sdm_report_findings findings;
    const char *failure = NULL;
    bool any_changed = false;

    for (size_t i = 0; i < world->s.n_windows; i++) {
        known[i].generation = world->generations[i];
        known[i].want = world->windows[i].want;
        known[i].have = world->windows[i].have;
        known[i].offered = world->windows[i].offered;
        g_strlcpy(known[i].window, world->windows[i].window, sizeof known[i].window);
    }
    sdm_compile_report(&report, known, world->s.n_windows, arena, &findings);
    CHECK(world, findings.n_strangers == 0);
    for (size_t i = 0; i < world->s.n_windows; i++) {
        const struct sdm_report_finding *finding = &findings.findings[i];

        world->windows[i].have = finding->have;
        world->windows[i].offered &= !finding->gone;
        any_changed |= finding->changed;
        if (finding->found != NULL && finding->found->has_error_code) {
            failure = "NO_SLOT";
        }
    }
    if (any_changed || failure != NULL) {
        world->attachments[0].error_code = failure;
    }
}

static void work_scrub(struct world *world)
{
    for (size_t i = world->s.n_segments; i > 0; i--) {
        if (world->segments[i - 1].state != SDM_SEGMENT_STATE_SCRUBBING || chance(world, 50)) {
            continue;
        }
        world->s.n_segments--;
        memmove(&world->segments[i - 1], &world->segments[i],
                (world->s.n_segments - i + 1) * sizeof world->segments[0]);
        for (size_t j = 0; j < world->s.n_routes; j++) {
            CHECK(world, world->routes[j].segment != i - 1);
            world->routes[j].segment -= world->routes[j].segment > i - 1;
        }
        for (size_t j = 0; j < world->s.n_windows; j++) {
            CHECK(world, world->windows[j].segment != i - 1);
            world->windows[j].segment -= world->windows[j].segment > i - 1;
        }
    }
}

static void happen(struct world *world)
{
    switch (g_rand_int_range(world->random, 0, 6)) {
    case 0:
        work_circuit(world, (size_t)g_rand_int_range(world->random, 0, (int)world->s.n_circuits));
        break;
    case 1:
        work_agent(world);
        break;
    case 2:
        agent_receive(&world->agent);
        break;
    case 3:
        agent_step(world);
        break;
    case 4:
        take_report(world);
        break;
    default:
        work_scrub(world);
        break;
    }
    settle(world);
}

static void request(struct world *world)
{
    static void (*const requests[])(struct world *) = {attach, attach, resize, resize, detach};

    if (world->s.state < SDM_RESERVATION_STATE_RELEASING && world->s.n_segments > 0) {
        requests[g_rand_int_range(world->random, 0, G_N_ELEMENTS(requests))](world);
        settle(world);
    }
}

static void init(struct world *world, unsigned seed, const char *label)
{
    memset(world, 0, sizeof *world);
    world->random = g_rand_new_with_seed(seed);
    world->label = label;
    world->is_faulty = true;
    world->s = (struct sdm_snapshot){.mode = SDM_MODE_VM,
                                     .compute_no = 1,
                                     .segments = world->segments,
                                     .attachments = world->attachments,
                                     .windows = world->windows,
                                     .circuits = world->circuits,
                                     .n_circuits = 2,
                                     .routes = world->routes};
    for (size_t i = 0; i < 2; i++) {
        bool shared = chance(world, 25);

        world->circuits[i] = (struct sdm_snapshot_circuit){.compute_no = 1,
                                                           .brick_no = (int32_t)(10 + i),
                                                           .want_up = shared,
                                                           .have_up = shared,
                                                           .n_other_windows = shared,
                                                           .n_other_segments = shared};
    }
    for (int n = g_rand_int_range(world->random, 1, 4); n > 0; n--) {
        add_segment(world);
    }
}

/* Nothing is on its way. */
static void check_at_rest(struct world *world)
{
    enum sdm_reservation_state state = world->s.state;

    CHECK(world, state == SDM_RESERVATION_STATE_HELD || state == SDM_RESERVATION_STATE_ATTACHED ||
                     state == SDM_RESERVATION_STATE_RELEASED);
    for (size_t i = 0; i < world->s.n_windows; i++) {
        CHECK(world, world->windows[i].want == world->windows[i].have);
    }
    for (size_t i = 0; i < world->s.n_segments; i++) {
        CHECK(world, !world->segments[i].want_free);
    }
    for (size_t i = 0; i < world->s.n_circuits; i++) {
        CHECK(world, world->circuits[i].want_up == world->circuits[i].have_up);
    }
    CHECK(world, world->s.n_windows == world->agent.n_has);
    CHECK(world, (world->s.n_attachments > 0) == (state == SDM_RESERVATION_STATE_ATTACHED));
    /* What is attached is attached whole: a refused growth has given its segments back. */
    CHECK(world,
          state != SDM_RESERVATION_STATE_ATTACHED || world->s.n_windows == world->s.n_segments);
}

static void rest(struct world *world)
{
    world->is_faulty = false;
    for (int i = 0; i < N_REST; i++) {
        happen(world);
    }
    check_at_rest(world);
}

Test(progress, whatever_the_order_it_comes_to_rest)
{
    int n_ends[SDM_N_RESERVATION_STATE] = {0};
    int n_given_up = 0;

    for (unsigned seed = 0; seed < N_RUNS; seed++) {
        struct world world;
        char label[32];

        g_snprintf(label, sizeof label, "seed %u", seed);
        init(&world, seed, label);
        for (int i = 0; i < N_ACTIONS; i++) {
            (chance(&world, 10) ? request : happen)(&world);
        }
        rest(&world);
        n_ends[world.s.state]++;
        world.is_faulty = chance(&world, 50);
        if (world.s.n_segments > 0) {
            release(&world);
            settle(&world);
            rest(&world);
            CHECK(&world, world.s.state == SDM_RESERVATION_STATE_RELEASED);
            CHECK(&world, world.s.n_windows + world.s.n_segments + world.s.n_routes == 0);
        }
        n_given_up += world.n_given_up;
        g_rand_free(world.random);
    }
    cr_assert_gt(n_given_up, N_RUNS / 50, "%d", n_given_up);
    cr_assert_gt(n_ends[SDM_RESERVATION_STATE_HELD], N_RUNS / 20);
    cr_assert_gt(n_ends[SDM_RESERVATION_STATE_ATTACHED], N_RUNS / 20);
}
