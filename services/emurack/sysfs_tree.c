#include "emurack/sysfs_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "emurack/blocks.h"
#include "emurack/store.h"

enum { KIB_BYTES = 1024 };

typedef struct sdm_emu_target target_t;

struct sdm_emu_attribute {
    enum sdm_emu_place folder;
    const char *name;
    void (*show)(const struct sdm_emu *emu, const target_t *target, GString *text);
    int (*store)(struct sdm_emu *emu, const target_t *target, const char *word);
};

static const struct sdm_emu_block *block_of(const target_t *target)
{
    return sdm_emu_blocks_find(target->device, target->block);
}

static const struct sdm_emu_block *block_at(const struct sdm_emu_device *device, unsigned position)
{
    return &g_array_index(device->blocks, struct sdm_emu_block, position);
}

/* Reads a number as the kernel's kstrtoull(s, 0): all of the word, base by its prefix. */
static bool read_number(const char *word, uint64_t *number)
{
    char *end;

    if (!g_ascii_isdigit(word[0])) {
        return false;
    }
    errno = 0;
    *number = g_ascii_strtoull(word, &end, 0);
    return errno == 0 && *end == '\0';
}

static void show_block_size(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)target;
    g_string_append_printf(text, "%" PRIx64 "\n", emu->rack->unit_bytes);
}

static void show_auto_online(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    (void)target;
    g_string_append(text, "offline\n");
}

static int store_probe(struct sdm_emu *emu, const target_t *target, const char *word)
{
    uint64_t address_bytes;

    return read_number(word, &address_bytes)
               ? sdm_emu_blocks_probe(emu->rack, target->device, address_bytes)
               : -EINVAL;
}

static int store_remove(struct sdm_emu *emu, const target_t *target, const char *word)
{
    uint64_t address_bytes;

    return read_number(word, &address_bytes)
               ? sdm_emu_blocks_remove(emu->rack, target->device, address_bytes)
               : -EINVAL;
}

static void show_state(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    g_string_append_printf(text, "%s\n", sdm_emu_block_state_name(block_of(target)));
}

static int store_state(struct sdm_emu *emu, const target_t *target, const char *word)
{
    (void)emu;
    return sdm_emu_blocks_set_state(sdm_emu_blocks_find(target->device, target->block), word);
}

static void show_online(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    g_string_append_printf(text, "%d\n", sdm_emu_block_is_online(block_of(target)));
}

/* Unlike 'state', 'online' takes what is so already. */
static int store_online(struct sdm_emu *emu, const target_t *target, const char *word)
{
    bool wanted = word[0] == '1';

    if (strcmp(word, "0") != 0 && strcmp(word, "1") != 0) {
        return -EINVAL;
    }
    if (wanted == sdm_emu_block_is_online(block_of(target))) {
        return 0;
    }
    return store_state(emu, target, wanted ? "online" : "offline");
}

static void show_zones(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    g_string_append_printf(text, "%s\n", sdm_emu_block_zones(block_of(target)));
}

static void show_phys_index(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    g_string_append_printf(text, "%08" PRIx64 "\n", target->block);
}

static void show_phys_device(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    (void)target;
    g_string_append(text, "0\n");
}

static void show_removable(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    (void)target;
    g_string_append(text, "1\n");
}

static void append_nodes(const struct sdm_emu_device *device, GString *text)
{
    const char *separator = "";

    for (unsigned node = 0; node < SDM_EMU_N_NODES; node++) {
        if (sdm_emu_blocks_have_node(device, node)) {
            g_string_append_printf(text, "%s%u", separator, node);
            separator = ",";
        }
    }
    g_string_append_c(text, '\n');
}

static void show_nodes(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    append_nodes(target->device, text);
}

static void show_possible(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    (void)target;
    g_string_append_printf(text, "0-%d\n", SDM_EMU_N_NODES - 1);
}

static void show_meminfo(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    uint64_t n_online = 0;
    uint64_t total_kib;

    for (unsigned i = 0; i < target->device->blocks->len; i++) {
        const struct sdm_emu_block *block = block_at(target->device, i);

        n_online += block->node == target->node && sdm_emu_block_is_online(block);
    }
    total_kib = n_online * (emu->rack->unit_bytes / KIB_BYTES);
    g_string_append_printf(text, "Node %u MemTotal:       %" PRIu64 " kB\n", target->node,
                           total_kib);
    g_string_append_printf(text, "Node %u MemFree:        %" PRIu64 " kB\n", target->node,
                           total_kib);
    g_string_append_printf(text, "Node %u MemUsed:        0 kB\n", target->node);
}

/* One number for every node that is online, in their order. */
static void show_distance(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    const char *separator = "";

    (void)emu;
    for (unsigned node = 0; node < SDM_EMU_N_NODES; node++) {
        if (sdm_emu_blocks_have_node(target->device, node)) {
            g_string_append_printf(text, "%s%u", separator,
                                   sdm_emu_node_distance(target->node, node));
            separator = " ";
        }
    }
    g_string_append_c(text, '\n');
}

