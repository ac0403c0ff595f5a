#include "fixture.h"

#include <sys/stat.h>

#include "emurack/extent.h"

static char *image(const struct fixture *fixture)
{
    return sdm_emu_extents_image_path(fixture->emu->extents, fixture_find(fixture, "mb0"));
}

/* The four steps of an assignment and a return, as rmc.c takes them. */
static struct sdm_emu_extent *assign(const struct fixture *fixture, unsigned first_unit,
                                     unsigned n_units, bool shared, unsigned *n_overlaps)
{
    struct sdm_emu_extent *extent =
        sdm_emu_extents_assign(fixture->emu->extents, fixture_find(fixture, "mb0"),
                               first_unit * UNIT, n_units * UNIT, shared, n_overlaps, NULL);

    cr_assert_not_null(extent);
    cr_assert(sdm_emu_extents_settle(fixture->emu->extents, extent, NULL));
    return extent;
}

static void give_back(const struct fixture *fixture, struct sdm_emu_extent *extent, bool shared)
{
    cr_assert(sdm_emu_extents_return(fixture->emu->extents, extent, NULL));
    sdm_emu_extents_drop(fixture->emu->extents, extent, shared);
}

Test(extent, bytes_move_with_their_owner)
{
    struct fixture fixture;
    g_autofree char *path = NULL;
    unsigned n_overlaps = 99;
    struct sdm_emu_extent *extent;

    fixture_open(&fixture);
    path = image(&fixture);
    fixture_put(path, 2 * UNIT + 5, "left by an earlier owner");
    extent = assign(&fixture, 1, 2, false, &n_overlaps);
    cr_assert_eq(n_overlaps, 0);
    cr_assert(fixture_holds(extent->path, UNIT + 5, "left by an earlier owner"));
    cr_assert_not(fixture_holds(path, 2 * UNIT + 5, "left by an earlier owner"));
    fixture_put(extent->path, 0, "mine");
    give_back(&fixture, extent, false);
    cr_assert(fixture_holds(path, UNIT, "mine"));
    cr_assert(fixture_holds(path, 2 * UNIT + 5, "left by an earlier owner"));
    cr_assert(sdm_emu_extents_clear(fixture.emu->extents, fixture_find(&fixture, "mb0"), UNIT, UNIT,
                                    NULL));
    cr_assert_not(fixture_holds(path, UNIT, "mine"));
    cr_assert(fixture_holds(path, 2 * UNIT + 5, "left by an earlier owner"));
    fixture_close(&fixture);
}

Test(extent, holes_stay_holes)
{
    struct fixture fixture;
    g_autofree char *path = NULL;
    unsigned n_overlaps;
    struct sdm_emu_extent *extent;
    struct stat found;

    fixture_open(&fixture);
    path = image(&fixture);
    extent = assign(&fixture, 0, 8, false, &n_overlaps);
    fixture_put(extent->path, 3 * UNIT, "a page");
    cr_assert_eq(stat(extent->path, &found), 0);
    cr_assert_eq((uint64_t)found.st_size, 8 * UNIT);
    give_back(&fixture, extent, false);
    cr_assert_eq(stat(path, &found), 0);
    cr_assert_lt((uint64_t)found.st_blocks * 512, UNIT);
    cr_assert(fixture_holds(path, 3 * UNIT, "a page"));
    fixture_close(&fixture);
}

Test(extent, what_the_owner_cleared_is_clear_in_the_image)
{
    struct fixture fixture;
    g_autofree char *path = NULL;
    unsigned n_overlaps;
    struct sdm_emu_extent *extent;

    fixture_open(&fixture);
    path = image(&fixture);
    extent = assign(&fixture, 0, 1, false, &n_overlaps);
    fixture_put(path, 0, "stale copy");
    give_back(&fixture, extent, false);
    cr_assert_not(fixture_holds(path, 0, "stale copy"));
    fixture_close(&fixture);
}

