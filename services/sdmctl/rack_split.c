#include "sdmctl/rack_split.h"

#include <string.h>

/* Hexadecimal digits of a fingerprint that go into a key. */
#define KEY_DIGITS 32

static size_t take(size_t n_all, size_t *n_taken, size_t most)
{
    size_t n = MIN(n_all - *n_taken, most);

    *n_taken += n;
    return n;
}

/* What is below waits until everything above has gone out: racks, trays, bricks and switches,
 * links. */
static void fill(struct sdm_ctl_split *split, struct sdm_wire_topology *topology)
{
    const struct sdm_rack *rack = split->rack;

    topology->racks = rack->racks + split->n_racks;
    topology->n_racks = take(rack->n_racks, &split->n_racks, SDM_CTL_SPLIT_DEVICES);
    if (split->n_racks < rack->n_racks) {
        return;
    }
    topology->trays = rack->trays + split->n_trays;
    topology->n_trays = take(rack->n_trays, &split->n_trays, SDM_CTL_SPLIT_DEVICES);
    if (split->n_trays < rack->n_trays) {
        return;
    }
    topology->bricks = rack->bricks + split->n_bricks;
    topology->n_bricks = take(rack->n_bricks, &split->n_bricks, SDM_CTL_SPLIT_DEVICES);
    topology->switches = rack->switches + split->n_switches;
    topology->n_switches = take(rack->n_switches, &split->n_switches, SDM_CTL_SPLIT_DEVICES);
    if (split->n_bricks < rack->n_bricks || split->n_switches < rack->n_switches) {
        return;
    }
    topology->links = rack->links + split->n_links;
    topology->n_links = take(rack->n_links, &split->n_links, SDM_CTL_SPLIT_LINKS);
}

static bool is_over(const struct sdm_ctl_split *split)
{
    const struct sdm_rack *rack = split->rack;

    return split->is_begun && split->n_racks == rack->n_racks && split->n_trays == rack->n_trays &&
           split->n_bricks == rack->n_bricks && split->n_switches == rack->n_switches &&
           split->n_links == rack->n_links;
}

bool sdm_ctl_split_next(struct sdm_ctl_split *split, const char *prefix,
                        struct sdm_s11_register *message)
{
    char fingerprint[SDM_FINGERPRINT_SIZE];

    if (is_over(split)) {
        return false;
    }
    *message = (struct sdm_s11_register){
        .has_segment_unit_bytes = true,
        .segment_unit_bytes = split->rack->segment_unit_bytes,
    };
    fill(split, &message->topology);
    split->is_begun = true;
    sdm_codec_fingerprint(&sdm_s11_register_codec, message, fingerprint);
    g_snprintf(message->key, sizeof message->key, "%.*s-%.*s",
               (int)(sizeof message->key - 2 - KEY_DIGITS), prefix, KEY_DIGITS, fingerprint);
    return true;
}

size_t sdm_ctl_split_count(const struct sdm_rack *rack)
{
    struct sdm_ctl_split split = {.rack = rack};
    struct sdm_wire_topology topology;
    size_t n = 0;

    while (!is_over(&split)) {
        topology = (struct sdm_wire_topology){0};
        fill(&split, &topology);
        split.is_begun = true;
        n++;
    }
    return n;
}
