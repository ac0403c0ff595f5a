#include "fixture.h"

#include "emurack/blocks.h"
#include "emurack/brick_controller.h"

static bool try_map(const struct fixture *fixture, unsigned index,
                    const struct sdm_netport_entry *entry, GError **error)
{
    const char *path = NULL;

    return sdm_emu_rmc_map(fixture->emu, fixture_find(fixture, "cb0"), index, entry, false, &path,
                           error);
}

Test(rmc, refusals_change_nothing)
{
    struct fixture fixture;
    struct {
        const char *label;
        unsigned index;
        struct sdm_netport_entry entry;
        int code;
    } cases[] = {
        {"entry that is set", 0, fixture_entry(0, 1, BASE, 2 * UNIT, 0), SDM_ERROR_ALREADY_EXISTS},
        {"no such entry", 4096, fixture_entry(0, 1, 2 * BASE, UNIT, 0), SDM_ERROR_OUT_OF_RANGE},
        {"window overlaps", 1, fixture_entry(0, 1, BASE, UNIT, UNIT), SDM_ERROR_IN_USE},
        {"no such module", 1, fixture_entry(0, 9, 2 * BASE, UNIT, 0), SDM_ERROR_NOT_FOUND},
        {"no such port", 1, fixture_entry(2, 1, 2 * BASE, UNIT, 0), SDM_ERROR_OUT_OF_RANGE},
        {"begins beyond", 1, fixture_entry(0, 1, 2 * BASE, UNIT, 8 * UNIT), SDM_ERROR_OUT_OF_RANGE},
        {"ends beyond", 1, fixture_entry(0, 1, 2 * BASE, 2 * UNIT, 7 * UNIT),
         SDM_ERROR_OUT_OF_RANGE},
        {"no path", 1, fixture_entry(0, 2, 2 * BASE, UNIT, 0), SDM_ERROR_NO_PATH},
        {"brick is off", 1, fixture_entry(0, 3, 2 * BASE, UNIT, 0), SDM_ERROR_WRONG_STATE},
        {"empty", 1, {1, 0x80000, 0x80000, 0}, SDM_ERROR_INVALID_VALUE},
        {"reversed", 1, {1, 0x80000, 0x70000, 0}, SDM_ERROR_OUT_OF_RANGE},
    };

    fixture_open(&fixture);
    fixture_connect(&fixture, "el0", 0, 3);
    fixture_map(&fixture, "cb0", 0, 0, 1, 0, 1, false);
    fixture_find(&fixture, "mb2")->powered = false;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;

        cr_assert_not(try_map(&fixture, cases[i].index, &cases[i].entry, &error), "%s",
                      cases[i].label);
        cr_assert_eq(fixture_code(&error), cases[i].code, "%s", cases[i].label);
    }
    cr_assert_eq(fixture_find(&fixture, "cb0")->mappings->len, 1);
    cr_assert_eq(sdm_emu_extents_live(fixture.emu->extents)->len, 1);
    cr_assert_eq(fixture.emu->counters.overlaps, 0);
    fixture_close(&fixture);
}

Test(rmc, entries_are_listed_in_order_and_found_by_address)
{
    struct fixture fixture;
    struct sdm_emu_device *compute;
    g_autoptr(GString) text = g_string_new(NULL);

    fixture_open(&fixture);
    compute = fixture_find(&fixture, "cb0");
    fixture_connect(&fixture, "el0", 0, 3);
    fixture_map(&fixture, "cb0", 0, 7, 1, 2, 1, false);
    fixture_map(&fixture, "cb0", 0, 2, 1, 0, 1, false);
    sdm_emu_rmc_list(compute, text);
    cr_assert(g_str_has_prefix(text->str, " 2 2:00000001:"), "%s", text->str);
    cr_assert_not_null(strstr(text->str, " 7:00000001:"));
    cr_assert_eq(sdm_emu_rmc_find(compute, BASE + 7 * 16 * UNIT + UNIT - 1)->index, 7);
    cr_assert_null(sdm_emu_rmc_find(compute, BASE + 7 * 16 * UNIT + UNIT));
    cr_assert_null(sdm_emu_rmc_find(compute, 0));
    fixture_close(&fixture);
}

Test(rmc, two_compute_bricks_on_one_extent_overlap)
{
    struct fixture fixture;
    const char *first;
    const char *second;

    fixture_open(&fixture);
    fixture_connect(&fixture, "el0", 0, 3);
    fixture_connect(&fixture, "el0", 2, 4);
    first = fixture_map(&fixture, "cb0", 0, 0, 1, 0, 2, true);
    second = fixture_map(&fixture, "cb1", 0, 0, 1, 0, 2, true);
    cr_assert_str_eq(first, second);
    cr_assert_eq(fixture.emu->counters.overlaps, 0);
    fixture_map(&fixture, "cb1", 0, 1, 1, 1, 1, false);
    cr_assert_eq(fixture.emu->counters.overlaps, 1);
    fixture_close(&fixture);
}