Test(extent, overlaps_are_counted)
{
    static const struct {
        const char *label;
        bool first_shared;
        unsigned first_unit;
        unsigned n_units;
        bool shared;
        unsigned n_overlaps;
    } cases[] = {
        {"before", false, 0, 2, false, 0},
        {"behind", false, 5, 3, false, 0},
        {"same", false, 2, 3, false, 1},
        {"same, both shared", true, 2, 3, true, 0},
        {"same, first shared", true, 2, 3, false, 1},
        {"same, second shared", false, 2, 3, true, 1},
        {"inside", false, 3, 1, false, 1},
        {"around", false, 1, 5, false, 1},
        {"part, both shared", true, 2, 2, true, 1},
        {"last unit", false, 4, 2, false, 1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture fixture;
        unsigned n_overlaps = 99;

        fixture_open(&fixture);
        assign(&fixture, 2, 3, cases[i].first_shared, &n_overlaps);
        cr_assert_eq(n_overlaps, 0, "%s", cases[i].label);
        assign(&fixture, cases[i].first_unit, cases[i].n_units, cases[i].shared, &n_overlaps);
        cr_assert_eq(n_overlaps, cases[i].n_overlaps, "%s", cases[i].label);
        fixture_close(&fixture);
    }
}

Test(extent, users_share_one_file_until_the_last_goes)
{
    struct fixture fixture;
    g_autofree char *path = NULL;
    unsigned n_overlaps;
    struct sdm_emu_extent *first;
    struct sdm_emu_extent *second;

    fixture_open(&fixture);
    path = image(&fixture);
    first = assign(&fixture, 0, 1, true, &n_overlaps);
    second = assign(&fixture, 0, 1, true, &n_overlaps);
    cr_assert_eq(first, second);
    cr_assert_eq(first->n_users, 2);
    fixture_put(first->path, 0, "ours");
    give_back(&fixture, first, true);
    cr_assert(fixture_holds(second->path, 0, "ours"));
    cr_assert_not(fixture_holds(path, 0, "ours"));
    give_back(&fixture, second, true);
    cr_assert(fixture_holds(path, 0, "ours"));
    cr_assert_eq(sdm_emu_extents_live(fixture.emu->extents)->len, 0);
    fixture_close(&fixture);
}

Test(extent, a_kill_between_the_steps_loses_no_byte)
{
    static const struct {
        const char *label;
        bool live;     /* as the saved state says */
        bool in_image; /* where the bytes are */
        bool in_file;
    } cases[] = {
        {"file filled, not saved", false, true, true},
        {"saved, image not cleared", true, true, true},
        {"live", true, false, true},
        {"returned, not saved", true, true, true},
        {"saved, file not removed", false, true, true},
        {"file lost with its memory", true, true, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct fixture fixture;
        g_autofree char *path = NULL;
        g_autofree char *file = NULL;
        struct sdm_emu_extents *extents;
        struct sdm_emu_extent *extent;
        unsigned n_overlaps;

        fixture_open(&fixture);
        extents = fixture.emu->extents;
        path = image(&fixture);
        extent = sdm_emu_extents_assign(extents, fixture_find(&fixture, "mb0"), 0, UNIT, false,
                                        &n_overlaps, NULL);
        file = g_strdup(extent->path);
        sdm_emu_extents_drop(extents, extent, false);
        if (cases[i].in_image) {
            fixture_put(path, 0, "bytes");
        }
        if (cases[i].in_file) {
            cr_assert(g_file_set_contents(file, "", 0, NULL));
            cr_assert_eq(truncate(file, (off_t)UNIT), 0);
            fixture_put(file, 0, "bytes");
        }
        if (cases[i].live) {
            extent =
                sdm_emu_extents_adopt(extents, fixture_find(&fixture, "mb0"), 0, UNIT, false, NULL);
        }
        cr_assert(sdm_emu_extents_recover(extents, NULL));
        cr_assert_eq(access(file, F_OK) == 0, cases[i].live, "%s", cases[i].label);
        cr_assert_eq(fixture_holds(path, 0, "bytes"), !cases[i].live, "%s", cases[i].label);
        if (cases[i].live) {
            cr_assert(fixture_holds(file, 0, "bytes"), "%s", cases[i].label);
        }
        fixture_close(&fixture);
    }
}
