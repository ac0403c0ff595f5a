/* Drivers of devices: what the controller asks of a switch (S1 optical, S2 electrical) and of a
 * brick's management controller.  A driver of real hardware is one more table of these.
 *
 * Every operation is idempotent: asked for what is so already, a device says ok.  All return false
 * with SDM_ERROR FABRIC_REFUSED or STALE_EPOCH, or SDM_UNAVAILABLE, set. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/fabric/session.h"

/* Two ports of a switch that are, or shall be, connected. */
struct sdm_port_pair {
    int32_t a;
    int32_t b;
};

/* Bytes of a memory brick that compute bricks map, and which. */
struct sdm_fabric_extent {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    char *users; /* joined by commas; owned */
};

struct sdm_switch_driver {
    const char *name;
    bool (*connect)(struct sdm_session *session, struct sdm_port_pair pair, int64_t timeout_ms,
                    GError **error);
    bool (*disconnect)(struct sdm_session *session, struct sdm_port_pair pair, int64_t timeout_ms,
                       GError **error);
    /* Appends struct sdm_port_pair for each connection that the switch has. */
    bool (*list)(struct sdm_session *session, GArray *pairs, int64_t timeout_ms, GError **error);
};

struct sdm_brick_driver {
    const char *name;
    /* Comes back when the brick is ready, or off. */
    bool (*power)(struct sdm_session *session, bool on, int64_t timeout_ms, GError **error);
    /* Takes power from a brick whatever it is used for, and comes back when it is off. */
    bool (*force_off)(struct sdm_session *session, int64_t timeout_ms, GError **error);
    /* Also answered by switches, which are never off. */
    bool (*is_off)(struct sdm_session *session, bool *off, int64_t timeout_ms, GError **error);
    /* Appends struct sdm_fabric_extent for each extent that is mapped. */
    bool (*extents)(struct sdm_session *session, GArray *extents, int64_t timeout_ms,
                    GError **error);
    /* Comes back when every byte of the range reads as zero. */
    bool (*scrub)(struct sdm_session *session, int64_t offset_bytes, int64_t size_bytes,
                  int64_t timeout_ms, GError **error);
};

/* The line protocol of the emulated rack, docs/EMURACK.md. */
extern const struct sdm_switch_driver sdm_optical_switch_line_driver;
extern const struct sdm_switch_driver sdm_electrical_switch_line_driver;
extern const struct sdm_brick_driver sdm_brick_line_driver;
