#include "sdm-controller/model/progress.h"

#include <criterion/criterion.h>

#include "snapshot_fixture.h"

#define STATE(name) SDM_RESERVATION_STATE_##name

static struct sdm_arena *arena;

static void set_up(void)
{
    arena = sdm_arena_new();
}

static void tear_down(void)
{
    sdm_arena_free(arena);
}

TestSuite(progress, .init = set_up, .fini = tear_down);

static struct sdm_progress next(const struct fixture *f)
{
    struct sdm_progress progress;

    sdm_progress_next(&f->s, arena, &progress);
    return progress;
}

struct levels {
    enum sdm_window_level want;
    enum sdm_window_level have;
};

static const struct {
    const char *label;
    enum sdm_reservation_state state;
    int n_windows;
    struct levels windows[2];
    enum sdm_reservation_state next;
} states[] = {
    {"held, used nowhere", STATE(HELD), 0, {{0}}, STATE(HELD)},
    {"attach", STATE(HELD), 1, {{ATTACHED, ABSENT}}, STATE(ATTACHING)},
    {"half-way", STATE(ATTACHING), 1, {{ATTACHED, MAPPED}}, STATE(ATTACHING)},
    {"one of two",
     STATE(ATTACHING),
     2,
     {{ATTACHED, ATTACHED}, {ATTACHED, ABSENT}},
     STATE(ATTACHING)},
    {"every window",
     STATE(ATTACHING),
     2,
     {{ATTACHED, ATTACHED}, {ATTACHED, ATTACHED}},
     STATE(ATTACHED)},
    {"device mode", STATE(ATTACHING), 1, {{MAPPED, MAPPED}}, STATE(ATTACHED)},
    {"resize up", STATE(ATTACHED), 2, {{ATTACHED, ATTACHED}, {ATTACHED, ABSENT}}, STATE(ATTACHING)},
    {"resize down",
     STATE(ATTACHED),
     2,
     {{ATTACHED, ATTACHED}, {ABSENT, ATTACHED}},
     STATE(DETACHING)},
    {"detach", STATE(ATTACHED), 1, {{ABSENT, ATTACHED}}, STATE(DETACHING)},
    {"given up by the guest", STATE(DETACHING), 1, {{ABSENT, MAPPED}}, STATE(DETACHING)},
    {"gone", STATE(DETACHING), 1, {{ABSENT, ABSENT}}, STATE(HELD)},
    {"lost what it had", STATE(ATTACHED), 1, {{ATTACHED, ABSENT}}, STATE(ATTACHING)},
    {"up goes before down",
     STATE(ATTACHED),
     2,
     {{ATTACHED, ABSENT}, {ABSENT, ATTACHED}},
     STATE(ATTACHING)},
    {"more than wanted", STATE(ATTACHED), 1, {{MAPPED, ATTACHED}}, STATE(ATTACHED)},
    {"released is the end", STATE(RELEASED), 0, {{0}}, STATE(RELEASED)},
    {"failed is the end", STATE(FAILED), 1, {{ATTACHED, ABSENT}}, STATE(FAILED)},
    {"releasing waits", STATE(RELEASING), 1, {{ABSENT, ATTACHED}}, STATE(RELEASING)},
};

Test(progress, the_state_follows_the_windows)
{
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, states[i].state, 2);
        for (int j = 0; j < states[i].n_windows; j++) {
            fixture_window(&f, states[i].windows[j].want, states[i].windows[j].have)->offered =
                states[i].windows[j].have != ABSENT;
        }
        progress = next(&f);
        cr_assert_eq(progress.state, states[i].next, "%s: %s", states[i].label,
                     sdm_reservation_state_name(progress.state));
        cr_assert_not(progress.refused, "%s", states[i].label);
    }
}

Test(progress, an_offered_window_goes_only_when_its_agent_has_said_so)
{
    static const struct {
        const char *label;
        enum sdm_window_level want;
        enum sdm_window_level have;
        bool offered;
        bool drop;
    } cases[] = {
        {"never told, not wanted", ABSENT, ABSENT, false, true},
        {"told, nothing found yet", ABSENT, ABSENT, true, false},
        {"told, still there", ABSENT, MAPPED, true, false},
        {"wanted, not there yet", ATTACHED, ABSENT, false, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, STATE(DETACHING), 1);
        fixture_window(&f, cases[i].want, cases[i].have)->offered = cases[i].offered;
        progress = next(&f);
        cr_assert_eq(progress.windows[0].drop, cases[i].drop, "%s", cases[i].label);
        cr_assert_eq(progress.attachments[0].drop, cases[i].drop, "%s", cases[i].label);
        cr_assert_eq(progress.circuits[0].want_up, !cases[i].drop, "%s", cases[i].label);
    }
}

