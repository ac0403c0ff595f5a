#include "sdm-controller/compile/extents.h"

#include <criterion/criterion.h>

#define LIVE        SDM_SEGMENT_STATE_LIVE
#define SCRUBBING   SDM_SEGMENT_STATE_SCRUBBING
#define QUARANTINED SDM_SEGMENT_STATE_QUARANTINED

/* Bytes 100 to 200 are one segment's, as the database says; what the brick says is compared. */
Test(extents, one_segment)
{
    static const struct {
        const char *label;
        enum sdm_segment_state state;
        const char *users;
        const char *mapped_by;
        uint64_t offset;
        uint64_t size;
        const char *found;
        size_t n_unknown;
        const char *change; /* NULL for none */
        bool is_taken;
    } cases[] = {
        {"as it is known", LIVE, "cb0", NULL, 100, 100, "cb0", 0, NULL, false},
        {"a group", LIVE, "cb0,cb1", NULL, 100, 100, "cb1,cb0", 0, NULL, false},
        {"by nobody, not yet mapped", LIVE, "cb0", NULL, 0, 0, "", 0, NULL, false},
        {"by another", LIVE, "cb0", NULL, 100, 100, "cb1", 0, "cb1", true},
        {"by another too", LIVE, "cb0", NULL, 100, 100, "cb0,cb1", 0, "cb0,cb1", true},
        {"only held", LIVE, "", NULL, 100, 100, "cb0", 0, "cb0", true},
        {"as another segment", LIVE, "cb0", NULL, 100, 50, "cb0", 0, "cb0", true},
        {"by a brick that is fenced", LIVE, "cb0", NULL, 100, 100, "dead", 0, NULL, false},
        {"it is being scrubbed", SCRUBBING, "", NULL, 100, 100, "cb1", 0, NULL, false},
        {"in quarantine for a fence", QUARANTINED, "cb0", NULL, 100, 100, "cb0", 0, NULL, false},
        {"in quarantine, and another's", QUARANTINED, "cb0", NULL, 100, 100, "cb1", 0, "cb1",
         false},
        {"found before, still so", QUARANTINED, "", "cb1", 100, 100, "cb1", 0, NULL, false},
        {"found before, let go", QUARANTINED, "", "cb1", 0, 0, "", 0, "", false},
        {"found before, by another", QUARANTINED, "", "cb1", 100, 100, "cb2", 0, "cb2", false},
        {"beside it", LIVE, "", NULL, 200, 100, "cb1", 1, NULL, false},
        {"around it", LIVE, "cb1", NULL, 50, 200, "cb1", 2, "cb1", true},
        {"over its end", LIVE, "cb1", NULL, 150, 100, "cb1", 1, "cb1", true},
        {"beside it, fenced", LIVE, "", NULL, 200, 100, "dead", 0, NULL, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        const struct sdm_found_extent found = {cases[i].offset, cases[i].size, cases[i].found};
        const struct sdm_known_extent known = {.offset_bytes = 100,
                                               .size_bytes = 100,
                                               .state = cases[i].state,
                                               .users = cases[i].users,
                                               .mapped_by = cases[i].mapped_by};
        struct sdm_extent_findings findings;

        sdm_compile_extents(&found, cases[i].size > 0, &known, 1, "dead", arena, &findings);
        cr_assert_eq(findings.n_unknown, cases[i].n_unknown, "%s", cases[i].label);
        cr_assert_eq(findings.n_changes, cases[i].change != NULL, "%s", cases[i].label);
        if (cases[i].change != NULL) {
            cr_assert_str_eq(findings.changes[0].mapped_by, cases[i].change, "%s", cases[i].label);
            cr_assert_eq(findings.changes[0].is_taken, cases[i].is_taken, "%s", cases[i].label);
        }
    }
}

Test(extents, what_is_unknown_is_cut_out)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_found_extent found = {0, 400, "cb1,cb0"};
    const struct sdm_known_extent known[] = {
        {.offset_bytes = 100, .size_bytes = 100, .state = SCRUBBING, .users = ""},
        {.offset_bytes = 200, .size_bytes = 50, .state = SCRUBBING, .users = ""},
    };
    struct sdm_extent_findings findings;

    sdm_compile_extents(&found, 1, known, 2, "", arena, &findings);
    cr_assert_eq(findings.n_unknown, 2);
    cr_assert_eq(findings.unknown[0].offset_bytes, 0);
    cr_assert_eq(findings.unknown[0].size_bytes, 100);
    cr_assert_eq(findings.unknown[1].offset_bytes, 250);
    cr_assert_eq(findings.unknown[1].size_bytes, 150);
    cr_assert_str_eq(findings.unknown[1].users, "cb0,cb1", "sorted");
}

Test(extents, what_only_one_look_saw_is_on_its_way)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_found_extent first[] = {{0, 100, "cb0"}, {200, 100, "cb0"}};
    const struct sdm_found_extent second[] = {{200, 100, "cb0"}, {400, 100, "cb0"}};
    const struct sdm_known_extent known = {
        .offset_bytes = 0, .size_bytes = 100, .state = LIVE, .users = ""};
    struct sdm_extent_findings findings;
    struct sdm_extent_findings later;

    sdm_compile_extents(first, 2, &known, 1, "", arena, &findings);
    sdm_compile_extents(second, 2, &known, 1, "", arena, &later);
    cr_assert_eq(findings.n_changes, 1);
    sdm_extent_findings_confirm(&findings, &later);
    cr_assert_eq(findings.n_changes, 0);
    cr_assert_eq(findings.n_unknown, 1);
    cr_assert_eq(findings.unknown[0].offset_bytes, 200);
}