Test(rmc, scrub_of_reached_bytes_is_refused_and_of_cut_ones_done)
{
    struct fixture fixture;
    struct sdm_emu_device *memory;
    g_autoptr(GString) text = g_string_new(NULL);
    GError *error = NULL;

    fixture_open(&fixture);
    memory = fixture_find(&fixture, "mb0");
    fixture_connect(&fixture, "el0", 0, 3);
    fixture_map(&fixture, "cb0", 0, 0, 1, 0, 2, false);
    cr_assert_not(sdm_emu_brick_scrub(fixture.emu, memory, UNIT, UNIT, &error));
    cr_assert_eq(fixture_code(&error), SDM_ERROR_IN_USE);
    cr_assert(sdm_emu_brick_scrub(fixture.emu, memory, 2 * UNIT, UNIT, NULL));
    cr_assert(sdm_emu_switch_disconnect(fixture.emu, fixture_find(&fixture, "el0"), 0, 3, NULL));
    cr_assert(sdm_emu_brick_scrub(fixture.emu, memory, UNIT, UNIT, NULL));
    cr_assert_eq(sdm_emu_brick_count_extents(fixture.emu, memory), 0);
    sdm_emu_rmc_list(fixture_find(&fixture, "cb0"), text);
    cr_assert(g_str_has_suffix(text->str, ":-"), "%s", text->str);
    fixture_reopen(&fixture);
    cr_assert_eq(fixture_find(&fixture, "cb0")->mappings->len, 1);
    cr_assert_eq(sdm_emu_extents_live(fixture.emu->extents)->len, 0);
    cr_assert(sdm_emu_rmc_unmap(fixture.emu, fixture_find(&fixture, "cb0"), 0, NULL));
    cr_assert_eq(fixture_find(&fixture, "cb0")->mappings->len, 0);
    fixture_close(&fixture);
}

Test(rmc, restart_keeps_entries_bytes_and_registers)
{
    struct fixture fixture;
    g_autofree char *registers = NULL;
    g_autofree char *bytes = NULL;
    struct sdm_netport_entry found;
    struct sdm_netport_entry wanted = fixture_entry(0, 1, BASE + 5 * 16 * UNIT, UNIT, 3 * UNIT);
    const char *path;

    fixture_open(&fixture);
    fixture_connect(&fixture, "el0", 0, 3);
    path = fixture_map(&fixture, "cb0", 0, 5, 1, 3, 1, false);
    fixture_put(path, 9, "kept");
    registers = sdm_emu_rmc_path(fixture.emu, fixture_find(&fixture, "cb0"), ".regs");
    fixture_reopen(&fixture);
    path = fixture_map(&fixture, "cb0", 0, 5, 1, 3, 1, false);
    cr_assert(fixture_holds(path, 9, "kept"));
    cr_assert(g_file_get_contents(registers, &bytes, NULL, NULL));
    sdm_netport_entry_decode((uint8_t *)bytes + 5 * SDM_NETPORT_ENTRY_BYTES, &found);
    cr_assert(sdm_netport_entry_equal(&found, &wanted));
    fixture_close(&fixture);
}

Test(rmc, power_and_waking)
{
    struct fixture fixture;
    struct sdm_emu_device *memory;
    struct sdm_netport_entry entry = fixture_entry(0, 1, BASE, UNIT, 0);
    GError *error = NULL;
    unsigned wait_ms = 0;

    fixture_open(&fixture);
    memory = fixture_find(&fixture, "mb0");
    cr_assert(sdm_emu_brick_power_off(fixture.emu, memory, NULL));
    fixture_connect(&fixture, "el0", 0, 3);
    cr_assert(sdm_emu_brick_power_on(fixture.emu, memory, &wait_ms, NULL));
    cr_assert_eq(wait_ms, 100);
    cr_assert_not(try_map(&fixture, 0, &entry, &error));
    cr_assert_eq(fixture_code(&error), SDM_ERROR_WRONG_STATE);
    fixture_now_us += 60 * 1000;
    cr_assert(sdm_emu_brick_power_on(fixture.emu, memory, &wait_ms, NULL));
    cr_assert_eq(wait_ms, 40);
    fixture_now_us += 40 * 1000;
    cr_assert(try_map(&fixture, 0, &entry, NULL));
    cr_assert_not(sdm_emu_brick_power_off(fixture.emu, memory, &error));
    cr_assert_eq(fixture_code(&error), SDM_ERROR_IN_USE);
    cr_assert(sdm_emu_brick_power_force_off(fixture.emu, fixture_find(&fixture, "cb0"), NULL));
    cr_assert_eq(sdm_emu_brick_count_extents(fixture.emu, memory), 0);
    cr_assert_eq(fixture_find(&fixture, "cb0")->blocks->len, 0);
    fixture_close(&fixture);
}
