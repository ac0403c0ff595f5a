#include "fixture.h"

#include "emurack/brick_controller.h"
#include "emurack/store.h"

Test(store, everything_comes_back)
{
    struct fixture fixture;
    struct sdm_emu_device *device;

    fixture_open(&fixture);
    fixture_find(&fixture, "opt0")->epoch = UINT64_C(1) << 62;
    fixture_find(&fixture, "mb1")->powered = false;
    fixture_find(&fixture, "mb2")->dead = true;
    fixture_connect(&fixture, "el0", 6, 0);
    fixture_connect(&fixture, "el0", 6, 1);
    cr_assert(sdm_emu_brick_scrub(fixture.emu, fixture_find(&fixture, "mb0"), UNIT, UNIT, NULL));
    fixture.emu->counters.overlaps = 3;
    cr_assert(sdm_emu_store_save(fixture.emu, NULL));
    fixture_reopen(&fixture);
    cr_assert_eq(fixture_find(&fixture, "opt0")->epoch, UINT64_C(1) << 62);
    cr_assert_not(fixture_find(&fixture, "mb1")->powered);
    cr_assert(fixture_find(&fixture, "mb2")->dead);
    cr_assert_eq(fixture_find(&fixture, "el0")->connections->len, 2);
    cr_assert_eq(fixture.emu->counters.overlaps, 3);
    cr_assert_eq(fixture.emu->counters.scrubs, 1);
    device = fixture_find(&fixture, "mb0");
    cr_assert_eq(device->n_scrubs, 1);
    cr_assert_eq(g_array_index(device->scrubs, struct sdm_emu_scrub, 0).offset_bytes, UNIT);
    fixture_close(&fixture);
}

Test(store, the_log_of_scrubs_is_bounded)
{
    struct fixture fixture;
    struct sdm_emu_device *device;

    fixture_open(&fixture);
    device = fixture_find(&fixture, "mb0");
    for (unsigned i = 0; i < SDM_EMU_SCRUBS_KEPT + 5; i++) {
        cr_assert(sdm_emu_brick_scrub(fixture.emu, device, 0, UNIT + i, NULL));
    }
    cr_assert_eq(device->scrubs->len, SDM_EMU_SCRUBS_KEPT);
    cr_assert_eq(device->n_scrubs, SDM_EMU_SCRUBS_KEPT + 5);
    cr_assert_eq(g_array_index(device->scrubs, struct sdm_emu_scrub, 0).size_bytes, UNIT + 5);
    fixture_close(&fixture);
}

Test(store, files_that_cannot_be_read)
{
    static const struct {
        const char *text;
        bool read;
    } cases[] = {
        {"emurack-state 1\n", true},
        {"emurack-state 1\ndevice gone 1 on alive 0\n", true},
        {"emurack-state 2\n", false},
        {"", false},
        {"emurack-state 1\ncounters 1 2 3\n", false},
        {"emurack-state 1\ndevice mb0 1 on\n", false},
        {"emurack-state 1\nconnection el0 1 99\n", false},
        {"emurack-state 1\nblock cb0 1 7 0\n", false},
        {"emurack-state 1\nscrub mb0 x 7 0\n", false},
        {"emurack-state 1\nentry cb0 1 2 3\n", false},
        {"emurack-state 1\nentry cb0 1 9 300000 300001 300000 own\n", true},
        {"emurack-state 1\nsurprise mb0\n", false},
        {"emurack-state 1\ndevice\n", false},
        {"emurack-state 1\na b c d e f g h i j k\n", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture fixture;
        g_autofree char *path = NULL;
        GError *error = NULL;
        bool read;

        fixture_open(&fixture);
        path = g_build_filename(fixture.dir, "state", NULL);
        cr_assert(g_file_set_contents(path, cases[i].text, -1, NULL));
        read = sdm_emu_store_load(fixture.emu, &error);
        cr_assert_eq(read, cases[i].read, "%s", cases[i].text);
        cr_assert_eq(fixture_code(&error), cases[i].read ? -1 : SDM_ERROR_MALFORMED, "%s",
                     cases[i].text);
        fixture_close(&fixture);
    }
}
