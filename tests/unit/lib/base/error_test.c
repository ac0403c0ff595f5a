#include <criterion/criterion.h>

#include "lib/base/error.h"

Test(error, every_code_has_a_name_that_leads_back)
{
    for (int i = 0; i < SDM_N_ERROR_CODES; i++) {
        enum sdm_error_code found = SDM_N_ERROR_CODES;
        const char *name = sdm_error_code_name((enum sdm_error_code)i);

        cr_assert(sdm_error_code_from_name(name, &found), "%s", name);
        cr_assert_eq((int)found, i, "%s", name);
        cr_assert_gt(strlen(sdm_error_code_text(found)), 10, "%s", name);
    }
}

Test(error, unknown_name_leaves_the_code_alone)
{
    enum sdm_error_code code = SDM_ERROR_NO_PATH;

    cr_assert_not(sdm_error_code_from_name("no_path", &code));
    cr_assert_eq(code, SDM_ERROR_NO_PATH);
}

Test(error, verdict_follows_the_domain)
{
    g_autoptr(GError) refused = NULL;
    g_autoptr(GError) away = NULL;
    g_autoptr(GError) failed = NULL;

    cr_assert_not(sdm_refuse(&refused, SDM_ERROR_NO_SLOT, "need %d", 1));
    cr_assert_not(sdm_unavailable(&away, "database"));
    cr_assert_not(sdm_set_errno(&failed, 2, "open '%s'", "x"));
    cr_assert_eq(sdm_error_verdict(refused), SDM_ERROR_NO_SLOT);
    cr_assert_eq(sdm_error_verdict(away), SDM_ERROR_UNAVAILABLE);
    cr_assert_eq(sdm_error_verdict(failed), SDM_ERROR_INTERNAL);
    cr_assert_str_eq(refused->message, "need 1");
    cr_assert_str_eq(failed->message, "open 'x': No such file or directory");
}
