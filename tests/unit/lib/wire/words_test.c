#include <criterion/criterion.h>

#include <glib.h>

#include "wire/words.h"

Test(words, each_value_has_a_word_that_leads_back)
{
    for (int i = 0; i < SDM_N_LATENCY_CLASS; i++) {
        enum sdm_latency_class found = (enum sdm_latency_class)SDM_N_LATENCY_CLASS;
        const char *name = sdm_latency_class_name((enum sdm_latency_class)i);

        cr_assert(sdm_latency_class_from_name(name, &found), "%s", name);
        cr_assert_eq((int)found, i, "%s", name);
    }
    cr_assert_str_eq(sdm_latency_class_name(SDM_LATENCY_CLASS_INTER_RACK), "inter-rack");
}

Test(words, another_word_leaves_the_value_alone)
{
    enum sdm_mode mode = SDM_MODE_DEVICE;

    cr_assert_not(sdm_mode_from_name("Host", &mode));
    cr_assert_not(sdm_mode_from_name("", &mode));
    cr_assert_eq(mode, SDM_MODE_DEVICE);
}

Test(words, a_set_reads_as_a_sentence)
{
    static const char *const one[] = {"a"};
    static const struct sdm_words single = {"single", one, 1};
    g_autofree char *joined = sdm_words_join(&sdm_mode_words);
    g_autofree char *alone = sdm_words_join(&single);

    cr_assert_str_eq(joined, "host, vm or device");
    cr_assert_str_eq(alone, "a");
}

Test(words, codes_of_errors_keep_their_order)
{
    cr_assert_eq(sdm_error_code_words.n_words, SDM_N_ERROR_CODES);
    for (int i = 0; i < SDM_N_ERROR_CODES; i++) {
        cr_assert_str_eq(sdm_words_name(&sdm_error_code_words, i),
                         sdm_error_code_name((enum sdm_error_code)i));
    }
}
