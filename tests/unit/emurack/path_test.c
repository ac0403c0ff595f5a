#include "fixture.h"

#include "emurack/path.h"

Test(path, follows_cables_and_connections)
{
    static const struct {
        const char *label;
        struct {
            const char *device;
            unsigned a;
            unsigned b;
        } connections[6];
        unsigned port;
        const char *memory;
        bool exists;
    } cases[] = {
        {"nothing connected", {{NULL, 0, 0}}, 0, "mb0", false},
        {"one switch", {{"el0", 0, 3}}, 0, "mb0", true},
        {"the other port of the brick", {{"el0", 0, 3}}, 1, "mb0", false},
        {"another brick", {{"el0", 0, 3}}, 0, "mb1", false},
        {"two trays", {{"el0", 0, 6}, {"opt0", 0, 2}, {"el1", 6, 0}}, 0, "mb2", true},
        {"two trays, optical missing", {{"el0", 0, 6}, {"el1", 6, 0}}, 0, "mb2", false},
        {"two trays, last hop missing", {{"el0", 0, 6}, {"opt0", 0, 2}}, 0, "mb2", false},
        {"two trays, wrong fibre", {{"el0", 0, 6}, {"opt0", 1, 2}, {"el1", 6, 0}}, 0, "mb2", false},
        {"shared uplink",
         {{"el0", 0, 6}, {"el0", 2, 6}, {"opt0", 0, 2}, {"el1", 6, 0}},
         0,
         "mb2",
         true},
        {"a loop ends", {{"el0", 0, 6}, {"opt0", 0, 1}, {"el0", 7, 6}}, 0, "mb2", false},
        {"no such port", {{"el0", 0, 3}}, 2, "mb0", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture fixture;

        fixture_open(&fixture);
        for (unsigned j = 0; cases[i].connections[j].device != NULL; j++) {
            fixture_connect(&fixture, cases[i].connections[j].device, cases[i].connections[j].a,
                            cases[i].connections[j].b);
        }
        cr_assert_eq(sdm_emu_path_exists(fixture_find(&fixture, "cb0"), cases[i].port,
                                         fixture_find(&fixture, cases[i].memory)),
                     cases[i].exists, "%s", cases[i].label);
        fixture_close(&fixture);
    }
}

Test(path, ends_at_what_is_dead_or_off)
{
    static const char *const on_the_way[] = {"cb0", "el0", "opt0", "el1", "mb2"};
    struct fixture fixture;
    struct sdm_emu_device *compute;
    struct sdm_emu_device *memory;

    fixture_open(&fixture);
    compute = fixture_find(&fixture, "cb0");
    memory = fixture_find(&fixture, "mb2");
    fixture_connect(&fixture, "el0", 0, 6);
    fixture_connect(&fixture, "opt0", 0, 2);
    fixture_connect(&fixture, "el1", 6, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(on_the_way); i++) {
        struct sdm_emu_device *device = fixture_find(&fixture, on_the_way[i]);

        device->dead = true;
        cr_assert_not(sdm_emu_path_exists(compute, 0, memory), "%s", on_the_way[i]);
        device->dead = false;
        cr_assert(sdm_emu_path_exists(compute, 0, memory), "%s", on_the_way[i]);
    }
    memory->powered = false;
    cr_assert_not(sdm_emu_path_exists(compute, 0, memory));
    fixture_close(&fixture);
}
