#include "emurack/cuts.h"

#include "emurack/rmc.h"

static void note(struct sdm_emu *emu, const struct sdm_emu_use *use, struct sdm_emu_cut cut)
{
    struct sdm_netport_window window;

    sdm_netport_entry_read(&use->mapping->entry, &window);
    cut.number = ++emu->counters.cut_under_live;
    cut.wall_us = sdm_clock_wall_us(emu->clock);
    cut.compute = use->compute;
    cut.entry = use->mapping->index;
    cut.port = window.port;
    cut.memory = use->mapping->memory;
    cut.offset_bytes = window.brick_bytes;
    cut.size_bytes = window.end_bytes - window.start_bytes;
    if (emu->cuts->len == SDM_EMU_CUTS_MAX) {
        g_array_remove_index(emu->cuts, 0);
    }
    g_array_append_val(emu->cuts, cut);
}

void sdm_emu_cuts_note(struct sdm_emu *emu, const GArray *uses, const struct sdm_emu_device *at,
                       unsigned a, unsigned b)
{
    for (unsigned i = 0; i < uses->len; i++) {
        const struct sdm_emu_use *use = &g_array_index(uses, struct sdm_emu_use, i);

        if (!sdm_emu_rmc_reaches(use)) {
            note(emu, use, (struct sdm_emu_cut){.at = at, .a = MIN(a, b), .b = MAX(a, b)});
        }
    }
}