Test(progress, an_attachment_is_where_its_slowest_window_is)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(ATTACHING), 3);
    fixture_window(&f, ATTACHED, ATTACHED);
    fixture_window(&f, ATTACHED, MAPPED);
    fixture_window(&f, ABSENT, ABSENT);
    progress = next(&f);
    cr_assert_eq(progress.attachments[0].have, MAPPED);
    cr_assert_eq(progress.attachments[0].want, ATTACHED);
    cr_assert(progress.windows[2].drop);
    cr_assert_not(progress.windows[0].settle, "the second has not come");
    f.windows[1].have = ATTACHED;
    progress = next(&f);
    cr_assert_eq(progress.attachments[0].have, ATTACHED);
    cr_assert(progress.windows[0].settle && progress.windows[1].settle);
    cr_assert_not(progress.windows[2].settle, "it goes");
    f.windows[0].want = f.windows[1].want = ABSENT;
    cr_assert_eq(next(&f).attachments[0].want, ABSENT);
}

Test(progress, a_refused_attach_is_undone_whole_and_keeps_its_segments)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(ATTACHING), 2);
    fixture_window(&f, ATTACHED, ATTACHED);
    fixture_window(&f, ATTACHED, ABSENT);
    f.attachments[0].error_code = "NO_SLOT";
    progress = next(&f);
    cr_assert(progress.refused);
    cr_assert(progress.windows[0].undo && progress.windows[1].undo);
    cr_assert_not(progress.windows[0].drop, "the guest has it still");
    cr_assert(progress.windows[1].drop, "nobody was told of it");
    cr_assert_not(progress.windows[0].settle);
    cr_assert_eq(progress.attachments[0].want, ABSENT);
    cr_assert_not(progress.segments[0].want_free || progress.segments[1].want_free);
    cr_assert_eq(progress.state, STATE(DETACHING));
    cr_assert(progress.circuits[0].want_up);
    cr_assert_not(progress.circuits[1].want_up);
}

Test(progress, a_refused_growth_gives_its_segments_back)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(ATTACHING), 2);
    fixture_window(&f, ATTACHED, ATTACHED)->settled = true;
    fixture_window(&f, ATTACHED, MAPPED);
    f.attachments[0].error_code = "NO_SLOT";
    progress = next(&f);
    cr_assert(progress.refused);
    cr_assert_not(progress.windows[0].undo);
    cr_assert(progress.windows[1].undo);
    cr_assert_not(progress.segments[0].want_free);
    cr_assert(progress.segments[1].want_free);
    cr_assert_not(progress.segments[1].scrub, "it is mapped");
    cr_assert_eq(progress.attachments[0].want, ATTACHED);
    cr_assert_eq(progress.state, STATE(DETACHING));
}

Test(progress, an_error_without_anything_new_undoes_nothing)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(DETACHING), 2);
    fixture_window(&f, ATTACHED, ATTACHED)->settled = true;
    fixture_window(&f, ABSENT, ATTACHED);
    f.attachments[0].error_code = "HELD_BY_GUEST";
    progress = next(&f);
    cr_assert_not(progress.refused);
    cr_assert_not(progress.windows[0].undo || progress.windows[1].undo);
}

