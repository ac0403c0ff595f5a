/* A small rack in a folder of its own: cb0 and cb1, mb0 (8 units, module 1) and mb1 (4 units,
 * module 2) in tray t0 on switch el0; mb2 (module 3) in tray t1 on el1; opt0 joins the two. */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emurack/emu.h"
#include "emurack/rmc.h"
#include "emurack/switch.h"
#include "lib/base/error.h"
#include "lib/netport/netport.h"

static const uint64_t UNIT = UINT64_C(4) << 20;
static const uint64_t BASE = UINT64_C(1) << 30;

struct fixture {
    char *dir;
    struct sdm_emu *emu;
};

/* Time stands still until a test moves it. */
static int64_t fixture_now_us = 1;

static inline int64_t fixture_time(const struct sdm_clock *clock)
{
    (void)clock;
    return fixture_now_us;
}

static const struct sdm_clock fixture_clock = {fixture_time, fixture_time};

static inline void fixture_device(struct sdm_emu_rack *rack, const char *id, enum sdm_emu_kind kind,
                                  const char *tray, unsigned n_ports, uint32_t module)
{
    struct sdm_emu_device device = {.kind = kind, .n_ports = n_ports, .powered = true};

    g_strlcpy(device.id, id, sizeof device.id);
    g_strlcpy(device.tray, tray, sizeof device.tray);
    device.module = module;
    device.wake_ms = 100;
    device.local_bytes = kind == SDM_EMU_COMPUTE ? 2 * UNIT : 0;
    device.capacity_bytes = module == 1 ? 8 * UNIT : 4 * UNIT;
    cr_assert_not_null(sdm_emu_rack_add_device(rack, &device, NULL), "%s", id);
}

static inline struct sdm_emu_rack *fixture_rack(void)
{
    static const struct {
        const char *a;
        unsigned port_a;
        const char *b;
        unsigned port_b;
    } links[] = {
        {"cb0", 0, "el0", 0}, {"cb0", 1, "el0", 1},  {"cb1", 0, "el0", 2},  {"mb0", 0, "el0", 3},
        {"mb0", 1, "el0", 4}, {"mb1", 0, "el0", 5},  {"el0", 6, "opt0", 0}, {"el0", 7, "opt0", 1},
        {"el1", 0, "mb2", 0}, {"el1", 6, "opt0", 2}, {"el1", 7, "opt0", 3},
    };
    struct sdm_emu_rack *rack = sdm_emu_rack_new(UNIT);

    cr_assert(sdm_emu_rack_add_rack(rack, "r0", NULL));
    cr_assert(sdm_emu_rack_add_tray(rack, "t0", "r0", NULL));
    cr_assert(sdm_emu_rack_add_tray(rack, "t1", "r0", NULL));
    fixture_device(rack, "cb0", SDM_EMU_COMPUTE, "t0", 2, 0);
    fixture_device(rack, "cb1", SDM_EMU_COMPUTE, "t0", 1, 0);
    fixture_device(rack, "mb0", SDM_EMU_MEMORY, "t0", 2, 1);
    fixture_device(rack, "mb1", SDM_EMU_MEMORY, "t0", 1, 2);
    fixture_device(rack, "mb2", SDM_EMU_MEMORY, "t1", 1, 3);
    fixture_device(rack, "el0", SDM_EMU_ELECTRICAL, "t0", 8, 0);
    fixture_device(rack, "el1", SDM_EMU_ELECTRICAL, "t1", 8, 0);
    fixture_device(rack, "opt0", SDM_EMU_OPTICAL, "", 8, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(links); i++) {
        cr_assert(sdm_emu_rack_add_link(rack, links[i].a, links[i].port_a, links[i].b,
                                        links[i].port_b, NULL));
    }
    return rack;
}

static inline void fixture_reopen(struct fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    sdm_emu_close(fixture->emu);
    fixture->emu = sdm_emu_open(fixture_rack(), fixture->dir, fixture->dir, &fixture_clock, &error);
    cr_assert_not_null(fixture->emu, "%s", error == NULL ? "" : error->message);
}

static inline void fixture_open(struct fixture *fixture)
{
    fixture->dir = g_dir_make_tmp("emurack-XXXXXX", NULL);
    fixture->emu = NULL;
    fixture_reopen(fixture);
}

static inline int fixture_remove(const char *path, const struct stat *found, int type,
                                 struct FTW *walk)
{
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void fixture_close(struct fixture *fixture)
{
    sdm_emu_close(fixture->emu);
    nftw(fixture->dir, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    g_free(fixture->dir);
}

static inline struct sdm_emu_device *fixture_find(const struct fixture *fixture, const char *id)
{
    return sdm_emu_rack_find(fixture->emu->rack, id);
}

static inline void fixture_connect(const struct fixture *fixture, const char *id, unsigned a,
                                   unsigned b)
{
    cr_assert(sdm_emu_switch_connect(fixture_find(fixture, id), a, b, NULL));
}

/* Takes the error that a refused call left and says which code it was; -1 for none. */
static inline int fixture_code(GError **error)
{
    int code = *error != NULL && (*error)->domain == SDM_ERROR ? (*error)->code : -1;

    g_clear_error(error);
    return code;
}

static inline struct sdm_netport_entry fixture_entry(unsigned port, uint32_t module,
                                                     uint64_t start_bytes, uint64_t size_bytes,
                                                     uint64_t brick_bytes)
{
    struct sdm_netport_window window = {port, module, start_bytes, start_bytes + size_bytes,
                                        brick_bytes};
    struct sdm_netport_entry entry;

    cr_assert(sdm_netport_entry_make(&window, &entry, NULL));
    return entry;
}

/* Maps units of a module; the window stands where the entry's number says. */
static inline const char *fixture_map(const struct fixture *fixture, const char *brick,
                                      unsigned port, unsigned index, uint32_t module,
                                      unsigned first_unit, unsigned n_units, bool shared)
{
    struct sdm_netport_entry entry =
        fixture_entry(port, module, BASE + index * 16 * UNIT, n_units * UNIT, first_unit * UNIT);
    g_autoptr(GError) error = NULL;
    const char *path = NULL;

    cr_assert(sdm_emu_rmc_map(fixture->emu, fixture_find(fixture, brick), index, &entry, shared,
                              &path, &error),
              "%s", error == NULL ? "" : error->message);
    return path;
}

static inline void fixture_put(const char *path, uint64_t offset_bytes, const char *text)
{
    int fd = open(path, O_RDWR);

    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pwrite(fd, text, strlen(text), (off_t)offset_bytes), (ssize_t)strlen(text));
    close(fd);
}

static inline bool fixture_holds(const char *path, uint64_t offset_bytes, const char *text)
{
    char found[64] = {0};
    int fd = open(path, O_RDONLY);

    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(pread(fd, found, strlen(text), (off_t)offset_bytes), (ssize_t)strlen(text));
    close(fd);
    return strcmp(found, text) == 0;
}
