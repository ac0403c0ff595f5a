/* Against a plain folder that looks like sysfs: what is written stays written, and files that are
 * not there or cannot be written stand for a kernel that refuses. */
#include <criterion/criterion.h>

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdm-agent/backend/memblk.h"

enum { BLOCK = 128 << 20 };

struct tree {
    char *root;
    struct sdm_memblk *memblk;
};

static void put(const struct tree *tree, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(tree->root, "devices/system", name, NULL);
    g_autofree char *folder = g_path_get_dirname(path);

    cr_assert_eq(g_mkdir_with_parents(folder, 0755), 0);
    cr_assert(g_file_set_contents(path, text, -1, NULL));
}

static char *get(const struct tree *tree, const char *name)
{
    g_autofree char *path = g_build_filename(tree->root, "devices/system", name, NULL);
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static void put_block(const struct tree *tree, unsigned index, const char *state, const char *zones)
{
    g_autofree char *state_name = g_strdup_printf("memory/memory%u/state", index);
    g_autofree char *zones_name = g_strdup_printf("memory/memory%u/valid_zones", index);

    put(tree, state_name, state);
    put(tree, zones_name, zones);
}

static struct tree tree_new(void)
{
    struct tree tree = {.root = g_strdup("/tmp/sdm-memblk-XXXXXX")};

    cr_assert_not_null(g_mkdtemp(tree.root));
    put(&tree, "memory/block_size_bytes", "8000000\n");
    put(&tree, "memory/probe", "");
    tree.memblk = sdm_memblk_sysfs_new(tree.root);
    return tree;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void tree_free(struct tree *tree)
{
    sdm_memblk_free(tree->memblk);
    nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    g_free(tree->root);
}

Test(memblk, looks_at_what_is_there)
{
    struct tree tree = tree_new();
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_block));
    uint64_t size_bytes;

    put_block(&tree, 8, "online\n", "Movable\n");
    put_block(&tree, 9, "going-offline\n", "Movable\n");
    put_block(&tree, 11, "offline\n", "Normal Movable\n");
    cr_expect(sdm_memblk_block_size(tree.memblk, &size_bytes, NULL));
    cr_expect_eq(size_bytes, BLOCK);
    cr_expect(sdm_memblk_look(tree.memblk, (uint64_t)8 * BLOCK, (uint64_t)4 * BLOCK, blocks, NULL));
    cr_assert_eq(blocks->len, 3);
    for (unsigned i = 0; i < 3; i++) {
        static const struct sdm_found_block wanted[] = {
            {8, SDM_BLOCK_ONLINE}, {9, SDM_BLOCK_GOING}, {11, SDM_BLOCK_OFFLINE}};
        const struct sdm_found_block *block = &g_array_index(blocks, struct sdm_found_block, i);

        cr_expect_eq(block->index, wanted[i].index, "block %u", i);
        cr_expect_eq(block->state, wanted[i].state, "block %u", i);
    }
    tree_free(&tree);
}

Test(memblk, brings_blocks_online_and_says_where)
{
    struct tree tree = tree_new();
    struct sdm_memblk_place place;
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    put_block(&tree, 8, "offline\n", "Normal Movable\n");
    put_block(&tree, 9, "online\n", "Movable\n");
    put(&tree, "memory/memory8/node2/cpulist", "");
    put(&tree, "node/node2/distance", "40 80 10\n");
    cr_expect(
        sdm_memblk_online(tree.memblk, (uint64_t)8 * BLOCK, (uint64_t)2 * BLOCK, &place, &error),
        "%s", error != NULL ? error->message : "");
    first = get(&tree, "memory/memory8/state");
    second = get(&tree, "memory/memory9/state");
    cr_expect(g_str_has_prefix(first, "online_movable"));
    cr_expect_str_eq(second, "online\n");
    cr_expect_eq(place.node, 2);
    cr_expect_eq(place.distance, 40);
    tree_free(&tree);
}

