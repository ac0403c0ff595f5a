#include "sdm-controller/compile/crossings.h"

#include <criterion/criterion.h>

static const struct sdm_crossing crossing = {1, 4, 2};
static const struct sdm_crossing turned = {1, 2, 4};

Test(crossings, made_for_the_first_and_cut_after_the_last)
{
    g_autoptr(sdm_crossings) crossings = sdm_crossings_new();

    cr_assert(sdm_crossings_add(crossings, crossing, "a"));
    cr_assert_not(sdm_crossings_add(crossings, crossing, "a"), "repeated");
    cr_assert_not(sdm_crossings_add(crossings, turned, "b"), "no direction");
    cr_assert_eq(sdm_crossings_count(crossings), 1);
    cr_assert(sdm_crossings_used(crossings, turned));
    cr_assert_not(sdm_crossings_remove(crossings, crossing, "a"));
    cr_assert_not(sdm_crossings_remove(crossings, crossing, "a"), "repeated");
    cr_assert(sdm_crossings_used(crossings, crossing));
    cr_assert(sdm_crossings_remove(crossings, turned, "b"));
    cr_assert_not(sdm_crossings_used(crossings, crossing));
    cr_assert_eq(sdm_crossings_count(crossings), 0);
    cr_assert(sdm_crossings_remove(crossings, crossing, "b"), "nobody crosses, as asked");
    cr_assert(sdm_crossings_add(crossings, crossing, "c"), "the first again");
}

Test(crossings, switches_and_ports_are_told_apart)
{
    static const struct sdm_crossing distinct[] = {{1, 1, 2}, {2, 1, 2}, {1, 1, 3}, {1, 2, 3}};
    g_autoptr(sdm_crossings) crossings = sdm_crossings_new();
    g_autoptr(GArray) list = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(distinct); i++) {
        cr_assert(sdm_crossings_add(crossings, distinct[i], "a"), "%zu", i);
    }
    list = sdm_crossings_list(crossings);
    cr_assert_eq(list->len, G_N_ELEMENTS(distinct));
    for (size_t i = 0; i < list->len; i++) {
        const struct sdm_crossing *found = &g_array_index(list, struct sdm_crossing, i);
        bool given = false;

        cr_assert_leq(found->port_a, found->port_b);
        for (size_t j = 0; j < G_N_ELEMENTS(distinct); j++) {
            given |= found->switch_no == distinct[j].switch_no &&
                     found->port_a == distinct[j].port_a && found->port_b == distinct[j].port_b;
        }
        cr_assert(given, "%zu", i);
    }
    cr_assert(sdm_crossings_remove(crossings, distinct[1], "a"));
    cr_assert(sdm_crossings_used(crossings, distinct[0]));
}

Test(crossings, freeing_nothing)
{
    sdm_crossings_free(NULL);
}

Test(crossings, what_is_forgotten_is_crossed_by_nobody)
{
    g_autoptr(sdm_crossings) crossings = sdm_crossings_new();

    sdm_crossings_add(crossings, crossing, "a");
    sdm_crossings_add(crossings, crossing, "b");
    sdm_crossings_forget(crossings, turned);
    cr_assert_not(sdm_crossings_used(crossings, crossing));
    sdm_crossings_forget(crossings, crossing);
    cr_assert(sdm_crossings_add(crossings, crossing, "c"), "the first again");
}

Test(crossings, knows_which_circuit_crosses_where)
{
    g_autoptr(sdm_crossings) crossings = sdm_crossings_new();
    const struct sdm_crossing here = {1, 2, 3};
    const struct sdm_crossing back = {1, 3, 2};
    const struct sdm_crossing there = {2, 2, 3};

    sdm_crossings_add(crossings, here, "a");
    cr_assert(sdm_crossings_holds(crossings, here, "a"));
    cr_assert(sdm_crossings_holds(crossings, back, "a"));
    cr_assert_not(sdm_crossings_holds(crossings, here, "b"));
    cr_assert_not(sdm_crossings_holds(crossings, there, "a"));
    sdm_crossings_remove(crossings, here, "a");
    cr_assert_not(sdm_crossings_holds(crossings, here, "a"));
}
