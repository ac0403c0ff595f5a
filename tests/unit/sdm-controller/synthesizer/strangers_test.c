#include <string.h>

#include <criterion/criterion.h>

#include "sdm-controller/synthesizer/strangers.h"

static const struct sdm_wire_found_window a = {.window = "a", .entry = 1};
static const struct sdm_wire_found_window b = {.window = "b", .entry = 2};
static const struct sdm_wire_found_window a_elsewhere = {.window = "a", .entry = 2};

Test(strangers, told_once_an_appearance)
{
    g_autoptr(sdm_strangers) strangers = sdm_strangers_new();
    const struct sdm_wire_found_window *both[] = {&a, &b};

    cr_assert(sdm_strangers_is_new(strangers, 1, &a));
    sdm_strangers_keep(strangers, 1, both, 1);
    cr_assert_not(sdm_strangers_is_new(strangers, 1, &a));
    cr_assert(sdm_strangers_is_new(strangers, 1, &b));
    cr_assert(sdm_strangers_is_new(strangers, 1, &a_elsewhere));
    cr_assert(sdm_strangers_is_new(strangers, 2, &a), "bricks are apart");
    sdm_strangers_keep(strangers, 1, both, 2);
    cr_assert_not(sdm_strangers_is_new(strangers, 1, &b));
    sdm_strangers_keep(strangers, 1, both + 1, 1);
    cr_assert(sdm_strangers_is_new(strangers, 1, &a), "it went");
    sdm_strangers_keep(strangers, 1, NULL, 0);
    cr_assert(sdm_strangers_is_new(strangers, 1, &b), "all went");
}
