#include "emurack/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emurack/blocks.h"
#include "emurack/rmc.h"
#include "lib/base/error.h"

enum { MAX_WORDS = 9 };

static const char header[] = "emurack-state 1";

static char *state_path(const struct sdm_emu *emu)
{
    return g_build_filename(emu->state_dir, "state", NULL);
}

static void write_mappings(const struct sdm_emu_device *device, GString *text)
{
    for (unsigned i = 0; i < device->mappings->len; i++) {
        const struct sdm_emu_mapping *mapping = g_ptr_array_index(device->mappings, i);
        const char *form = mapping->extent == NULL ? "stranded"
                           : mapping->shared       ? "shared"
                                                   : "own";

        g_string_append_printf(
            text, "entry %s %u %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %s\n", device->id,
            mapping->index, mapping->entry.info, mapping->entry.start, mapping->entry.end,
            mapping->entry.offset, form);
    }
}

static void write_device(const struct sdm_emu_device *device, GString *text)
{
    g_string_append_printf(text, "device %s %" PRIu64 " %s %s %" PRIu64 "\n", device->id,
                           device->epoch, device->powered ? "on" : "off",
                           device->dead ? "dead" : "alive", device->n_scrubs);
    for (unsigned i = 0; i < device->connections->len; i++) {
        const struct sdm_emu_connection *connection =
            &g_array_index(device->connections, struct sdm_emu_connection, i);

        g_string_append_printf(text, "connection %s %u %u\n", device->id, connection->a,
                               connection->b);
    }
    write_mappings(device, text);
    for (unsigned i = 0; i < device->blocks->len; i++) {
        const struct sdm_emu_block *block = &g_array_index(device->blocks, struct sdm_emu_block, i);

        /* The brick's own blocks come with its boot. */
        if (block->node != SDM_EMU_NODE_LOCAL) {
            g_string_append_printf(text, "block %s %" PRIu64 " %d %d\n", device->id, block->index,
                                   (int)block->state, (int)block->node);
        }
    }
    for (unsigned i = 0; i < device->scrubs->len; i++) {
        const struct sdm_emu_scrub *scrub = &g_array_index(device->scrubs, struct sdm_emu_scrub, i);

        g_string_append_printf(text, "scrub %s %" PRIu64 " %" PRIu64 " %" PRId64 "\n", device->id,
                               scrub->offset_bytes, scrub->size_bytes, scrub->wall_us);
    }
}

static bool write_state(const struct sdm_emu *emu, GError **error)
{
    g_autoptr(GString) text = g_string_new(header);
    g_autofree char *path = state_path(emu);
    g_autofree char *unfinished = g_strconcat(path, ".new", NULL);

    g_string_append_printf(text, "\ncounters %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                           emu->counters.overlaps, emu->counters.cut_under_live,
                           emu->counters.unmapped_online, emu->counters.scrubs);
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        write_device(sdm_emu_rack_device(emu->rack, i), text);
    }
    /* A new file, put in place by exchange: a file system that is told to replace one by another
     * writes the new one's bytes out first, and real hardware does not wait for a disk either. */
    unlink(unfinished);
    if (!g_file_set_contents_full(unfinished, text->str, (gssize)text->len,
                                  G_FILE_SET_CONTENTS_NONE, 0600, error)) {
        return false;
    }
    if (renameat2(AT_FDCWD, unfinished, AT_FDCWD, path, RENAME_EXCHANGE) == 0) {
        return true;
    }
    return rename(unfinished, path) == 0 || sdm_set_errno(error, errno, "rename '%s'", unfinished);
}

bool sdm_emu_store_save(struct sdm_emu *emu, GError **error)
{
    GError *failure = NULL;
    bool saved = write_state(emu, &failure);

    g_free(emu->save_failure);
    emu->save_failure = saved ? NULL : g_strdup(failure->message);
    if (!saved) {
        g_propagate_error(error, failure);
    }
    return saved;
}

struct line {
    unsigned n_words;
    const char *words[MAX_WORDS];
    struct sdm_emu_device *device; /* of the second word; NULL for counters */
};

/* The words from 'first' on as numbers. */
static bool read_numbers(const struct line *line, unsigned first, unsigned n_numbers,
                         uint64_t *numbers)
{
    for (unsigned i = 0; i < n_numbers; i++) {
        if (first + i >= line->n_words ||
            !g_ascii_string_to_unsigned(line->words[first + i], 10, 0, G_MAXUINT64, &numbers[i],
                                        NULL)) {
            return false;
        }
    }
    return true;
}

static bool load_counters(struct sdm_emu *emu, const struct line *line)
{
    uint64_t numbers[4];

    if (!read_numbers(line, 1, 4, numbers)) {
        return false;
    }
    emu->counters = (struct sdm_emu_counters){numbers[0], numbers[1], numbers[2], numbers[3]};
    return true;
}