Test(progress, a_segment_is_scrubbed_when_nothing_leads_to_it)
{
    static const struct {
        const char *label;
        enum sdm_segment_state segment;
        bool want_free;
        bool window;
        bool offered;
        bool circuit_up;
        int64_t n_other_windows;
        bool scrub;
    } cases[] = {
        {"kept", SDM_SEGMENT_STATE_LIVE, false, false, false, false, 0, false},
        {"given up", SDM_SEGMENT_STATE_LIVE, true, false, false, false, 0, true},
        {"mapped", SDM_SEGMENT_STATE_LIVE, true, true, true, true, 0, false},
        {"offered", SDM_SEGMENT_STATE_LIVE, true, true, true, false, 0, false},
        {"window that nobody knows", SDM_SEGMENT_STATE_LIVE, true, true, false, false, 0, true},
        {"circuit up", SDM_SEGMENT_STATE_LIVE, true, false, false, true, 0, false},
        {"circuit up for others", SDM_SEGMENT_STATE_LIVE, true, false, false, true, 1, true},
        {"being scrubbed", SDM_SEGMENT_STATE_SCRUBBING, true, false, false, false, 0, false},
        {"quarantined", SDM_SEGMENT_STATE_QUARANTINED, true, false, false, false, 0, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, STATE(RELEASING), 1);
        f.segments[0].state = cases[i].segment;
        f.segments[0].want_free = cases[i].want_free;
        if (cases[i].window) {
            fixture_window(&f, ABSENT, ABSENT)->offered = cases[i].offered;
        }
        f.circuits[0].have_up = cases[i].circuit_up;
        f.circuits[0].n_other_windows = cases[i].n_other_windows;
        progress = next(&f);
        cr_assert_eq(progress.segments[0].scrub, cases[i].scrub, "%s", cases[i].label);
        cr_assert_eq(progress.routes[0].drop, cases[i].scrub, "%s", cases[i].label);
        cr_assert_eq(progress.state, STATE(RELEASING), "%s", cases[i].label);
    }
}

Test(progress, a_circuit_is_up_for_windows_and_stays_for_routes)
{
    static const struct {
        const char *label;
        bool window;
        bool have_up;
        int64_t n_other_windows;
        int64_t n_other_segments;
        bool want_free;
        bool want_up;
        bool idle;
    } cases[] = {
        {"attached", true, true, 0, 0, false, true, false},
        {"held: its ports stay", false, false, 0, 0, false, false, false},
        {"held, to be cut", false, true, 0, 0, false, false, false},
        {"shared and used by others", false, true, 1, 1, true, true, false},
        {"shared, held by others", false, false, 0, 1, true, false, false},
        {"nobody's, not cut", false, true, 0, 0, true, false, false},
        {"nobody's", false, false, 0, 0, true, false, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, cases[i].want_free ? STATE(RELEASING) : STATE(HELD), 1);
        f.segments[0].want_free = cases[i].want_free;
        if (cases[i].window) {
            fixture_window(&f, ATTACHED, ATTACHED);
        }
        f.circuits[0].have_up = cases[i].have_up;
        f.circuits[0].n_other_windows = cases[i].n_other_windows;
        f.circuits[0].n_other_segments = cases[i].n_other_segments;
        progress = next(&f);
        cr_assert_eq(progress.circuits[0].want_up, cases[i].want_up, "%s", cases[i].label);
        cr_assert_eq(progress.circuits[0].idle, cases[i].idle, "%s", cases[i].label);
    }
}

/* Compute bricks 1 and 2 map segment 0, each over a circuit of its own. */
static void init_group(struct fixture *f)
{
    fixture_init(f, STATE(ATTACHED), 1);
    f->s.group = "ring";
    f->s.mode = SDM_MODE_DEVICE;
    for (size_t i = 0; i < 2; i++) {
        f->attachments[i] = (struct sdm_snapshot_attachment){
            .compute_no = (int32_t)(1 + i), .want = MAPPED, .have = MAPPED};
        f->windows[i] = (struct sdm_snapshot_window){.attachment = i,
                                                     .circuit = i,
                                                     .want = MAPPED,
                                                     .have = MAPPED,
                                                     .offered = true,
                                                     .settled = true};
        f->circuits[i] = (struct sdm_snapshot_circuit){
            .compute_no = (int32_t)(1 + i), .brick_no = 10, .want_up = true, .have_up = true};
        f->routes[i] = (struct sdm_snapshot_route){0, i};
    }
    f->s.n_attachments = f->s.n_windows = f->s.n_circuits = f->s.n_routes = 2;
}

