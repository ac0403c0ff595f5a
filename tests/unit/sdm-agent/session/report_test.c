#include <criterion/criterion.h>

#include <string.h>

#include "sdm-agent/session/report.h"

static const struct {
    const char *label;
    enum sdm_window_level want;
    struct sdm_window_state state;
    struct sdm_record record;
    int64_t now_us;
    const char *code; /* NULL for nothing to tell */
} rows[] = {
    {"reached",
     SDM_WINDOW_LEVEL_MAPPED,
     {.have = SDM_WINDOW_LEVEL_MAPPED},
     {.has_error = true, .code = SDM_ERROR_GUEST_REFUSED},
     0,
     NULL},
    {"on its way", SDM_WINDOW_LEVEL_MAPPED, {}, {}, 0, NULL},
    {"no slot",
     SDM_WINDOW_LEVEL_ATTACHED,
     {.refused = true, .code = SDM_ERROR_NO_SLOT},
     {},
     0,
     "NO_SLOT"},
    {"no guest",
     SDM_WINDOW_LEVEL_ATTACHED,
     {.refused = true, .code = SDM_ERROR_NOT_FOUND},
     {},
     0,
     "NOT_FOUND"},
    {"waits for its place",
     SDM_WINDOW_LEVEL_MAPPED,
     {.refused = true, .code = SDM_ERROR_IN_USE},
     {},
     0,
     NULL},
    {"a part is away",
     SDM_WINDOW_LEVEL_MAPPED,
     {.refused = true, .code = SDM_ERROR_UNAVAILABLE},
     {.has_error = true, .code = SDM_ERROR_UNAVAILABLE, .failing_since_us = 1},
     100000000,
     NULL},
    {"the guest says no",
     SDM_WINDOW_LEVEL_ABSENT,
     {.have = SDM_WINDOW_LEVEL_ATTACHED},
     {.has_error = true, .code = SDM_ERROR_GUEST_REFUSED},
     0,
     "GUEST_REFUSED"},
    {"the guest takes its time",
     SDM_WINDOW_LEVEL_ABSENT,
     {.have = SDM_WINDOW_LEVEL_ATTACHED},
     {.pending = true},
     0,
     "GUEST_REFUSED"},
    {"host memory is in use",
     SDM_WINDOW_LEVEL_ABSENT,
     {.have = SDM_WINDOW_LEVEL_ATTACHED},
     {.has_error = true, .code = SDM_ERROR_IN_USE},
     0,
     "IN_USE"},
    {"no circuit yet",
     SDM_WINDOW_LEVEL_MAPPED,
     {},
     {.has_error = true, .code = SDM_ERROR_NO_PATH, .failing_since_us = 1000000},
     2000000,
     NULL},
    {"no circuit for long",
     SDM_WINDOW_LEVEL_MAPPED,
     {},
     {.has_error = true, .code = SDM_ERROR_NO_PATH, .failing_since_us = 1000000},
     4000000,
     "AGENT_REFUSED"},
};

Test(report, what_the_controller_is_told)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        enum sdm_error_code code = SDM_ERROR_INTERNAL;
        const char *text;
        bool told = sdm_report_error(&rows[i].state, &rows[i].record, rows[i].want, rows[i].now_us,
                                     &code, &text);

        cr_expect_eq(told, rows[i].code != NULL, "%s", rows[i].label);
        if (told && rows[i].code != NULL) {
            cr_expect_str_eq(sdm_error_code_name(code), rows[i].code, "%s", rows[i].label);
        }
    }
}

Test(report, strangers_are_named_by_their_dimm)
{
    struct sdm_found_dimm dimm = {.window = "00000000-0000-4000-8000-000000000001",
                                  .path = "/seg/1"};
    struct sdm_found_vm vm = {.vm = "00000000-0000-4000-8000-000000000007",
                              .name = "g",
                              .boot_id = "1",
                              .dimms = &dimm,
                              .n_dimms = 1};
    struct sdm_found_entry entries[] = {{5, {1, 262144, 294912, 0}, "/seg/1"},
                                        {6, {2, 300000, 300001, 0}, "/seg/2"}};
    struct sdm_found found = {.entries_known = true,
                              .blocks_known = true,
                              .vms_known = true,
                              .entries = entries,
                              .n_entries = 2,
                              .vms = &vm,
                              .n_vms = 1};
    struct sdm_want want = {0};
    g_autoptr(sdm_step_plan) plan = sdm_reconcile(&want, &found, NULL);
    g_autoptr(sdm_records) records = sdm_records_new();
    struct sdm_report_input input = {.brick = "cb0",
                                     .boot_id = "b",
                                     .version = "1",
                                     .want = &want,
                                     .found = &found,
                                     .plan = plan,
                                     .records = records};
    size_t size;
    g_autofree char *body = sdm_report_write(&input, &size);
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_s7_report report;
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_codec_decode(&sdm_s7_report_codec, body, size, arena, &report, &error), "%s",
              error != NULL ? error->message : "");
    cr_assert_eq(report.n_windows, 2);
    cr_expect_str_eq(report.windows[0].window, dimm.window);
    cr_expect_eq(report.windows[0].have, SDM_WINDOW_LEVEL_ATTACHED);
    cr_expect_eq(report.windows[0].start_bytes, UINT64_C(1) << 30);
    cr_expect_eq(report.windows[0].size_bytes, UINT64_C(128) << 20);
    cr_expect_str_eq(report.windows[1].window, SDM_WINDOW_NOBODY);
    cr_expect_eq(report.windows[1].have, SDM_WINDOW_LEVEL_MAPPED);
    cr_expect_not(report.converged);
    cr_expect_eq(report.n_vms, 1);
}

Test(report, nothing_is_said_to_be_gone_while_the_entries_are_not_known)
{
    static const struct {
        const char *label;
        bool known;
        uint64_t generation;
        size_t n_windows;
    } cases[] = {{"known", true, 7, 1}, {"not known", false, 0, 0}};
    struct sdm_found_entry entry = {5, {1, 262144, 294912, 0}, "/seg/1"};
    struct sdm_want want = {0};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_found found = {.entries_known = cases[i].known,
                                  .blocks_known = true,
                                  .vms_known = true,
                                  .entries = &entry,
                                  .n_entries = 1};
        g_autoptr(sdm_step_plan) plan = sdm_reconcile(&want, &found, NULL);
        g_autoptr(sdm_records) records = sdm_records_new();
        const struct sdm_report_input input = {.brick = "cb0",
                                               .boot_id = "b",
                                               .version = "1",
                                               .generation = 7,
                                               .want = &want,
                                               .found = &found,
                                               .plan = plan,
                                               .records = records};
        size_t size;
        g_autofree char *body = sdm_report_write(&input, &size);
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_s7_report report;

        cr_assert(sdm_codec_decode(&sdm_s7_report_codec, body, size, arena, &report, NULL));
        cr_expect_eq(report.generation, cases[i].generation, "%s", cases[i].label);
        cr_expect_eq(report.n_windows, cases[i].n_windows, "%s", cases[i].label);
    }
}