static bool load_device(struct sdm_emu *emu, const struct line *line)
{
    struct sdm_emu_device *device = line->device;

    if (line->n_words != 6 || !read_numbers(line, 2, 1, &device->epoch) ||
        !read_numbers(line, 5, 1, &device->n_scrubs)) {
        return false;
    }
    device->powered = strcmp(line->words[3], "on") == 0 || sdm_emu_is_switch(device);
    device->dead = strcmp(line->words[4], "dead") == 0;
    sdm_emu_blocks_boot(emu->rack, device);
    return true;
}

static bool load_connection(struct sdm_emu *emu, const struct line *line)
{
    uint64_t ports[2];
    struct sdm_emu_connection connection;

    (void)emu;
    if (!read_numbers(line, 2, 2, ports) || ports[0] >= line->device->n_ports ||
        ports[1] >= line->device->n_ports) {
        return false;
    }
    connection = (struct sdm_emu_connection){(unsigned)ports[0], (unsigned)ports[1]};
    g_array_append_val(line->device->connections, connection);
    return true;
}

static bool load_entry(struct sdm_emu *emu, const struct line *line)
{
    uint64_t numbers[5];
    struct sdm_netport_entry entry;
    g_autoptr(GError) error = NULL;

    if (line->n_words != 8 || !read_numbers(line, 2, 5, numbers)) {
        return false;
    }
    entry = (struct sdm_netport_entry){(uint32_t)numbers[1], (uint32_t)numbers[2],
                                       (uint32_t)numbers[3], (uint32_t)numbers[4]};
    if (!sdm_emu_rmc_restore(emu, line->device, (unsigned)numbers[0], &entry,
                             strcmp(line->words[7], "shared") == 0,
                             strcmp(line->words[7], "stranded") == 0, &error)) {
        g_warning("a NetPort entry of '%s' is dropped: %s", line->device->id, error->message);
    }
    return true;
}

static bool load_block(struct sdm_emu *emu, const struct line *line)
{
    uint64_t numbers[3];
    struct sdm_emu_block block;

    (void)emu;
    if (!read_numbers(line, 2, 3, numbers) || numbers[1] > SDM_EMU_BLOCK_ONLINE_MOVABLE ||
        numbers[2] >= SDM_EMU_N_NODES) {
        return false;
    }
    block = (struct sdm_emu_block){numbers[0], (enum sdm_emu_block_state)numbers[1],
                                   (enum sdm_emu_node)numbers[2]};
    sdm_emu_blocks_restore(line->device, &block);
    return true;
}

static bool load_scrub(struct sdm_emu *emu, const struct line *line)
{
    uint64_t numbers[3];
    struct sdm_emu_scrub scrub;

    (void)emu;
    if (!read_numbers(line, 2, 3, numbers)) {
        return false;
    }
    scrub = (struct sdm_emu_scrub){numbers[0], numbers[1], (int64_t)numbers[2]};
    g_array_append_val(line->device->scrubs, scrub);
    return true;
}

static const struct {
    const char *word;
    bool (*load)(struct sdm_emu *emu, const struct line *line);
} facts[] = {
    {"device", load_device}, {"connection", load_connection}, {"entry", load_entry},
    {"block", load_block},   {"scrub", load_scrub},
};

static bool load_fact(struct sdm_emu *emu, struct line *line)
{
    if (strcmp(line->words[0], "counters") == 0) {
        return load_counters(emu, line);
    }
    if (line->n_words < 2) {
        return false;
    }
    line->device = sdm_emu_rack_find(emu->rack, line->words[1]);
    if (line->device == NULL) {
        g_warning("the saved state knows a device '%s' that the rack file does not have",
                  line->words[1]);
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(facts); i++) {
        if (strcmp(facts[i].word, line->words[0]) == 0) {
            return facts[i].load(emu, line);
        }
    }
    return false;
}

static bool load_line(struct sdm_emu *emu, char *text)
{
    struct line line = {0};
    char *rest = NULL;

    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (line.n_words == MAX_WORDS) {
            return false;
        }
        line.words[line.n_words++] = word;
    }
    return line.n_words == 0 || load_fact(emu, &line);
}

bool sdm_emu_store_load(struct sdm_emu *emu, GError **error)
{
    g_autofree char *path = state_path(emu);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        return true;
    }
    if (!g_file_get_contents(path, &text, NULL, error)) {
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    if (g_strcmp0(lines[0], header) != 0) {
        return sdm_refuse(error, SDM_ERROR_MALFORMED, "'%s' is no state of an emulated rack", path);
    }
    for (unsigned i = 1; lines[i] != NULL; i++) {
        if (!load_line(emu, lines[i])) {
            return sdm_refuse(error, SDM_ERROR_MALFORMED, "line %u of '%s' cannot be read", i + 1,
                              path);
        }
    }
    return true;
}