Test(progress, a_member_that_leaves_a_group_takes_its_route_along)
{
    struct fixture f;
    struct sdm_progress progress;

    init_group(&f);
    progress = next(&f);
    cr_assert_eq(progress.state, STATE(ATTACHED));
    cr_assert_not(progress.routes[0].drop || progress.routes[1].drop);
    f.windows[1].want = ABSENT;
    cr_assert_eq(next(&f).state, STATE(DETACHING));
    f.windows[1].have = ABSENT;
    f.windows[1].offered = false;
    progress = next(&f);
    cr_assert(progress.attachments[1].drop);
    cr_assert_not(progress.attachments[0].drop);
    cr_assert_not(progress.circuits[1].want_up);
    cr_assert(progress.circuits[0].want_up);
    cr_assert_not(progress.routes[1].drop, "its circuit is up");
    cr_assert_eq(progress.state, STATE(ATTACHED));
    f.s.n_windows = f.s.n_attachments = 1;
    f.circuits[1].want_up = f.circuits[1].have_up = false;
    progress = next(&f);
    cr_assert(progress.routes[1].drop && progress.circuits[1].idle);
    cr_assert_not(progress.routes[0].drop || progress.circuits[0].idle);
    cr_assert_not(progress.segments[0].scrub || progress.segments[0].want_free);
}

Test(progress, a_member_leaves_a_circuit_that_others_keep_up)
{
    struct fixture f;
    struct sdm_progress progress;

    init_group(&f);
    f.s.n_windows = f.s.n_attachments = 1;
    f.circuits[1].n_other_windows = 1;
    progress = next(&f);
    cr_assert(progress.circuits[1].want_up);
    cr_assert(progress.routes[1].drop, "it could never join again");
    cr_assert_not(progress.routes[0].drop || progress.circuits[1].idle);
}

Test(progress, an_accelerator_is_its_circuit)
{
    static const struct {
        const char *label;
        enum sdm_reservation_state state;
        size_t n_circuits;
        bool have_up;
        bool want_up;
        enum sdm_reservation_state next;
        bool idle;
    } cases[] = {
        {"to be wired", STATE(HELD), 1, false, true, STATE(ATTACHING), false},
        {"wired", STATE(ATTACHING), 1, true, true, STATE(ATTACHED), false},
        {"given back", STATE(RELEASING), 1, true, false, STATE(RELEASING), false},
        {"cut", STATE(RELEASING), 1, false, false, STATE(RELEASED), true},
        {"over", STATE(RELEASED), 1, false, false, STATE(RELEASED), true},
        {"without a circuit yet", STATE(HELD), 0, false, false, STATE(ATTACHING), false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, cases[i].state, 0);
        f.s.accelerator = "a1";
        f.s.accelerator_no = 10;
        f.s.n_circuits = cases[i].n_circuits;
        f.circuits[0] = (struct sdm_snapshot_circuit){
            .compute_no = 1, .brick_no = 10, .have_up = cases[i].have_up};
        progress = next(&f);
        cr_assert_eq(progress.state, cases[i].next, "%s", cases[i].label);
        if (cases[i].n_circuits > 0) {
            cr_assert_eq(progress.circuits[0].want_up, cases[i].want_up, "%s", cases[i].label);
            cr_assert_eq(progress.circuits[0].idle, cases[i].idle, "%s", cases[i].label);
        }
    }
}

Test(progress, released_when_nothing_is_left)
{
    struct fixture f;

    fixture_init(&f, STATE(RELEASING), 0);
    cr_assert_eq(next(&f).state, STATE(RELEASED));
    fixture_init(&f, STATE(RELEASING), 1);
    f.segments[0].state = SDM_SEGMENT_STATE_SCRUBBING;
    cr_assert_eq(next(&f).state, STATE(RELEASING));
}

Test(requests, have_a_direction_when_they_wait)
{
    static const struct {
        const char *type;
        bool waits;
        enum sdm_request_direction direction;
    } cases[] = {
        {"s10.attach/1", true, SDM_REQUEST_IN},
        {"s10.group.join/1", true, SDM_REQUEST_IN},
        {"s10.accelerator.reserve/1", true, SDM_REQUEST_IN},
        {"s10.detach/1", true, SDM_REQUEST_OUT},
        {"s10.group.leave/1", true, SDM_REQUEST_OUT},
        {"s10.resize/1", true, SDM_REQUEST_RESIZE},
        {"s10.release/1", true, SDM_REQUEST_RELEASE},
        {"s10.accelerator.release/1", true, SDM_REQUEST_RELEASE},
        {"s10.reserve/1", false, SDM_REQUEST_IN},
        {"", false, SDM_REQUEST_IN},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        enum sdm_request_direction direction = SDM_REQUEST_IN;

        cr_assert_eq(sdm_request_direction(cases[i].type, &direction), cases[i].waits, "%s",
                     cases[i].type);
        cr_assert_eq(direction, cases[i].direction, "%s", cases[i].type);
    }
}

