#include "lib/base/fault.h"

#include <criterion/criterion.h>

#include "lib/base/error.h"

#ifdef SDM_FAULTS

static bool fails(const char *point)
{
    g_autoptr(GError) error = NULL;
    bool failed = sdm_fault(point, &error);

    cr_assert_eq(failed, error != NULL);
    cr_assert(!failed || g_error_matches(error, SDM_FAILED, error->code));
    return failed;
}

Test(fault, fails_at_its_turn_and_once)
{
    cr_assert(sdm_fault_arm("a.one=fail,,a.two=fail@2", NULL));
    cr_assert_eq(sdm_fault_n_armed(), 2);
    cr_assert_not(fails("a.other"));
    cr_assert(fails("a.one"));
    cr_assert_not(fails("a.one"));
    cr_assert_not(fails("a.two"));
    cr_assert_eq(sdm_fault_n_armed(), 1);
    cr_assert(fails("a.two"));
    cr_assert_eq(sdm_fault_n_armed(), 0);
    sdm_fault_disarm();
}

Test(fault, disarmed)
{
    cr_assert(sdm_fault_arm("a.one=crash", NULL));
    sdm_fault_disarm();
    sdm_fault_disarm();
    cr_assert_eq(sdm_fault_n_armed(), 0);
    cr_assert_not(fails("a.one"));
}

Test(fault, armed_from_the_environment)
{
    g_setenv("SDM_FAULT", "a.one=fail", TRUE);
    cr_assert(fails("a.one"));
    sdm_fault_disarm();
}

Test(fault, crashes, .exit_code = 70)
{
    cr_assert(sdm_fault_arm("a.one=crash", NULL));
    fails("a.one");
}

Test(fault, what_cannot_be_armed)
{
    static const char *const lists[] = {"a.one",        "a.one=",       "a.one=burn",
                                        "a.one=fail@0", "a.one=fail@x", "=fail"};

    for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_autoptr(GError) error = NULL;

        cr_assert_not(sdm_fault_arm(lists[i], &error), "%s", lists[i]);
        cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE), "%s", lists[i]);
    }
}

#else

Test(fault, nothing_to_arm)
{
    g_autoptr(GError) error = NULL;

    cr_assert_not(sdm_fault_arm("a.one=fail", &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    sdm_fault_disarm();
    cr_assert_eq(sdm_fault_n_armed(), 0);
}

#endif

Test(sabotage, is_armed_by_name)
{
    g_autoptr(GError) error = NULL;

    cr_assert(sdm_sabotage_arm("", NULL));
    cr_assert_not(sdm_sabotage("no-scrub"));
#ifdef SDM_FAULTS
    cr_assert(sdm_sabotage_arm("no-scrub,foreign-vm", &error));
    cr_assert(sdm_sabotage("no-scrub"));
    cr_assert(sdm_sabotage("foreign-vm"));
    cr_assert_not(sdm_sabotage("key-ignored"));
    cr_assert(sdm_sabotage_arm("", &error));
    cr_assert_not(sdm_sabotage("no-scrub"));
#endif
    cr_assert_not(sdm_sabotage_arm("no-such-mistake", &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
}
