#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/netport/netport.h"

static const uint64_t GIB = UINT64_C(1) << 30;

static struct sdm_netport_entry live(uint32_t start, uint32_t end)
{
    return (struct sdm_netport_entry){.info = 1, .start = start, .end = end, .offset = start};
}

/* Takes the error that a refused call left and says which code it was; -1 for none. */
static int taken_code(GError **error)
{
    int code = *error != NULL && (*error)->domain == SDM_ERROR ? (*error)->code : -1;

    g_clear_error(error);
    return code;
}

Test(netport, windows_become_entries_and_come_back)
{
    static const struct {
        const char *label;
        struct sdm_netport_window window;
        struct sdm_netport_entry entry;
    } cases[] = {
        {"subtract",
         {3, 7, 0x40000000, 0x48000000, 0x8000000},
         {0x03000007, 0x40000, 0x48000, 0x38000}},
        {"add",
         {127, 0xffffff, 0x40000000, 0x40001000, UINT64_C(0x100000000)},
         {0xffffffff, 0x40000, 0x40001, 0xc0000}},
        {"same byte",
         {0, 1, 0x80000000, 0xc0000000, 0x80000000},
         {0x80000001, 0x80000, 0xc0000, 0}},
        {"last page",
         {0, 0, UINT64_C(0xffffffe0000), UINT64_C(0xffffffff000), 0},
         {0, 0xffffffe0, 0xffffffff, 0xffffffe0}},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_netport_entry entry = {0};
        struct sdm_netport_window window;

        cr_assert(sdm_netport_entry_make(&cases[i].window, &entry, NULL), "%s", cases[i].label);
        cr_assert(sdm_netport_entry_equal(&entry, &cases[i].entry), "%s: %x %x %x %x",
                  cases[i].label, entry.info, entry.start, entry.end, entry.offset);
        sdm_netport_entry_read(&entry, &window);
        cr_assert_eq(window.port, cases[i].window.port, "%s", cases[i].label);
        cr_assert_eq(window.module, cases[i].window.module, "%s", cases[i].label);
        cr_assert_eq(window.start_bytes, cases[i].window.start_bytes, "%s", cases[i].label);
        cr_assert_eq(window.end_bytes, cases[i].window.end_bytes, "%s", cases[i].label);
        cr_assert_eq(window.brick_bytes, cases[i].window.brick_bytes, "%s", cases[i].label);
    }
}

