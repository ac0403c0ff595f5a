#include "sdm-controller/compile/report.h"

#include <criterion/criterion.h>

#define ABSENT   SDM_WINDOW_LEVEL_ABSENT
#define MAPPED   SDM_WINDOW_LEVEL_MAPPED
#define ATTACHED SDM_WINDOW_LEVEL_ATTACHED

enum { NOT_NAMED = -1 };

/* The window was last changed in generation 10. */
Test(report, one_window)
{
    static const struct {
        const char *label;
        enum sdm_window_level want;
        enum sdm_window_level known;
        bool offered;
        uint64_t generation;
        int found;
        enum sdm_window_level have;
        bool gone;
        bool changed;
    } cases[] = {
        {"came", ATTACHED, ABSENT, true, 10, ATTACHED, ATTACHED, false, true},
        {"nothing new", ATTACHED, MAPPED, true, 10, MAPPED, MAPPED, false, false},
        {"not yet", ATTACHED, ABSENT, true, 9, NOT_NAMED, ABSENT, false, false},
        {"lost", ATTACHED, ATTACHED, true, 10, NOT_NAMED, ABSENT, false, true},
        {"lost by an old report too", ATTACHED, ATTACHED, true, 9, NOT_NAMED, ABSENT, false, true},
        {"given up, still mapped", ABSENT, ATTACHED, true, 10, MAPPED, MAPPED, false, true},
        {"gone", ABSENT, MAPPED, true, 10, NOT_NAMED, ABSENT, true, true},
        {"named as absent: a step is under way", ABSENT, MAPPED, true, 11, ABSENT, ABSENT, false,
         true},
        {"named as absent again", ABSENT, ABSENT, true, 11, ABSENT, ABSENT, false, false},
        {"never was there", ABSENT, ABSENT, true, 10, NOT_NAMED, ABSENT, true, true},
        {"gone twice", ABSENT, ABSENT, false, 10, NOT_NAMED, ABSENT, true, false},
        {"too old to say gone", ABSENT, MAPPED, true, 9, NOT_NAMED, MAPPED, false, false},
        {"too old, never there", ABSENT, ABSENT, true, 9, NOT_NAMED, ABSENT, false, false},
        {"old, but there", ABSENT, ABSENT, true, 9, MAPPED, MAPPED, false, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_wire_found_window found = {.window = "w", .have = MAX(cases[i].found, 0)};
        const struct sdm_s7_report report = {.generation = cases[i].generation,
                                             .windows = &found,
                                             .n_windows = cases[i].found != NOT_NAMED};
        const struct sdm_known_window known = {.window = "w",
                                               .generation = 10,
                                               .want = cases[i].want,
                                               .have = cases[i].known,
                                               .offered = cases[i].offered};
        struct sdm_report_findings findings;
        const struct sdm_report_finding *finding;

        sdm_compile_report(&report, &known, 1, arena, &findings);
        finding = &findings.findings[0];
        cr_assert_eq(finding->known, 0, "%s", cases[i].label);
        cr_assert_eq(finding->found, report.n_windows > 0 ? &found : NULL, "%s", cases[i].label);
        cr_assert_eq(finding->have, cases[i].have, "%s", cases[i].label);
        cr_assert_eq(finding->gone, cases[i].gone, "%s", cases[i].label);
        cr_assert_eq(finding->changed, cases[i].changed, "%s", cases[i].label);
        cr_assert_eq(findings.n_strangers, 0, "%s", cases[i].label);
    }
}

Test(report, what_nobody_was_given_is_a_stranger)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_wire_found_window found[] = {{.window = "x", .have = MAPPED},
                                            {.window = "b", .have = MAPPED},
                                            {.window = "y", .have = ATTACHED},
                                            {.window = "on its way", .have = ABSENT}};
    const struct sdm_s7_report report = {.windows = found, .n_windows = G_N_ELEMENTS(found)};
    const struct sdm_known_window known[] = {{.window = "a", .want = MAPPED},
                                             {.window = "b", .want = MAPPED}};
    struct sdm_report_findings findings;

    sdm_compile_report(&report, known, 2, arena, &findings);
    cr_assert_null(findings.findings[0].found);
    cr_assert_eq(findings.findings[1].found, &found[1]);
    cr_assert_eq(findings.n_strangers, 2);
    cr_assert_eq(findings.strangers[0], &found[0]);
    cr_assert_eq(findings.strangers[1], &found[2]);
}

Test(report, an_entry_without_a_name_is_known_by_its_place)
{
    static const struct {
        const char *label;
        uint64_t entry;
        uint64_t start_bytes;
        bool known;
    } cases[] = {
        {"same place", 3, 1 << 30, true},
        {"other entry", 4, 1 << 30, false},
        {"other address", 3, 2U << 30, false},
    };
    const struct sdm_known_window known = {
        .window = "a", .want = ABSENT, .have = MAPPED, .entry = 3, .start_bytes = 1 << 30};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_wire_found_window found = {.window = SDM_UUID_NIL,
                                              .entry = cases[i].entry,
                                              .start_bytes = cases[i].start_bytes,
                                              .have = MAPPED};
        const struct sdm_s7_report report = {.generation = 1, .windows = &found, .n_windows = 1};
        struct sdm_report_findings findings;

        sdm_compile_report(&report, &known, 1, arena, &findings);
        cr_assert_eq(findings.findings[0].found != NULL, cases[i].known, "%s", cases[i].label);
        cr_assert_eq(findings.findings[0].gone, !cases[i].known, "%s", cases[i].label);
        cr_assert_eq(findings.n_strangers, cases[i].known ? 0 : 1, "%s", cases[i].label);
    }
}

Test(report, an_error_counts_while_the_window_is_not_where_it_is_wanted)
{
    static const struct {
        const char *label;
        enum sdm_window_level want;
        bool listed;
        bool has_error;
        enum sdm_window_level found;
        bool failed;
    } cases[] = {
        {"on its way", ATTACHED, true, false, MAPPED, false},
        {"refused", ATTACHED, true, true, MAPPED, true},
        {"came all the same", ATTACHED, true, true, ATTACHED, false},
        {"not given up", ABSENT, true, true, ATTACHED, true},
        {"not listed", ATTACHED, false, true, ABSENT, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_wire_found_window found = {
            .window = "w", .have = cases[i].found, .has_error_code = cases[i].has_error};
        const struct sdm_s7_report report = {
            .generation = 1, .windows = &found, .n_windows = cases[i].listed};
        const struct sdm_known_window known = {
            .window = "w", .generation = 1, .want = cases[i].want, .have = MAPPED};
        struct sdm_report_findings findings;

        sdm_compile_report(&report, &known, 1, arena, &findings);
        cr_assert_eq(findings.findings[0].failed, cases[i].failed, "%s", cases[i].label);
    }
}

Test(report, comes_late_after_one_that_was_made_later_on_the_same_start)
{
    static const struct {
        const char *label;
        bool has_made_us;
        uint64_t made_us;
        const char *boot_id;
        bool late;
    } cases[] = {
        {"later", true, 8, "b", false},
        {"the same again", true, 7, "b", false},
        {"late", true, 6, "b", true},
        {"another start, whose clock began anew", true, 6, "c", false},
        {"an agent that does not say", false, 0, "b", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_s7_report report = {.has_made_us = cases[i].has_made_us,
                                       .made_us = cases[i].made_us};

        g_strlcpy(report.boot_id, cases[i].boot_id, sizeof report.boot_id);
        cr_assert_eq(sdm_report_is_late(&report, "b", 7), cases[i].late, "%s", cases[i].label);
    }
}
