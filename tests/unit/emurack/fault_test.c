#include "fixture.h"

#include "emurack/fault.h"

static void arm(struct sdm_emu_faults *faults, const char *device, const char *operation,
                enum sdm_emu_action action, unsigned count)
{
    struct sdm_emu_fault fault = {.action = action, .n_left = count};

    g_strlcpy(fault.device, device, sizeof fault.device);
    g_strlcpy(fault.operation, operation, sizeof fault.operation);
    cr_assert(sdm_emu_faults_arm(faults, &fault, NULL));
}

Test(fault, oldest_match_is_used_up)
{
    struct sdm_emu_faults *faults = sdm_emu_faults_new();
    struct sdm_emu_fault found;

    arm(faults, "opt0", "connect", SDM_EMU_DELAY, 1);
    arm(faults, "*", "connect", SDM_EMU_REFUSE, 2);
    arm(faults, "opt0", "*", SDM_EMU_SILENCE, 0);
    cr_assert_not(sdm_emu_faults_take(faults, "el0", "list", &found));
    cr_assert(sdm_emu_faults_take(faults, "el0", "connect", &found));
    cr_assert_eq(found.action, SDM_EMU_REFUSE);
    cr_assert(sdm_emu_faults_take(faults, "opt0", "connect", &found));
    cr_assert_eq(found.action, SDM_EMU_DELAY);
    cr_assert(sdm_emu_faults_take(faults, "opt0", "connect", &found));
    cr_assert_eq(found.action, SDM_EMU_REFUSE);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(sdm_emu_faults_take(faults, "opt0", "connect", &found));
        cr_assert_eq(found.action, SDM_EMU_SILENCE);
    }
    cr_assert_eq(sdm_emu_faults_armed(faults)->len, 1);
    cr_assert_eq(sdm_emu_faults_clear(faults, "el0"), 0);
    cr_assert_eq(sdm_emu_faults_clear(faults, NULL), 1);
    cr_assert_not(sdm_emu_faults_take(faults, "opt0", "connect", &found));
    sdm_emu_faults_free(faults);
}

Test(fault, names)
{
    enum sdm_emu_action action = SDM_EMU_DELAY;

    for (int i = SDM_EMU_DELAY; i <= SDM_EMU_BUSY; i++) {
        cr_assert(sdm_emu_action_from_name(sdm_emu_action_name((enum sdm_emu_action)i), &action));
        cr_assert_eq((int)action, i);
    }
    cr_assert_not(sdm_emu_action_from_name("explode", &action));
    cr_assert_eq(action, SDM_EMU_BUSY);
}

Test(fault, there_is_a_bound)
{
    struct sdm_emu_faults *faults = sdm_emu_faults_new();
    struct sdm_emu_fault fault = {.device = "x", .operation = "y"};
    GError *error = NULL;

    while (sdm_emu_faults_arm(faults, &fault, &error)) {
        cr_assert_leq(sdm_emu_faults_armed(faults)->len, 100000);
    }
    cr_assert_eq(fixture_code(&error), SDM_ERROR_OUT_OF_RANGE);
    sdm_emu_faults_free(faults);
}