Test(netport, windows_that_no_entry_can_hold)
{
    static const struct {
        const char *label;
        struct sdm_netport_window window;
        int code;
    } cases[] = {
        {"port", {128, 0, 0x40000000, 0x48000000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"module", {0, 0x1000000, 0x40000000, 0x48000000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"start not a page", {0, 0, 0x40000800, 0x48000000, 0}, SDM_ERROR_NOT_ALIGNED},
        {"end not a page", {0, 0, 0x40000000, 0x48000001, 0}, SDM_ERROR_NOT_ALIGNED},
        {"brick byte not a page", {0, 0, 0x40000000, 0x48000000, 12}, SDM_ERROR_NOT_ALIGNED},
        {"below 1 GiB", {0, 0, 0x3ffff000, 0x48000000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"reversed", {0, 0, 0x48000000, 0x40000000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"empty", {0, 0, 0x40000000, 0x40000000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"end at 16 TiB", {0, 0, 0x40000000, UINT64_C(1) << 44, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"start beyond", {0, 0, UINT64_C(1) << 45, UINT64_C(1) << 46, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"brick byte beyond",
         {0, 0, 0x40000000, 0x48000000, UINT64_C(1) << 46},
         SDM_ERROR_OUT_OF_RANGE},
        {"window runs past the module",
         {0, 0, 0x40000000, 0x48000000, (UINT64_C(1) << 44) - 4096},
         SDM_ERROR_OUT_OF_RANGE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_netport_entry entry = live(5, 6);
        struct sdm_netport_entry before = entry;
        GError *error = NULL;

        cr_assert_not(sdm_netport_entry_make(&cases[i].window, &entry, &error), "%s",
                      cases[i].label);
        cr_assert_eq(taken_code(&error), cases[i].code, "%s", cases[i].label);
        cr_assert(sdm_netport_entry_equal(&entry, &before), "%s", cases[i].label);
    }
}

Test(netport, direction_given_by_hand)
{
    struct sdm_netport_window window = {2, 9, 2 * GIB, 3 * GIB, 0};
    struct sdm_netport_entry entry;
    GError *error = NULL;

    cr_assert(sdm_netport_entry_pack(true, GIB, &window, &entry, NULL));
    cr_assert_eq(entry.info, 0x82000009);
    cr_assert(sdm_netport_entry_pack(false, GIB, &window, &entry, NULL));
    cr_assert_eq(entry.info, 0x02000009);
    cr_assert_not(sdm_netport_entry_pack(false, 2 * GIB + 4096, &window, &entry, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_OUT_OF_RANGE);
}

Test(netport, entries_from_a_stranger)
{
    static const struct {
        const char *label;
        struct sdm_netport_entry entry;
        int code;
    } cases[] = {
        {"zero", {0, 0, 0, 0}, -1},
        {"empty with rubbish", {0xffffffff, 5, 5, 0xffffffff}, -1},
        {"live", {0x80000000, 0x40000, 0x40001, 0}, -1},
        {"reversed", {0, 0x40001, 0x40000, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"below 1 GiB", {0, 0x3ffff, 0x40001, 0}, SDM_ERROR_OUT_OF_RANGE},
        {"below byte 0", {0, 0x40000, 0x40001, 0x40001}, SDM_ERROR_OUT_OF_RANGE},
        {"add beyond", {0x80000000, 0x40000, 0x40001, 0xffffffff}, SDM_ERROR_OUT_OF_RANGE},
        {"subtract from the top", {0, 0xfffffff0, 0xffffffff, 0xfffffff0}, -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        bool valid = sdm_netport_entry_validate(&cases[i].entry, &error);

        cr_assert_eq(valid, cases[i].code == -1, "%s", cases[i].label);
        cr_assert_eq(taken_code(&error), cases[i].code, "%s", cases[i].label);
    }
}

Test(netport, bytes_are_little_endian)
{
    static const uint8_t wanted[SDM_NETPORT_ENTRY_BYTES] = {4, 3, 2, 0x81, 8,    7,    6,    5,
                                                            9, 8, 7, 6,    0xdd, 0xcc, 0xbb, 0xaa};
    struct sdm_netport_entry entry = {0x81020304, 0x05060708, 0x06070809, 0xaabbccdd};
    struct sdm_netport_entry back;
    uint8_t bytes[SDM_NETPORT_ENTRY_BYTES];

    sdm_netport_entry_encode(&entry, bytes);
    cr_assert_arr_eq(bytes, wanted, sizeof wanted);
    sdm_netport_entry_decode(bytes, &back);
    cr_assert(sdm_netport_entry_equal(&entry, &back));
}

Test(netport, register_files)
{
    static struct sdm_netport_entry table[SDM_NETPORT_N_ENTRIES];
    static _Alignas(uint32_t) uint8_t file[SDM_NETPORT_FILE_BYTES];
    struct sdm_netport_entry entries[2] = {live(0x40000, 0x40001), live(0x50000, 0x60000)};
    GError *error = NULL;

    memset(table, 0xff, sizeof table);
    sdm_netport_file_encode(entries, 2, file);
    cr_assert(sdm_netport_file_decode(file, 32, table, NULL));
    cr_assert(sdm_netport_entry_equal(&table[0], &entries[0]));
    cr_assert(sdm_netport_entry_equal(&table[1], &entries[1]));
    cr_assert(sdm_netport_entry_is_empty(&table[2]));
    cr_assert(sdm_netport_entry_is_empty(&table[SDM_NETPORT_N_ENTRIES - 1]));

    sdm_netport_file_store(file, SDM_NETPORT_N_ENTRIES - 1, &entries[1]);
    cr_assert(sdm_netport_file_decode(file, sizeof file, table, NULL));
    cr_assert(sdm_netport_entry_equal(&table[SDM_NETPORT_N_ENTRIES - 1], &entries[1]));

    cr_assert_not(sdm_netport_file_decode(file, 33, table, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_OUT_OF_RANGE);
    cr_assert_not(sdm_netport_file_decode(file, sizeof file + 16, table, &error));
    cr_assert_eq(taken_code(&error), SDM_ERROR_OUT_OF_RANGE);
}

Test(netport, addresses_are_decoded)
{
    static const struct {
        const char *label;
        uint64_t address;
        int code;
        struct sdm_netport_hit hit;
    } cases[] = {
        {"own memory", 0x3fffffff, SDM_ERROR_OUT_OF_RANGE, {0}},
        {"between windows", 0x48000000, SDM_ERROR_NOT_FOUND, {0}},
        {"first byte", 0x40000000, -1, {1, 3, 7, 0x8000000}},
        {"inside a page", 0x40000fff, -1, {1, 3, 7, 0x8000fff}},
        {"last byte", 0x47ffffff, -1, {1, 3, 7, 0xfffffff}},
        {"added", 0x80001000, -1, {3, 0, 2, UINT64_C(0x100001000)}},
        {"empty entry", 0x90000000, SDM_ERROR_NOT_FOUND, {0}},
        {"bad offset", 0xa0000000, SDM_ERROR_OUT_OF_RANGE, {0}},
        {"beyond 16 TiB", UINT64_MAX, SDM_ERROR_NOT_FOUND, {0}},
    };
    struct sdm_netport_window windows[2] = {{3, 7, 0x40000000, 0x48000000, 0x8000000},
                                            {0, 2, 0x80000000, 0x88000000, 4 * GIB}};
    struct sdm_netport_entry table[6] = {0};

    cr_assert(sdm_netport_entry_make(&windows[0], &table[1], NULL));
    cr_assert(sdm_netport_entry_make(&windows[1], &table[3], NULL));
    table[4] = live(0x90000, 0x90000);
    table[5] = (struct sdm_netport_entry){0, 0xa0000, 0xa0001, 0xb0000};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sdm_netport_hit hit = {0};
        GError *error = NULL;
        bool found = sdm_netport_translate(table, 6, cases[i].address, &hit, &error);

        cr_assert_eq(found, cases[i].code == -1, "%s", cases[i].label);
        cr_assert_eq(taken_code(&error), cases[i].code, "%s", cases[i].label);
        cr_assert_eq(hit.index, cases[i].hit.index, "%s", cases[i].label);
        cr_assert_eq(hit.port, cases[i].hit.port, "%s", cases[i].label);
        cr_assert_eq(hit.module, cases[i].hit.module, "%s", cases[i].label);
        cr_assert_eq(hit.brick_bytes, cases[i].hit.brick_bytes, "%s", cases[i].label);
    }
}

Test(netport, overlaps_with_one_entry)
{
    struct sdm_netport_entry table[3] = {live(10, 20), live(20, 20), live(30, 40)};
    struct sdm_netport_entry touching = live(20, 30);
    struct sdm_netport_entry crossing = live(19, 31);
    struct sdm_netport_entry empty = live(35, 35);
    unsigned other = 99;

    cr_assert_not(sdm_netport_overlaps(table, 3, 1, &touching, &other));
    cr_assert_not(sdm_netport_overlaps(table, 3, 1, &empty, &other));
    cr_assert_eq(other, 99);
    cr_assert(sdm_netport_overlaps(table, 3, 1, &crossing, &other));
    cr_assert_eq(other, 0);
    cr_assert(sdm_netport_overlaps(table, 3, 0, &crossing, &other));
    cr_assert_eq(other, 2);
}

Test(netport, overlaps_within_a_table)
{
    static struct sdm_netport_entry table[SDM_NETPORT_N_ENTRIES];
    unsigned a = 0;
    unsigned b = 0;

    for (unsigned i = 0; i < SDM_NETPORT_N_ENTRIES; i++) {
        uint32_t start = 0x40000 + (SDM_NETPORT_N_ENTRIES - i) * 16;

        table[i] = live(start, start + 16);
    }
    cr_assert_not(sdm_netport_find_overlap(table, SDM_NETPORT_N_ENTRIES, &a, &b));
    cr_assert_not(sdm_netport_find_overlap(table, 0, &a, &b));
    table[100].end++;
    cr_assert(sdm_netport_find_overlap(table, SDM_NETPORT_N_ENTRIES, &a, &b));
    cr_assert_eq(a, 99);
    cr_assert_eq(b, 100);
    /* A long window hides no later overlap: it overlaps its own next neighbour. */
    table[100].end--;
    table[4000].end = table[10].start + 8;
    cr_assert(sdm_netport_find_overlap(table, SDM_NETPORT_N_ENTRIES, &a, &b));
    cr_assert_eq(a, 3999);
    cr_assert_eq(b, 4000);
}