/* "committed, fabric, guest" of what brings memory in. */
Test(reached, on_the_way_in)
{
    static const struct {
        const char *label;
        enum sdm_reservation_state state;
        int n_windows;
        enum sdm_window_level have[2];
        enum sdm_wait_level level;
    } cases[] = {
        {"nothing wired", STATE(HELD), 0, {0}, SDM_WAIT_LEVEL_COMMITTED},
        {"one of two mapped", STATE(ATTACHING), 2, {MAPPED, ABSENT}, SDM_WAIT_LEVEL_COMMITTED},
        {"both mapped", STATE(ATTACHING), 2, {MAPPED, ATTACHED}, SDM_WAIT_LEVEL_FABRIC},
        {"attached", STATE(ATTACHED), 2, {ATTACHED, ATTACHED}, SDM_WAIT_LEVEL_GUEST},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int wait = 0; wait < SDM_N_WAIT_LEVEL; wait++) {
            struct fixture f;
            struct sdm_reached reached;

            fixture_init(&f, cases[i].state, 2);
            for (int j = 0; j < cases[i].n_windows; j++) {
                fixture_window(&f, ATTACHED, cases[i].have[j]);
            }
            reached = sdm_progress_reached(&f.s, SDM_REQUEST_IN, wait);
            cr_assert_eq(reached.level, cases[i].level, "%s", cases[i].label);
            cr_assert_eq(reached.satisfied, wait <= (int)cases[i].level, "%s", cases[i].label);
            cr_assert_eq(reached.done, cases[i].level == SDM_WAIT_LEVEL_GUEST, "%s",
                         cases[i].label);
            /* A resize that gives nothing back goes in. */
            reached = sdm_progress_reached(&f.s, SDM_REQUEST_RESIZE, wait);
            cr_assert_eq(reached.level, cases[i].level, "%s", cases[i].label);
        }
    }
}

/* "committed, guest, fabric": the other way round. */
Test(reached, on_the_way_out)
{
    static const struct {
        const char *label;
        enum sdm_reservation_state state;
        int n_windows;
        enum sdm_window_level have;
        bool want_free;
        bool up;
        enum sdm_wait_level out;
        enum sdm_wait_level released;
    } cases[] = {
        {"with the guest", STATE(DETACHING), 1, ATTACHED, true, true, SDM_WAIT_LEVEL_COMMITTED,
         SDM_WAIT_LEVEL_COMMITTED},
        {"given up", STATE(DETACHING), 1, MAPPED, false, true, SDM_WAIT_LEVEL_GUEST,
         SDM_WAIT_LEVEL_GUEST},
        {"unmapped, not said", STATE(DETACHING), 1, ABSENT, false, false, SDM_WAIT_LEVEL_GUEST,
         SDM_WAIT_LEVEL_GUEST},
        {"not cut", STATE(HELD), 0, ABSENT, false, true, SDM_WAIT_LEVEL_GUEST,
         SDM_WAIT_LEVEL_GUEST},
        {"not free", STATE(RELEASING), 0, ABSENT, true, false, SDM_WAIT_LEVEL_GUEST,
         SDM_WAIT_LEVEL_GUEST},
        {"detached", STATE(HELD), 0, ABSENT, false, false, SDM_WAIT_LEVEL_FABRIC,
         SDM_WAIT_LEVEL_GUEST},
        {"released", STATE(RELEASED), 0, ABSENT, false, false, SDM_WAIT_LEVEL_FABRIC,
         SDM_WAIT_LEVEL_FABRIC},
    };
    static const int order[] = {
        [SDM_WAIT_LEVEL_COMMITTED] = 0, [SDM_WAIT_LEVEL_GUEST] = 1, [SDM_WAIT_LEVEL_FABRIC] = 2};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (int wait = 0; wait < SDM_N_WAIT_LEVEL; wait++) {
            struct fixture f;
            struct sdm_reached out;
            struct sdm_reached released;

            fixture_init(&f, cases[i].state, 1);
            f.segments[0].want_free = cases[i].want_free;
            if (cases[i].n_windows > 0) {
                fixture_window(&f, ABSENT, cases[i].have);
            }
            f.circuits[0].want_up = false;
            f.circuits[0].have_up = cases[i].up;
            out = sdm_progress_reached(&f.s, SDM_REQUEST_OUT, wait);
            released = sdm_progress_reached(&f.s, SDM_REQUEST_RELEASE, wait);
            cr_assert_eq(out.level, cases[i].out, "%s", cases[i].label);
            cr_assert_eq(released.level, cases[i].released, "%s", cases[i].label);
            cr_assert_eq(out.satisfied, order[wait] <= order[out.level], "%s", cases[i].label);
            cr_assert_eq(out.done, out.level == SDM_WAIT_LEVEL_FABRIC, "%s", cases[i].label);
            cr_assert_eq(released.done, released.level == SDM_WAIT_LEVEL_FABRIC, "%s",
                         cases[i].label);
        }
    }
}

