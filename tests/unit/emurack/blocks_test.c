#include "fixture.h"

#include <errno.h>

#include "emurack/blocks.h"

Test(blocks, states_follow_the_kernel)
{
    static const struct {
        const char *words[3];
        int results[3];
        const char *zones;
    } cases[] = {
        {{"online_movable", "offline", "online"}, {0, 0, 0}, "Normal"},
        {{"online_movable", "online_movable", "online"}, {0, -EINVAL, -EINVAL}, "Movable"},
        {{"online_kernel", "offline", "online_movable"}, {0, -EBUSY, -EINVAL}, "Normal"},
        {{"offline", "rubbish", ""}, {-EINVAL, -EINVAL, -EINVAL}, "Normal Movable"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_emu_block block = {0};

        for (unsigned j = 0; j < 3; j++) {
            cr_assert_eq(sdm_emu_blocks_set_state(&block, cases[i].words[j]), cases[i].results[j],
                         "case %zu, word %u", i, j);
        }
        cr_assert_str_eq(sdm_emu_block_zones(&block), cases[i].zones);
    }
}

Test(blocks, probe_needs_a_window_over_all_of_the_block)
{
    struct fixture fixture;
    struct sdm_emu_device *compute;
    const struct sdm_emu_rack *rack;

    fixture_open(&fixture);
    rack = fixture.emu->rack;
    compute = fixture_find(&fixture, "cb0");
    fixture_connect(&fixture, "el0", 0, 3);
    cr_assert_eq(compute->blocks->len, 2);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, 0), -EEXIST);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, BASE), -ENXIO);
    fixture_map(&fixture, "cb0", 0, 0, 1, 0, 2, false);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, BASE + 4096), -EINVAL);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, UINT64_MAX - UNIT + 1), -EINVAL);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, BASE + UNIT), 0);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, BASE), 0);
    cr_assert_eq(sdm_emu_blocks_probe(rack, compute, BASE + 2 * UNIT), -ENXIO);
    cr_assert_eq(sdm_emu_blocks_find(compute, BASE / UNIT)->node, SDM_EMU_NODE_TRAY);
    cr_assert_eq(sdm_emu_blocks_remove(rack, compute, 0), -EINVAL);
    cr_assert_eq(sdm_emu_blocks_remove(rack, compute, BASE), 0);
    cr_assert_eq(sdm_emu_blocks_remove(rack, compute, BASE), -EINVAL);
    cr_assert_eq(
        sdm_emu_blocks_set_state(sdm_emu_blocks_find(compute, BASE / UNIT + 1), "online_movable"),
        0);
    cr_assert_eq(sdm_emu_blocks_remove(rack, compute, BASE + UNIT), -EBUSY);
    cr_assert(sdm_emu_rmc_unmap(fixture.emu, compute, 0, NULL));
    cr_assert_eq(fixture.emu->counters.unmapped_online, 1);
    fixture_close(&fixture);
}

Test(blocks, distances)
{
    cr_assert_eq(sdm_emu_node_distance(0, 0), 10);
    cr_assert_eq(sdm_emu_node_distance(0, 1), 20);
    cr_assert_eq(sdm_emu_node_distance(2, 0), 40);
    cr_assert_eq(sdm_emu_node_distance(1, 3), 80);
    cr_assert_eq(sdm_emu_node_distance(3, 3), 10);
}
