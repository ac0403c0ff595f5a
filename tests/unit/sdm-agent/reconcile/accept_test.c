#include "sdm-agent/reconcile/accept.h"

#include <criterion/criterion.h>

Test(accept, what_becomes_of_a_wanted_state)
{
    static const struct {
        const char *label;
        struct sdm_want_seen seen;
        uint64_t epoch;
        uint64_t generation;
        enum sdm_want_verdict verdict;
    } cases[] = {
        {"the first of all", {0, 0}, 1, 1, SDM_WANT_OBEYED},
        {"the next", {2, 7}, 2, 8, SDM_WANT_OBEYED},
        {"the same again", {2, 7}, 2, 7, SDM_WANT_OBEYED},
        {"delivered late", {2, 7}, 2, 6, SDM_WANT_LATE},
        {"the first of an epoch that a look has told of", {2, 0}, 2, 6, SDM_WANT_OBEYED},
        {"a new leader", {2, 7}, 3, 6, SDM_WANT_OBEYED},
        {"the old leader", {2, 7}, 1, 9, SDM_WANT_FENCED},
        {"the old leader after a look", {2, 0}, 1, 9, SDM_WANT_FENCED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(sdm_want_judge(&cases[i].seen, cases[i].epoch, cases[i].generation),
                     cases[i].verdict, "%s", cases[i].label);
    }
}
