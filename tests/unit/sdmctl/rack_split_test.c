#include <criterion/criterion.h>

#include <string.h>

#include "sdmctl/rack_split.h"

struct counts {
    size_t racks, trays, bricks, switches, links;
};

/* A rack of so many objects, whose members do not matter here. */
static void make_rack(struct sdm_rack *rack, const struct counts *counts, struct sdm_arena *arena)
{
    *rack = (struct sdm_rack){.version = 1, .segment_unit_bytes = 134217728};
    rack->n_racks = counts->racks;
    rack->racks = SDM_ARENA_NEW(arena, struct sdm_wire_rack, counts->racks);
    rack->n_trays = counts->trays;
    rack->trays = SDM_ARENA_NEW(arena, struct sdm_wire_tray, counts->trays);
    rack->n_bricks = counts->bricks;
    rack->bricks = SDM_ARENA_NEW(arena, struct sdm_wire_brick, counts->bricks);
    rack->n_switches = counts->switches;
    rack->switches = SDM_ARENA_NEW(arena, struct sdm_wire_switch, counts->switches);
    rack->n_links = counts->links;
    rack->links = SDM_ARENA_NEW(arena, struct sdm_wire_link, counts->links);
    for (size_t i = 0; i < counts->bricks; i++) {
        rack->bricks[i].n_ports = i;
    }
}

Test(rack_split, every_object_goes_out_once_and_in_order)
{
    static const struct {
        struct counts counts;
        size_t n_messages;
    } rows[] = {
        {{1, 0, 0, 0, 0}, 1},   {{2, 4, 11, 6, 40}, 1},        {{256, 256, 256, 256, 4096}, 1},
        {{257, 1, 1, 1, 1}, 2}, {{1, 300, 600, 300, 4800}, 5}, {{1, 1, 257, 0, 0}, 2},
        {{1, 1, 0, 257, 1}, 2}, {{1, 1, 1, 1, 4097}, 2},       {{600, 600, 600, 600, 10000}, 9},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_rack rack;
        struct sdm_ctl_split split = {.rack = &rack};
        struct sdm_s11_register message;
        struct counts sum = {0};
        size_t n = 0;

        make_rack(&rack, &rows[i].counts, arena);
        while (sdm_ctl_split_next(&split, "register", &message)) {
            const struct sdm_wire_topology *topology = &message.topology;

            cr_assert(topology->n_racks <= 256 && topology->n_trays <= 256 &&
                          topology->n_bricks <= 256 && topology->n_switches <= 256 &&
                          topology->n_links <= 4096,
                      "row %zu", i);
            cr_assert(topology->n_trays == 0 || sum.racks + topology->n_racks == rack.n_racks);
            cr_assert(topology->n_bricks == 0 || sum.trays + topology->n_trays == rack.n_trays);
            cr_assert(topology->n_links == 0 ||
                      (sum.bricks + topology->n_bricks == rack.n_bricks &&
                       sum.switches + topology->n_switches == rack.n_switches));
            cr_assert(topology->n_bricks == 0 || topology->bricks == rack.bricks + sum.bricks);
            sum.racks += topology->n_racks;
            sum.trays += topology->n_trays;
            sum.bricks += topology->n_bricks;
            sum.switches += topology->n_switches;
            sum.links += topology->n_links;
            n++;
        }
        cr_assert_eq(memcmp(&sum, &rows[i].counts, sizeof sum), 0, "row %zu", i);
        cr_assert_eq(n, rows[i].n_messages, "row %zu: %zu messages", i, n);
        cr_assert_eq(sdm_ctl_split_count(&rack), n, "row %zu", i);
    }
}

Test(rack_split, keys_follow_from_what_is_registered)
{
    static const struct counts counts = {1, 1, 300, 0, 0};
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    char keys[3][65];
    struct sdm_rack rack;

    make_rack(&rack, &counts, arena);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        struct sdm_ctl_split split = {.rack = &rack};
        struct sdm_s11_register message;

        rack.bricks[0].n_ports = i == 2 ? 9 : 0;
        cr_assert(sdm_ctl_split_next(&split, "register", &message));
        memcpy(keys[i], message.key, sizeof keys[i]);
        cr_assert(g_str_has_prefix(message.key, "register-"));
        cr_assert(sdm_ctl_split_next(&split, "register", &message));
        cr_assert_str_neq(message.key, keys[i]);
    }
    cr_assert_str_eq(keys[0], keys[1]);
    cr_assert_str_neq(keys[0], keys[2]);
}

Test(rack_split, a_long_prefix_leaves_room_for_the_fingerprint)
{
    static const struct counts counts = {1, 0, 0, 0, 0};
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_rack rack;
    struct sdm_ctl_split split = {.rack = &rack};
    struct sdm_s11_register message;
    const char *dash;

    make_rack(&rack, &counts, arena);
    cr_assert(sdm_ctl_split_next(
        &split, "0123456789012345678901234567890123456789012345678901234567890123", &message));
    cr_assert_eq(strlen(message.key), 64);
    dash = strrchr(message.key, '-');
    cr_assert_eq(strlen(dash + 1), 32);
}
