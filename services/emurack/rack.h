/* The emulated rack as a struct: devices, ports, cables, and what each device is doing.
 *
 * A rack is built part by part (by rack_file.c or a test) and sealed; after that devices are
 * neither added nor moved, so a pointer to one is good until the rack is freed.
 *
 * Thread rule: the described part is constant once sealed; the moving part (below each device's
 * comment) belongs to whoever holds the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/id.h"

enum sdm_emu_kind {
    SDM_EMU_COMPUTE,
    SDM_EMU_MEMORY,
    SDM_EMU_ACCELERATOR,
    SDM_EMU_ELECTRICAL,
    SDM_EMU_OPTICAL,
};

struct sdm_emu_device;

/* The other end of a cable; 'device' is NULL where none is plugged in. */
struct sdm_emu_port {
    struct sdm_emu_device *device;
    unsigned port;
};

/* A cross-connection inside a switch, a < b. */
struct sdm_emu_connection {
    unsigned a;
    unsigned b;
};

struct sdm_emu_device {
    char id[SDM_ID_SIZE];
    enum sdm_emu_kind kind;
    char tray[SDM_ID_SIZE]; /* "" for a switch above trays */
    char rack[SDM_ID_SIZE]; /* "" for a switch between racks */
    unsigned n_ports;
    struct sdm_emu_port *ports;
    uint64_t capacity_bytes; /* memory bricks */
    uint64_t local_bytes;    /* compute bricks */
    uint32_t module;         /* memory bricks: unique in the rack */
    unsigned wake_ms;
    uint64_t idle_mw;
    uint64_t active_mw;

    /* Moving. */
    uint64_t epoch;      /* highest seen */
    bool powered;        /* switches always are */
    int64_t awake_at_us; /* monotonic; on but of no use before */
    bool dead;           /* armed: answers nobody, passes no data */
    GArray *connections; /* of struct sdm_emu_connection, sorted; switches */
    GPtrArray
        *mappings;     /* of struct sdm_emu_mapping, by NetPort entry; compute bricks; see rmc.h */
    GArray *blocks;    /* of struct sdm_emu_block, by index; compute bricks; see blocks.h */
    GArray *scrubs;    /* of struct sdm_emu_scrub, oldest first; memory bricks; see extent.h */
    uint64_t n_scrubs; /* scrubs ever, also those no longer kept */
};

struct sdm_emu_rack {
    uint64_t unit_bytes;
    GPtrArray *devices; /* of struct sdm_emu_device, in the order of the file */
    GHashTable *by_id;
    GHashTable *by_module;
    GHashTable *rack_of_tray;
    GHashTable *rack_ids;
};
typedef struct sdm_emu_rack sdm_emu_rack;

/* 'unit_bytes' is a multiple of a page. */
struct sdm_emu_rack *sdm_emu_rack_new(uint64_t unit_bytes);
void sdm_emu_rack_free(struct sdm_emu_rack *rack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_emu_rack, sdm_emu_rack_free)

/* Each of these refuses with INVALID_TOPOLOGY what does not fit what is there already: an id that
 * is taken or not valid, a tray or rack that does not exist, a module number that is taken, a
 * capacity that is no multiple of the unit, no port at all, a port that is plugged in or does not
 * exist, a cable from a port to itself. */
bool sdm_emu_rack_add_rack(struct sdm_emu_rack *rack, const char *id, GError **error);
bool sdm_emu_rack_add_tray(struct sdm_emu_rack *rack, const char *id, const char *rack_id,
                           GError **error);
/* Copies the described part of 'device'; 'ports' is not read.  'tray' places a brick or switch;
 * else 'rack' does.  'powered' is the state at the first start.  Returns the rack's own device, or
 * NULL. */
struct sdm_emu_device *sdm_emu_rack_add_device(struct sdm_emu_rack *rack,
                                               const struct sdm_emu_device *device, GError **error);
bool sdm_emu_rack_add_link(struct sdm_emu_rack *rack, const char *a, unsigned port_a, const char *b,
                           unsigned port_b, GError **error);

/* NULL when there is none of that id or module. */
struct sdm_emu_device *sdm_emu_rack_find(const struct sdm_emu_rack *rack, const char *id);
struct sdm_emu_device *sdm_emu_rack_find_module(const struct sdm_emu_rack *rack, uint32_t module);

static inline struct sdm_emu_device *sdm_emu_rack_device(const struct sdm_emu_rack *rack,
                                                         unsigned index)
{
    return (struct sdm_emu_device *)g_ptr_array_index(rack->devices, index);
}

/* "compute", "memory", "accelerator", "electrical", "optical". */
const char *sdm_emu_kind_name(enum sdm_emu_kind kind);

static inline bool sdm_emu_is_switch(const struct sdm_emu_device *device)
{
    return device->kind == SDM_EMU_ELECTRICAL || device->kind == SDM_EMU_OPTICAL;
}