Test(memblk, a_block_that_is_not_there_is_probed)
{
    struct tree tree = tree_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *probe = NULL;

    /* A plain folder does not grow a block by it, so that onlining then fails. */
    cr_expect_not(sdm_memblk_online(tree.memblk, (uint64_t)8 * BLOCK, BLOCK, NULL, &error));
    cr_expect(g_error_matches(error, SDM_ERROR, SDM_ERROR_AGENT_REFUSED));
    probe = get(&tree, "memory/probe");
    cr_expect_str_eq(probe, "0x40000000");
    tree_free(&tree);
}

Test(memblk, what_was_brought_online_goes_back_when_another_block_refuses)
{
    struct tree tree = tree_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    put_block(&tree, 8, "offline\n", "Normal Movable\n");
    put_block(&tree, 9, "online\n", "Movable\n");
    /* Online already, where it can never be given back. */
    put_block(&tree, 10, "online\n", "Normal\n");
    cr_expect_not(
        sdm_memblk_online(tree.memblk, (uint64_t)8 * BLOCK, (uint64_t)3 * BLOCK, NULL, &error));
    cr_expect(g_error_matches(error, SDM_ERROR, SDM_ERROR_AGENT_REFUSED));
    first = get(&tree, "memory/memory8/state");
    second = get(&tree, "memory/memory9/state");
    cr_expect(g_str_has_prefix(first, "offline"), "found '%s'", first);
    cr_expect_str_eq(second, "online\n");
    tree_free(&tree);
}

Test(memblk, takes_offline_what_is_online)
{
    struct tree tree = tree_new();
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    put_block(&tree, 8, "online\n", "Movable\n");
    put_block(&tree, 9, "offline\n", "Normal Movable\n");
    cr_expect(sdm_memblk_offline(tree.memblk, (uint64_t)8 * BLOCK, (uint64_t)3 * BLOCK, NULL));
    first = get(&tree, "memory/memory8/state");
    second = get(&tree, "memory/memory9/state");
    cr_expect(g_str_has_prefix(first, "offline"));
    cr_expect_str_eq(second, "offline\n");
    tree_free(&tree);
}

Test(memblk, ranges_are_whole_blocks)
{
    static const uint64_t ranges[][2] = {{BLOCK / 2, BLOCK}, {BLOCK, BLOCK / 2}, {BLOCK, 0}};
    struct tree tree = tree_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autoptr(GError) on = NULL;
        g_autoptr(GError) off = NULL;

        cr_expect_not(sdm_memblk_online(tree.memblk, ranges[i][0], ranges[i][1], NULL, &on));
        cr_expect(g_error_matches(on, SDM_ERROR, SDM_ERROR_NOT_ALIGNED), "range %u", i);
        cr_expect_not(sdm_memblk_offline(tree.memblk, ranges[i][0], ranges[i][1], &off));
        cr_expect(g_error_matches(off, SDM_ERROR, SDM_ERROR_NOT_ALIGNED), "range %u", i);
    }
    tree_free(&tree);
}

Test(memblk, a_kernel_that_cannot_be_asked)
{
    static const char *const sizes[] = {"", "rubbish\n", "0\n", "8000001\n"};
    struct tree tree = tree_new();
    g_autoptr(sdm_memblk) nowhere = sdm_memblk_sysfs_new("/tmp/sdm-no-such-folder");
    g_autoptr(GError) error = NULL;
    uint64_t size_bytes;

    cr_expect_not(sdm_memblk_block_size(nowhere, &size_bytes, &error));
    cr_expect_eq(error->domain, SDM_UNAVAILABLE);
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        put(&tree, "memory/block_size_bytes", sizes[i]);
        cr_expect_not(sdm_memblk_block_size(tree.memblk, &size_bytes, NULL), "size '%s'", sizes[i]);
    }
    tree_free(&tree);
}
