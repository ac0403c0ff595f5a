#include "emurack/cuts.h"
#include "fixture.h"

Test(switch_, what_ports_take)
{
    static const struct {
        const char *label;
        const char *device;
        unsigned first[2];
        unsigned second[2];
        int code;
    } cases[] = {
        {"optical, apart", "opt0", {0, 1}, {2, 3}, -1},
        {"optical, again", "opt0", {0, 1}, {0, 1}, -1},
        {"optical, again the other way", "opt0", {0, 1}, {1, 0}, -1},
        {"optical, first port again", "opt0", {0, 1}, {0, 2}, SDM_ERROR_IN_USE},
        {"optical, second port again", "opt0", {0, 1}, {2, 1}, SDM_ERROR_IN_USE},
        {"itself", "opt0", {0, 1}, {2, 2}, SDM_ERROR_INVALID_VALUE},
        {"beyond", "opt0", {0, 1}, {2, 8}, SDM_ERROR_OUT_OF_RANGE},
        {"far beyond", "opt0", {0, 1}, {UINT_MAX, 2}, SDM_ERROR_OUT_OF_RANGE},
        {"electrical, brick port again", "el0", {0, 3}, {0, 4}, SDM_ERROR_IN_USE},
        {"electrical, brick port to uplink again", "el0", {0, 6}, {0, 7}, SDM_ERROR_IN_USE},
        {"electrical, uplink again", "el0", {0, 6}, {1, 6}, -1},
        {"electrical, uplinks joined", "el0", {0, 6}, {6, 7}, -1},
        {"electrical, port without a cable again", "el1", {1, 2}, {1, 3}, SDM_ERROR_IN_USE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture fixture;
        struct sdm_emu_device *device;
        GError *error = NULL;
        bool done;

        fixture_open(&fixture);
        device = fixture_find(&fixture, cases[i].device);
        cr_assert(sdm_emu_switch_connect(device, cases[i].first[0], cases[i].first[1], NULL));
        done = sdm_emu_switch_connect(device, cases[i].second[0], cases[i].second[1], &error);
        cr_assert_eq(done, cases[i].code == -1, "%s", cases[i].label);
        cr_assert_eq(fixture_code(&error), cases[i].code, "%s", cases[i].label);
        fixture_close(&fixture);
    }
}

Test(switch_, listed_in_order)
{
    struct fixture fixture;
    g_autoptr(GString) text = g_string_new(NULL);
    struct sdm_emu_device *device;

    fixture_open(&fixture);
    device = fixture_find(&fixture, "el0");
    fixture_connect(&fixture, "el0", 6, 2);
    fixture_connect(&fixture, "el0", 7, 6);
    fixture_connect(&fixture, "el0", 6, 0);
    cr_assert(sdm_emu_switch_disconnect(fixture.emu, device, 5, 4, NULL));
    sdm_emu_switch_list(device, text);
    cr_assert_str_eq(text->str, " 3 0-6 2-6 6-7");
    cr_assert(sdm_emu_switch_disconnect(fixture.emu, device, 6, 2, NULL));
    g_string_truncate(text, 0);
    sdm_emu_switch_list(device, text);
    cr_assert_str_eq(text->str, " 2 0-6 6-7");
    fixture_close(&fixture);
}

Test(switch_, cuts_under_live_entries_are_counted_and_named)
{
    struct fixture fixture;
    struct sdm_emu_device *device;

    fixture_open(&fixture);
    device = fixture_find(&fixture, "el0");
    fixture_connect(&fixture, "el0", 0, 3);
    fixture_connect(&fixture, "el0", 1, 4);
    fixture_map(&fixture, "cb0", 0, 0, 1, 0, 1, false);
    fixture_map(&fixture, "cb0", 0, 1, 1, 1, 1, false);
    fixture_map(&fixture, "cb0", 1, 2, 1, 2, 1, false);
    cr_assert(sdm_emu_switch_disconnect(fixture.emu, device, 0, 3, NULL));
    cr_assert_eq(fixture.emu->counters.cut_under_live, 2);
    cr_assert_eq(fixture.emu->cuts->len, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct sdm_emu_cut *cut = &g_array_index(fixture.emu->cuts, struct sdm_emu_cut, i);

        cr_assert_eq(cut->number, i + 1);
        cr_assert_str_eq(cut->at->id, "el0");
        cr_assert(cut->a == 0 && cut->b == 3);
        cr_assert_str_eq(cut->compute->id, "cb0");
        cr_assert(cut->entry == i && cut->port == 0);
        cr_assert_str_eq(cut->memory->id, "mb0");
        cr_assert(cut->offset_bytes == i * UNIT && cut->size_bytes == UNIT);
    }
    cr_assert(sdm_emu_rmc_unmap(fixture.emu, fixture_find(&fixture, "cb0"), 2, NULL));
    cr_assert(sdm_emu_switch_disconnect(fixture.emu, device, 1, 4, NULL));
    cr_assert_eq(fixture.emu->counters.cut_under_live, 2);
    fixture_close(&fixture);
}