static void show_cpulist(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    (void)emu;
    g_string_append(text, target->node == SDM_EMU_NODE_LOCAL ? "0-3\n" : "\n");
}

static const struct sdm_emu_attribute attributes[] = {
    {SDM_EMU_PLACE_MEMORY, "block_size_bytes", show_block_size, NULL},
    {SDM_EMU_PLACE_MEMORY, "auto_online_blocks", show_auto_online, NULL},
    {SDM_EMU_PLACE_MEMORY, "probe", NULL, store_probe},
    {SDM_EMU_PLACE_MEMORY, "remove", NULL, store_remove},
    {SDM_EMU_PLACE_BLOCK, "state", show_state, store_state},
    {SDM_EMU_PLACE_BLOCK, "online", show_online, store_online},
    {SDM_EMU_PLACE_BLOCK, "valid_zones", show_zones, NULL},
    {SDM_EMU_PLACE_BLOCK, "phys_index", show_phys_index, NULL},
    {SDM_EMU_PLACE_BLOCK, "phys_device", show_phys_device, NULL},
    {SDM_EMU_PLACE_BLOCK, "removable", show_removable, NULL},
    {SDM_EMU_PLACE_NODES, "online", show_nodes, NULL},
    {SDM_EMU_PLACE_NODES, "has_memory", show_nodes, NULL},
    {SDM_EMU_PLACE_NODES, "possible", show_possible, NULL},
    {SDM_EMU_PLACE_NODE, "meminfo", show_meminfo, NULL},
    {SDM_EMU_PLACE_NODE, "distance", show_distance, NULL},
    {SDM_EMU_PLACE_NODE, "cpulist", show_cpulist, NULL},
};