Test(reached, a_resize_that_gives_back_goes_out)
{
    struct fixture f;

    fixture_init(&f, STATE(ATTACHED), 2);
    fixture_window(&f, ATTACHED, ATTACHED);
    f.segments[1].want_free = true;
    cr_assert_eq(sdm_progress_reached(&f.s, SDM_REQUEST_RESIZE, 0).level, SDM_WAIT_LEVEL_GUEST);
    f.segments[1].want_free = false;
    cr_assert_eq(sdm_progress_reached(&f.s, SDM_REQUEST_RESIZE, 0).level, SDM_WAIT_LEVEL_GUEST);
    cr_assert(sdm_progress_reached(&f.s, SDM_REQUEST_RESIZE, 0).done);
}

Test(reached, undone_when_nothing_of_a_refused_request_is_left)
{
    struct fixture f;

    fixture_init(&f, STATE(ATTACHING), 1);
    cr_assert_not(sdm_progress_undone(&f.s));
    f.s.state = STATE(DETACHING);
    fixture_window(&f, ABSENT, MAPPED);
    cr_assert_not(sdm_progress_undone(&f.s));
    f.s.n_windows = 0;
    f.s.state = STATE(HELD);
    cr_assert(sdm_progress_undone(&f.s));
}

/* A compute brick that is fenced is led to by nothing, whatever stands there. */
Test(progress, a_fenced_brick_has_no_circuit)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(ATTACHED), 1);
    fixture_window(&f, ATTACHED, ATTACHED);
    progress = next(&f);
    cr_assert(progress.circuits[0].want_up);
    f.circuits[0].fenced = true;
    progress = next(&f);
    cr_assert_not(progress.circuits[0].want_up);
}

static const struct {
    const char *label;
    bool want_free;
    bool mapped;
    bool scrub;
} quarantined[] = {
    {"waits for an administrator", false, false, false},
    {"waits, and may be mapped", false, true, false},
    {"released, and may be mapped", true, true, false},
    {"released, and nobody has it", true, false, true},
};

Test(progress, quarantine_ends_by_a_decision_only)
{
    for (size_t i = 0; i < G_N_ELEMENTS(quarantined); i++) {
        struct fixture f;
        struct sdm_progress progress;

        fixture_init(&f, STATE(FAILED), 1);
        f.segments[0].state = SDM_SEGMENT_STATE_QUARANTINED;
        f.segments[0].want_free = quarantined[i].want_free;
        if (quarantined[i].mapped) {
            fixture_window(&f, ABSENT, ATTACHED);
        }
        progress = next(&f);
        cr_assert_eq(progress.segments[0].scrub, quarantined[i].scrub, "%s", quarantined[i].label);
        cr_assert_eq(progress.state, STATE(FAILED), "%s", quarantined[i].label);
    }
}

/* A later fence finds what it has to free by them. */
Test(progress, a_window_of_bytes_in_quarantine_stays_until_they_are_given_up)
{
    struct fixture f;
    struct sdm_progress progress;

    fixture_init(&f, STATE(FAILED), 1);
    f.segments[0].state = SDM_SEGMENT_STATE_QUARANTINED;
    fixture_window(&f, ABSENT, ABSENT);
    progress = next(&f);
    cr_assert_not(progress.windows[0].drop);
    cr_assert_not(progress.attachments[0].drop);
    f.segments[0].want_free = true;
    progress = next(&f);
    cr_assert(progress.windows[0].drop);
    cr_assert(progress.attachments[0].drop);
    cr_assert(progress.segments[0].scrub);
}