static const struct sdm_emu_attribute *find_attribute(enum sdm_emu_place folder, const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if (attributes[i].folder == folder && strcmp(attributes[i].name, name) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

/* Reads "memory12" or "node1": the prefix and a number without leading zeroes. */
static bool read_member(const char *name, const char *prefix, uint64_t *number)
{
    size_t length = strlen(prefix);

    if (strncmp(name, prefix, length) != 0 || (name[length] == '0' && name[length + 1] != '\0')) {
        return false;
    }
    return g_ascii_string_to_unsigned(name + length, 10, 0, G_MAXUINT64, number, NULL);
}

static bool find_block(const char *name, target_t *target)
{
    if (!read_member(name, "memory", &target->block)) {
        return false;
    }
    target->place = SDM_EMU_PLACE_BLOCK;
    return block_of(target) != NULL;
}

static bool find_node(const char *name, target_t *target)
{
    uint64_t node;

    if (!read_member(name, "node", &node) || node >= SDM_EMU_N_NODES ||
        !sdm_emu_blocks_have_node(target->device, (unsigned)node)) {
        return false;
    }
    target->node = (unsigned)node;
    target->place = SDM_EMU_PLACE_NODE;
    return true;
}

/* A block links to its node, and a node to its blocks. */
static bool find_link(const char *name, target_t *target)
{
    target_t other = *target;

    if (target->place == SDM_EMU_PLACE_BLOCK) {
        if (!find_node(name, &other) || block_of(target)->node != other.node) {
            return false;
        }
        g_snprintf(target->link, sizeof target->link, "../../node/node%u", other.node);
    } else if (target->place == SDM_EMU_PLACE_NODE) {
        if (!find_block(name, &other) || block_of(&other)->node != target->node) {
            return false;
        }
        g_snprintf(target->link, sizeof target->link, "../../memory/memory%" PRIu64, other.block);
    } else {
        return false;
    }
    target->place = SDM_EMU_PLACE_LINK;
    return true;
}

/* Steps from a folder to what it holds under this name. */
static bool step(const char *name, target_t *target)
{
    const struct sdm_emu_attribute *attribute = find_attribute(target->place, name);

    if (attribute != NULL) {
        target->attribute = attribute;
        target->place = SDM_EMU_PLACE_ATTRIBUTE;
        return true;
    }
    switch (target->place) {
    case SDM_EMU_PLACE_BRICK:
        target->place = SDM_EMU_PLACE_DEVICES;
        return target->device->powered && strcmp(name, "devices") == 0;
    case SDM_EMU_PLACE_DEVICES:
        target->place = SDM_EMU_PLACE_SYSTEM;
        return strcmp(name, "system") == 0;
    case SDM_EMU_PLACE_SYSTEM:
        target->place = strcmp(name, "memory") == 0 ? SDM_EMU_PLACE_MEMORY : SDM_EMU_PLACE_NODES;
        return strcmp(name, "memory") == 0 || strcmp(name, "node") == 0;
    case SDM_EMU_PLACE_MEMORY:
        return find_block(name, target);
    case SDM_EMU_PLACE_NODES:
        return find_node(name, target);
    default:
        return find_link(name, target);
    }
}

int sdm_emu_tree_find(const struct sdm_emu *emu, const char *path, target_t *target)
{
    g_auto(GStrv) words = g_strsplit(path + 1, "/", -1);

    memset(target, 0, sizeof *target);
    if (words[0] == NULL || words[0][0] == '\0') {
        return 0;
    }
    target->device = sdm_emu_rack_find(emu->rack, words[0]);
    if (target->device == NULL || target->device->kind != SDM_EMU_COMPUTE) {
        return -ENOENT;
    }
    target->place = SDM_EMU_PLACE_BRICK;
    for (unsigned i = 1; words[i] != NULL; i++) {
        if (!step(words[i], target)) {
            return -ENOENT;
        }
    }
    return 0;
}

mode_t sdm_emu_tree_mode(const target_t *target)
{
    if (target->place == SDM_EMU_PLACE_LINK) {
        return S_IFLNK | 0777;
    }
    if (target->place == SDM_EMU_PLACE_ATTRIBUTE) {
        return S_IFREG | (target->attribute->show != NULL ? 0444 : 0) |
               (target->attribute->store != NULL ? 0200 : 0);
    }
    return S_IFDIR | 0755;
}

typedef void add_fn(void *user, const char *name);

static void list_bricks(const struct sdm_emu *emu, add_fn *add, void *user)
{
    for (unsigned i = 0; i < emu->rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(emu->rack, i);

        if (device->kind == SDM_EMU_COMPUTE) {
            add(user, device->id);
        }
    }
}

/* The blocks of one node, or of all when 'node' is SDM_EMU_N_NODES. */
static void list_blocks(const struct sdm_emu_device *device, unsigned node, add_fn *add, void *user)
{
    for (unsigned i = 0; i < device->blocks->len; i++) {
        const struct sdm_emu_block *block = block_at(device, i);
        char name[32];

        if (node == SDM_EMU_N_NODES || block->node == node) {
            g_snprintf(name, sizeof name, "memory%" PRIu64, block->index);
            add(user, name);
        }
    }
}

static void list_node(unsigned node, add_fn *add, void *user)
{
    char name[16];

    g_snprintf(name, sizeof name, "node%u", node);
    add(user, name);
}

int sdm_emu_tree_list(const struct sdm_emu *emu, const target_t *target, add_fn *add, void *user)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        if (attributes[i].folder == target->place) {
            add(user, attributes[i].name);
        }
    }
    switch (target->place) {
    case SDM_EMU_PLACE_ROOT:
        list_bricks(emu, add, user);
        return 0;
    case SDM_EMU_PLACE_BRICK:
        if (target->device->powered) {
            add(user, "devices");
        }
        return 0;
    case SDM_EMU_PLACE_DEVICES:
        add(user, "system");
        return 0;
    case SDM_EMU_PLACE_SYSTEM:
        add(user, "memory");
        add(user, "node");
        return 0;
    case SDM_EMU_PLACE_MEMORY:
        list_blocks(target->device, SDM_EMU_N_NODES, add, user);
        return 0;
    case SDM_EMU_PLACE_NODES:
        for (unsigned node = 0; node < SDM_EMU_N_NODES; node++) {
            if (sdm_emu_blocks_have_node(target->device, node)) {
                list_node(node, add, user);
            }
        }
        return 0;
    case SDM_EMU_PLACE_BLOCK:
        list_node(block_of(target)->node, add, user);
        return 0;
    case SDM_EMU_PLACE_NODE:
        list_blocks(target->device, target->node, add, user);
        return 0;
    default:
        return -ENOTDIR;
    }
}

int sdm_emu_tree_read(const struct sdm_emu *emu, const target_t *target, GString *text)
{
    if (target->place != SDM_EMU_PLACE_ATTRIBUTE) {
        return -EISDIR;
    }
    if (target->attribute->show == NULL) {
        return -EACCES;
    }
    target->attribute->show(emu, target, text);
    return 0;
}

int sdm_emu_tree_write(struct sdm_emu *emu, const target_t *target, const char *word)
{
    g_autoptr(GError) error = NULL;
    int result;

    if (target->place != SDM_EMU_PLACE_ATTRIBUTE || target->attribute->store == NULL) {
        return -EACCES;
    }
    result = target->attribute->store(emu, target, word);
    if (result != 0) {
        return result;
    }
    if (!sdm_emu_store_save(emu, &error)) {
        g_warning("%s", error->message);
        return -EIO;
    }
    return 0;
}

const char *sdm_emu_tree_operation(const target_t *target, const char *word)
{
    if (target->place != SDM_EMU_PLACE_ATTRIBUTE || target->attribute->store == NULL) {
        return NULL;
    }
    if (target->attribute->store == store_online) {
        return strcmp(word, "0") == 0 ? "offline" : "online";
    }
    return target->attribute->store == store_state ? word : target->attribute->name;
}
